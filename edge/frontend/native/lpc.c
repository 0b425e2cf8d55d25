/* Frame -> reflection coefficients: edge/frontend/lpc.py, bit for bit. */
#include "airway_stages.h"

#define SAMPLE_BITS 24 /* of windowed samples: 2,048 squares of them stay below 2^63 */
#define LAG_BITS 30
#define ONE_Q30 ((int32_t)1 << 30)

/* x / divisor towards minus infinity, as Python divides. */
static inline int64_t floored_quotient(int64_t x, int64_t divisor) {
    const int64_t quotient = x / divisor; /* towards zero */
    return x % divisor < 0 ? quotient - 1 : quotient;
}

/* Scaled by a power of two, so that lag 0 is from 2^29 to 1.0001 * 2^30, or 0 for silence. */
static void autocorrelation(const int32_t *x, const airway_tables *tables, int32_t *r) {
    const int32_t length = tables->window_samples;
    int down = 0;
    int32_t lag, i;
    for (lag = 0; lag <= tables->lpc_order; lag++) {
        int64_t sum = 0;
        for (i = lag; i < length; i++) {
            sum += (int64_t)x[i - lag] * x[i];
        }
        if (lag == 0) {
            down = airway_bit_length((uint64_t)sum) - 30;
        }
        sum = down > 0 ? sum >> down : sum * ((int64_t)1 << -down);
        r[lag] = (int32_t)airway_rounded_shift(sum * tables->lag_window_q30[lag], LAG_BITS);
    }
}

/* The next coefficient, Q30; the division rounds to the nearest. */
static inline int32_t next_coefficient(int32_t energy, int32_t v) {
    int64_t k;
    if (energy <= 0) {
        return 0;
    }
    k = floored_quotient(-(int64_t)v * ((int64_t)1 << 31) + energy, 2 * (int64_t)energy);
    return (int32_t)(k > ONE_Q30 - 1 ? ONE_Q30 - 1 : k < 1 - ONE_Q30 ? 1 - ONE_Q30 : k);
}

void airway_reflection(const int16_t *samples, const airway_tables *tables, int32_t *scratch,
                       int16_t *k_q15) {
    const airway_scaling scaling = airway_scaling_of(samples, tables->window_samples);
    const int32_t order = tables->lpc_order;
    int32_t r[AIRWAY_LPC_ORDER + 1];
    int32_t u[AIRWAY_LPC_ORDER], v[AIRWAY_LPC_ORDER]; /* forward and backward generator */
    int32_t m, i;
    for (i = 0; i < tables->window_samples; i++) {
        const int32_t x = airway_windowed(samples[i], &scaling, tables->window_q30[i]);
        scratch[i] = (int32_t)airway_rounded_shift(x, AIRWAY_FRAME_BITS - SAMPLE_BITS);
    }
    autocorrelation(scratch, tables, r);
    for (i = 0; i < order; i++) {
        u[i] = r[i];
        v[i] = r[i + 1];
    }
    for (m = 0; m < order; m++) {
        const int32_t k = next_coefficient(u[0], v[0]);
        const int64_t rounded = airway_rounded_shift(k, 15);
        k_q15[m] = (int16_t)(rounded > INT16_MAX ? INT16_MAX
                                                 : rounded < -INT16_MAX ? -INT16_MAX : rounded);
        for (i = 0; i + 1 < order - m; i++) {
            u[i] = (int32_t)(u[i] + airway_rounded_shift((int64_t)k * v[i], 30));
            v[i] = (int32_t)(v[i + 1] + airway_rounded_shift((int64_t)k * u[i + 1], 30));
        }
    }
}
