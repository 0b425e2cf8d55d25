/* Frame -> short-time energy and zero crossings: edge/frontend/energy.py, bit for bit. */
#include "airway_stages.h"

static int32_t sum_of(const int16_t *samples, int32_t count) {
    int32_t total = 0, i;
    for (i = 0; i < count; i++) {
        total += samples[i];
    }
    return total;
}

int16_t airway_log_energy(const int16_t *samples, const airway_tables *tables) {
    const int32_t count = tables->window_samples;
    const int64_t total = sum_of(samples, count);
    int64_t squares = 0;
    int32_t i;
    for (i = 0; i < count; i++) {
        squares += (int32_t)samples[i] * samples[i];
    }
    /* N^2 times the variance, exactly; below 2^52. */
    return airway_to_q7(airway_log2_above_floor(count * squares - total * total,
                                                *tables->energy_offset_q20, tables->log2_q20));
}

int16_t airway_zero_crossings(const int16_t *samples, const airway_tables *tables) {
    const int32_t count = tables->window_samples;
    const int32_t total = sum_of(samples, count);
    bool before = samples[0] * count < total; /* below the mean */
    int32_t crossings = 0, i;
    for (i = 1; i < count; i++) {
        const bool below = samples[i] * count < total;
        crossings += below != before;
        before = below;
    }
    return (int16_t)crossings;
}
