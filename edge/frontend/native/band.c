/* Band filter: the second-order sections of edge/frontend/band.py, bit for bit. */
#include <string.h>

#include "airway_stages.h"

#define COEFFICIENT_BITS 30
#define FRACTION_BITS 12 /* of samples between sections */
#define LIMIT ((int32_t)1 << 30)

void airway_band_init(airway_band *band, const int32_t *values_q30, int32_t sections) {
    band->values_q30 = values_q30;
    band->sections = sections;
    airway_band_reset(band);
}

void airway_band_reset(airway_band *band) {
    memset(band->state, 0, sizeof band->state);
}

/* Direct form I; what a rounding took is added to the next sum. Inputs and outputs stay within
 * 2^30 and a section's coefficients add up to seven at most, so 2^63 is not met. */
static inline int32_t section(airway_section *state, const int32_t *b_a_q30, int32_t x) {
    const int64_t total = (int64_t)b_a_q30[0] * x + (int64_t)b_a_q30[1] * state->x1 +
                          (int64_t)b_a_q30[2] * state->x2 + state->rest -
                          (int64_t)b_a_q30[3] * state->y1 - (int64_t)b_a_q30[4] * state->y2;
    const int64_t y = total >> COEFFICIENT_BITS;
    state->rest = (int32_t)(total & (((int64_t)1 << COEFFICIENT_BITS) - 1));
    state->x2 = state->x1;
    state->x1 = x;
    state->y2 = state->y1;
    state->y1 = (int32_t)(y > LIMIT ? LIMIT : y < -LIMIT ? -LIMIT : y);
    return state->y1;
}

void airway_band_push(airway_band *band, const int16_t *in, size_t count, int16_t *out) {
    size_t i;
    if (band->sections == 0) {
        if (count > 0) {
            memcpy(out, in, count * sizeof *in);
        }
        return;
    }
    for (i = 0; i < count; i++) {
        int32_t x = in[i] * ((int32_t)1 << FRACTION_BITS);
        int32_t s;
        for (s = 0; s < band->sections; s++) {
            x = section(&band->state[s], band->values_q30 + 5 * s, x);
        }
        out[i] = airway_saturate(airway_rounded_shift(x, FRACTION_BITS));
    }
}
