/* Frame -> power spectrum, in 32-bit block floating point.
 *
 * Radix 2, decimation in time, rounded as the reference rounds; two stages a pass over memory,
 * without the products by 1 and -i, which change nothing. */
#include "airway_stages.h"

#define TWIDDLE_BITS 30
#define POWER_SHIFT 10

static inline airway_complex twist_by_minus_i(airway_complex x) {
    airway_complex t;
    t.re = x.im;
    t.im = -x.re;
    return t;
}

/* a, t -> (a + t) / 2, (a - t) / 2 */
static inline void cross(airway_complex *a, airway_complex *t) {
    const airway_complex sum = {(a->re + t->re) >> 1, (a->im + t->im) >> 1};
    const airway_complex difference = {(a->re - t->re) >> 1, (a->im - t->im) >> 1};
    *a = sum;
    *t = difference;
}

bool airway_within(const int32_t *values, int32_t count, int32_t low, int32_t high) {
    int32_t i;
    for (i = 0; i < count; i++) {
        if (values[i] < low || values[i] > high) {
            return false;
        }
    }
    return true;
}

bool airway_rotates(const int32_t *re_q30, const int32_t *im_q30, int32_t count) {
    const int32_t one = (int32_t)1 << TWIDDLE_BITS;
    const int64_t longest = ((int64_t)one + 1) * ((int64_t)one + 1);
    int32_t k;
    if (!airway_within(re_q30, count, -one, one) || !airway_within(im_q30, count, -one, one)) {
        return false;
    }
    for (k = 0; k < count; k++) {
        if ((int64_t)re_q30[k] * re_q30[k] + (int64_t)im_q30[k] * im_q30[k] > longest) {
            return false;
        }
    }
    return re_q30[0] == one && im_q30[0] == 0 && re_q30[count / 2] == 0 &&
           im_q30[count / 2] == -one;
}

bool airway_reverses(const int32_t *place, int32_t count) {
    int32_t i;
    if (!airway_within(place, count, 0, count - 1)) {
        return false;
    }
    for (i = 0; i < count; i++) {
        if (place[place[i]] != i) {
            return false;
        }
    }
    return true;
}

airway_scaling airway_scaling_of(const int16_t *samples, int32_t count) {
    int32_t total = 0, low = INT16_MAX, high = INT16_MIN, i;
    airway_scaling found;
    for (i = 0; i < count; i++) {
        total += samples[i];
        low = samples[i] < low ? samples[i] : low;
        high = samples[i] > high ? samples[i] : high;
    }
    found.mean = (int32_t)airway_rounded_quotient(total, count);
    low = found.mean - low;
    high = high - found.mean;
    found.shift = AIRWAY_FRAME_BITS - airway_bit_length((uint64_t)(high > low ? high : low));
    found.scale = (int32_t)1 << found.shift;
    found.rest = (int32_t)airway_rounded_quotient(
        (int64_t)(total - found.mean * count) * found.scale, count);
    return found;
}

int airway_load(const int16_t *samples, const airway_tables *tables, airway_bin *bins) {
    const airway_scaling scaling = airway_scaling_of(samples, tables->window_samples);
    const int32_t count = tables->window_samples;
    const int32_t half = tables->fft_size / 2;
    const int32_t *window = tables->window_q30;
    const int32_t *place = tables->bit_reversal;
    int32_t i;
    for (i = 0; i < half; i++) { /* even and odd samples as one complex number */
        airway_complex z = {0, 0};
        if (2 * i < count) {
            z.re = airway_windowed(samples[2 * i], &scaling, window[2 * i]);
        }
        if (2 * i + 1 < count) {
            z.im = airway_windowed(samples[2 * i + 1], &scaling, window[2 * i + 1]);
        }
        bins[place[i]].z = z;
    }
    return scaling.shift;
}

/* The stages that turn `size`-point transforms into `4 * size`-point ones. */
static void two_stages(airway_bin *bins, int32_t size, const airway_tables *tables) {
    const int32_t half = tables->fft_size / 2;
    const int32_t stride = half / (2 * size);
    const int32_t *w_re = tables->twiddle_re_q30;
    const int32_t *w_im = tables->twiddle_im_q30;
    int32_t k;
    int32_t first;
    for (first = 0; first < half; first += 4 * size) {
        airway_bin *x = bins + first;
        airway_complex a = x[0].z, b = x[size].z, c = x[2 * size].z, d = x[3 * size].z;
        cross(&a, &b);
        cross(&c, &d);
        d = twist_by_minus_i(d);
        cross(&a, &c);
        cross(&b, &d);
        x[0].z = a, x[size].z = b, x[2 * size].z = c, x[3 * size].z = d;
    }
    for (k = 1; k < size; k++) {
        const int32_t first_re = w_re[2 * stride * k], first_im = w_im[2 * stride * k];
        const int32_t low_re = w_re[stride * k], low_im = w_im[stride * k];
        const int32_t high_re = w_re[stride * (k + size)], high_im = w_im[stride * (k + size)];
        for (first = k; first < half; first += 4 * size) {
            airway_bin *x = bins + first;
            airway_complex a = x[0].z, c = x[2 * size].z;
            airway_complex b = airway_twist(x[size].z, first_re, first_im);
            airway_complex d = airway_twist(x[3 * size].z, first_re, first_im);
            cross(&a, &b);
            cross(&c, &d);
            c = airway_twist(c, low_re, low_im);
            d = airway_twist(d, high_re, high_im);
            cross(&a, &c);
            cross(&b, &d);
            x[0].z = a, x[size].z = b, x[2 * size].z = c, x[3 * size].z = d;
        }
    }
}

/* The stage that turns two transforms of half the points into the last one. */
static void last_stage(airway_bin *bins, const airway_tables *tables) {
    const int32_t size = tables->fft_size / 4;
    int32_t k;
    for (k = 0; k < size; k++) {
        airway_complex a = bins[k].z;
        airway_complex b = airway_twist(bins[k + size].z, tables->twiddle_re_q30[2 * k],
                                 tables->twiddle_im_q30[2 * k]);
        cross(&a, &b);
        bins[k].z = a, bins[k + size].z = b;
    }
}

void airway_fft(airway_bin *bins, const airway_tables *tables) {
    const int32_t half = tables->fft_size / 2;
    int32_t size = 1;
    for (; 4 * size <= half; size *= 4) {
        two_stages(bins, size, tables);
    }
    if (size < half) {
        last_stage(bins, tables);
    }
}

/* Power of the real signal's bin with twiddle w, from its packed bin z and the mirrored y. */
static inline int64_t power_of(airway_complex z, airway_complex y, int32_t w_re, int32_t w_im) {
    const airway_complex even = {(z.re + y.re) >> 1, (z.im - y.im) >> 1};
    const airway_complex odd = {(z.im + y.im) >> 1, (y.re - z.re) >> 1};
    const airway_complex t = airway_twist(odd, w_re, w_im);
    const int64_t re = (even.re + t.re) >> 1;
    const int64_t im = (even.im + t.im) >> 1;
    return airway_rounded_shift(re * re + im * im, POWER_SHIFT);
}

void airway_powers(airway_bin *bins, const airway_tables *tables) {
    const int32_t half = tables->fft_size / 2;
    const int32_t *w_re = tables->twiddle_re_q30;
    const int32_t *w_im = tables->twiddle_im_q30;
    const airway_complex zero = bins[0].z;
    int32_t k;
    bins[0].power = power_of(zero, zero, (int32_t)1 << TWIDDLE_BITS, 0);
    bins[half].power = power_of(zero, zero, -((int32_t)1 << TWIDDLE_BITS), 0);
    for (k = 1; k <= half / 2; k++) { /* the middle bin is its own mirror */
        const airway_complex z = bins[k].z;
        const airway_complex y = bins[half - k].z;
        bins[k].power = power_of(z, y, w_re[k], w_im[k]);
        bins[half - k].power = power_of(y, z, w_re[half - k], w_im[half - k]);
    }
}
