/* The stages of one frame, in their order, and the arithmetic they share. */
#ifndef AIRWAY_STAGES_H
#define AIRWAY_STAGES_H

#include "airway_frontend.h"

/* C leaves the right shift of a negative number to the compiler: hold it to the arithmetic one. */
typedef char airway_shifts_are_arithmetic[(-1 >> 1) == -1 ? 1 : -1];

/* x / 2^bits to the nearest integer, halves upwards. */
static inline int64_t airway_rounded_shift(int64_t x, int bits) {
    return (x + ((int64_t)1 << (bits - 1))) >> bits;
}

/* x / divisor to the nearest integer, halves upwards. */
static inline int64_t airway_rounded_quotient(int64_t x, int32_t divisor) {
    const int64_t doubled = 2 * x + divisor;
    const int64_t quotient = doubled / (2 * (int64_t)divisor); /* towards zero */
    return doubled % (2 * (int64_t)divisor) < 0 ? quotient - 1 : quotient;
}

/* Bits of a non-negative number; 0 for 0. */
static inline int airway_bit_length(uint64_t x) {
#if defined(__GNUC__)
    return x == 0 ? 0 : 64 - __builtin_clzll(x);
#else
    int length = 0;
    int step;
    for (step = 32; step > 0; step /= 2) {
        if (x >> step) {
            length += step;
            x >>= step;
        }
    }
    return length + (int)x;
#endif
}

static inline int16_t airway_saturate(int64_t x) {
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

/* x times w, rounded. */
static inline airway_complex airway_twist(airway_complex x, int32_t w_re, int32_t w_im) {
    airway_complex t;
    t.re = (int32_t)airway_rounded_shift((int64_t)x.re * w_re - (int64_t)x.im * w_im, 30);
    t.im = (int32_t)airway_rounded_shift((int64_t)x.re * w_im + (int64_t)x.im * w_re, 30);
    return t;
}

/* Whether all values are from low to high. */
bool airway_within(const int32_t *values, int32_t count, int32_t low, int32_t high);

/* Whether the twiddles of a transform, fft_size / 2 of them, go from 1 over -i and are no longer
 * than one, but for their rounding: longer ones would let it leave its 32 bits. */
bool airway_rotates(const int32_t *re_q30, const int32_t *im_q30, int32_t count);

/* Whether places are exchanged in pairs, so that each is written once and from where it goes. */
bool airway_reverses(const int32_t *place, int32_t count);

/* The largest magnitude after scaling; see mfcc.py for why 32 bits hold. */
#define AIRWAY_FRAME_BITS 29

/* What centres a frame and scales it up to AIRWAY_FRAME_BITS bits. */
typedef struct {
    int32_t mean;
    int32_t scale; /* 2^shift */
    int32_t rest;  /* what rounding took from the mean, with the shift's bits behind the point */
    int shift;
} airway_scaling;

airway_scaling airway_scaling_of(const int16_t *samples, int32_t count);

static inline int32_t airway_windowed(int16_t x, const airway_scaling *scaling,
                                      int32_t weight_q30) {
    const int32_t centred = (x - scaling->mean) * scaling->scale - scaling->rest;
    return (int32_t)airway_rounded_shift((int64_t)centred * weight_q30, 30);
}

/* Centre, scale, window and pack a frame in bit-reversed order; return the left shift taken. */
int airway_load(const int16_t *samples, const airway_tables *tables, airway_bin *bins);

/* The complex FFT of the packed frame, in place, a halving a stage. */
void airway_fft(airway_bin *bins, const airway_tables *tables);

/* Separate even from odd samples and replace each bin, fft_size / 2 + 1 of them, by its power. */
void airway_powers(airway_bin *bins, const airway_tables *tables);

/* log2 of the power under each triangle, above the floor, Q20. */
void airway_log_mel(const airway_bin *bins, int shift, const airway_tables *tables,
                    int32_t *bands);

/* log2 by table and linear interpolation, Q20; 0 at the floor and below. */
int32_t airway_log2_above_floor(int64_t power, int32_t offset_q20, const int32_t *table);

/* Q20 -> Q8.7, rounded and saturated. */
static inline int16_t airway_to_q7(int64_t x_q20) {
    return airway_saturate(airway_rounded_shift(x_q20, 13));
}

/* The kept bands or cepstra, Q8.7. */
void airway_row(const int32_t *bands, const airway_tables *tables, int16_t *row);

/* Reflection coefficients of a frame, Q15 [lpc_order]; scratch is [window_samples]. */
void airway_reflection(const int16_t *samples, const airway_tables *tables, int32_t *scratch,
                       int16_t *k_q15);

/* log2 of a frame's energy above the floor, Q8.7. */
int16_t airway_log_energy(const int16_t *samples, const airway_tables *tables);

/* Number of sign changes about the frame's mean. */
int16_t airway_zero_crossings(const int16_t *samples, const airway_tables *tables);

/* Real signal to spectrum, in place, divided by fft_size: from even and odd samples as complex
 * numbers in bit-reversed order to fft_size / 2 + 1 bins. */
void airway_fourier_forward(airway_bin *bins, const airway_rotations *turn);

/* And back, what was divided stays divided: from bins whose parts are below 2^28 to
 * fft_size / 2 pairs, the even sample in `im` and the odd one in `re`. */
void airway_fourier_inverse(airway_bin *bins, const airway_rotations *turn);

#endif
