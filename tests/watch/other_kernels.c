/* Other definitions of airway_kernels.h, in the manner of CMSIS-NN: the rows are gathered into one
 * image, a plain matrix product runs over it, and requantization is gemmlowp's, whose ties go away
 * from zero. Slow on purpose; it proves that the seam holds.
 */
#include "airway_kernels.h"

#include <string.h>

#define MOST 8192

static int8_t image[MOST];

/* The high half of 2ab, rounded away from zero. */
static int32_t doubling_high(int32_t a, int32_t b) {
    const int64_t product = (int64_t)a * b;
    const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

static int32_t rounding_divide(int32_t x, int power) {
    const int32_t mask = (int32_t)(((int64_t)1 << power) - 1);
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> power) + ((x & mask) > threshold ? 1 : 0);
}

static int32_t requantized(int32_t x, int32_t multiplier, int shift) {
    const int left = shift > 0 ? shift : 0;
    return rounding_divide(doubling_high(x * (1 << left), multiplier), left - shift);
}

static int8_t activated(int32_t x, int32_t low, int32_t high) {
    return (int8_t)(x < low ? low : x > high ? high : x);
}

static int8_t output(const airway_scaling_back *back, size_t channel, int32_t sum) {
    const int32_t q = requantized(sum, back->multiplier[channel], back->exponent[channel]);
    return activated(q + back->zero, back->low, back->high);
}

/* What one output column sees, [taps, runs, count]. */
static void gather(const airway_convolution *conv, const int8_t *const *rows, size_t column,
                   size_t count) {
    int8_t *to = image;
    size_t t, r;
    for (t = 0; t < conv->taps; t++) {
        for (r = 0; r < conv->runs; r++, to += count) {
            memcpy(to, rows[t] + column * conv->step + r * conv->run_step, count);
        }
    }
}

void airway_conv_row(const airway_convolution *conv, const int8_t *const *rows, int8_t *out) {
    const size_t size = (size_t)conv->taps * conv->runs * conv->run;
    size_t column, channel, i;
    for (column = 0; column < conv->columns; column++) {
        gather(conv, rows, column, conv->run);
        for (channel = 0; channel < conv->channels; channel++) {
            int32_t sum = 0;
            for (i = 0; i < size; i++) {
                sum += conv->weights[channel * size + i] * image[i];
            }
            *out++ = output(&conv->back, channel, sum + conv->bias[channel]);
        }
    }
}

void airway_depthwise_row(const airway_convolution *conv, const int8_t *const *rows,
                          int8_t *out) {
    const size_t channels = conv->channels, places = (size_t)conv->taps * conv->runs;
    size_t column, channel, i;
    for (column = 0; column < conv->columns; column++) {
        gather(conv, rows, column, channels);
        for (channel = 0; channel < channels; channel++) {
            int32_t sum = conv->bias[channel];
            for (i = 0; i < places; i++) {
                sum += conv->weights[i * channels + channel] * image[i * channels + channel];
            }
            *out++ = output(&conv->back, channel, sum);
        }
    }
}

void airway_add_row(const airway_addition *add, const int8_t *a, const int8_t *b, int8_t *out) {
    size_t i;
    for (i = 0; i < add->values; i++) {
        const int32_t first = (a[i] - add->zero[0]) * (1 << 20);
        const int32_t second = (b[i] - add->zero[1]) * (1 << 20);
        const int32_t sum = requantized(first, add->multiplier[0], add->exponent[0]) +
                            requantized(second, add->multiplier[1], add->exponent[1]);
        const int32_t q = requantized(sum, add->multiplier_out, add->exponent_out);
        out[i] = activated(q + add->zero_out, add->low, add->high);
    }
}
