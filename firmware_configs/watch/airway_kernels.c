/* The kernels in portable C99: integers alone, every bit that of TensorFlow Lite's.
 *
 * Source of the requantization: Jacob et al., Quantization and Training of Neural Networks for
 * Efficient Integer-Arithmetic-Only Inference, 2018, and its implementation, gemmlowp.
 */
#include "airway_kernels.h"

/* C leaves the right shift of a negative number to the compiler: hold it to the arithmetic one. */
typedef char airway_kernels_shift_arithmetically[(-1 >> 1) == -1 ? 1 : -1];

/* x * multiplier / 2^31 to the nearest integer, halves upwards. */
static inline int32_t high_product(int32_t x, int32_t multiplier) {
    return (int32_t)(((int64_t)x * multiplier + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^bits to the nearest integer; 32 bits hold every step, since |x| < 2^31 - 1. */
static inline int32_t divided_by_power(int32_t x, int bits, bool ties_up) {
    if (bits == 0) {
        return x;
    }
    /* One less for negative numbers turns their ties away from zero, and nothing else. */
    x -= !ties_up && x < 0;
    return ((x >> (bits - 1)) + 1) >> 1;
}

static inline int8_t clamped(int32_t x, int16_t low, int16_t high) {
    return (int8_t)(x < low ? low : x > high ? high : x);
}

static inline int8_t scaled_back(int32_t sum, size_t channel, const airway_scaling_back *back) {
    const int exponent = back->exponent[channel];
    /* The generator made sure that the shift to the left stays within 32 bits. */
    const int32_t shifted = exponent > 0 ? sum * ((int32_t)1 << exponent) : sum;
    const int32_t product = high_product(shifted, back->multiplier[channel]);
    const int bits = exponent < 0 ? -exponent : 0;
    const int32_t q = divided_by_power(product, bits, back->ties_up) + back->zero;
    return clamped(q, back->low, back->high);
}

/* Add the products with one filter to its sum. */
static inline int32_t dot(const int8_t *x, const int8_t *w, size_t count, int32_t sum) {
    size_t i;
    for (i = 0; i < count; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

/* Four filters, `stride` apart, share each load of x: a third of the instructions saved. */
static inline void dot4(const int8_t *x, const int8_t *w, size_t stride, size_t count,
                        int32_t *sums) {
    const int8_t *w1 = w + stride, *w2 = w1 + stride, *w3 = w2 + stride;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    size_t i;
    for (i = 0; i < count; i++) {
        const int32_t value = x[i];
        s0 += value * w[i];
        s1 += value * w1[i];
        s2 += value * w2[i];
        s3 += value * w3[i];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

void airway_conv_row(const airway_convolution *conv, const int8_t *const *rows, int8_t *out) {
    const size_t run = conv->run;
    const size_t filter = run * conv->runs * conv->taps;
    size_t column, o;
    for (column = 0; column < conv->columns; column++) {
        const size_t at = column * conv->step;
        for (o = 0; o < conv->channels; o += 4) {
            const size_t together = o + 4 <= conv->channels ? 4 : conv->channels - o;
            const int8_t *w = conv->weights + o * filter;
            int32_t sums[4] = {0, 0, 0, 0};
            size_t t, r, k;
            for (k = 0; k < together; k++) {
                sums[k] = conv->bias[o + k];
            }
            for (t = 0; t < conv->taps; t++) {
                for (r = 0; r < conv->runs; r++, w += run) {
                    const int8_t *x = rows[t] + at + r * conv->run_step;
                    if (together == 4) {
                        dot4(x, w, filter, run, sums);
                    } else {
                        for (k = 0; k < together; k++) {
                            sums[k] = dot(x, w + k * filter, run, sums[k]);
                        }
                    }
                }
            }
            for (k = 0; k < together; k++) {
                *out++ = scaled_back(sums[k], o + k, &conv->back);
            }
        }
    }
}

void airway_depthwise_row(const airway_convolution *conv, const int8_t *const *rows,
                          int8_t *out) {
    const size_t channels = conv->channels;
    size_t column, c;
    for (column = 0; column < conv->columns; column++) {
        const size_t at = column * conv->step;
        for (c = 0; c < channels; c++) {
            const int8_t *w = conv->weights + c;
            int32_t sum = conv->bias[c];
            size_t t, r;
            for (t = 0; t < conv->taps; t++) {
                const int8_t *x = rows[t] + at + c;
                for (r = 0; r < conv->runs; r++, w += channels, x += conv->run_step) {
                    sum += *x * *w;
                }
            }
            *out++ = scaled_back(sum, c, &conv->back);
        }
    }
}

static inline int32_t brought_to_common(int8_t x, const airway_addition *add, int side) {
    const int32_t raised = (x - add->zero[side]) * ((int32_t)1 << 20);
    return divided_by_power(high_product(raised, add->multiplier[side]), -add->exponent[side],
                            false);
}

void airway_add_row(const airway_addition *add, const int8_t *a, const int8_t *b, int8_t *out) {
    size_t i;
    for (i = 0; i < add->values; i++) {
        const int32_t sum = brought_to_common(a[i], add, 0) + brought_to_common(b[i], add, 1);
        const int32_t product = high_product(sum, add->multiplier_out);
        const int32_t q = divided_by_power(product, -add->exponent_out, false) + add->zero_out;
        out[i] = clamped(q, add->low, add->high);
    }
}
