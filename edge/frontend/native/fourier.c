/* Real FFT and its inverse around the complex transform of fft.c: edge/frontend/fourier.py. */
#include "airway_stages.h"

#define ONE_Q30 ((int32_t)1 << 30)

static void transform(airway_bin *bins, const airway_rotations *turn) {
    airway_tables tables = {0}; /* of which the transform reads no more than these */
    tables.fft_size = turn->fft_size;
    tables.twiddle_re_q30 = turn->twiddle_re_q30;
    tables.twiddle_im_q30 = turn->twiddle_im_q30;
    airway_fft(bins, &tables);
}

/* The real signal's bin with twiddle w, from its packed bin z and the mirrored y. */
static inline airway_complex separate(airway_complex z, airway_complex y, int32_t w_re,
                                      int32_t w_im) {
    const airway_complex even = {(z.re + y.re) >> 1, (z.im - y.im) >> 1};
    const airway_complex odd = {(z.im + y.im) >> 1, (y.re - z.re) >> 1};
    const airway_complex t = airway_twist(odd, w_re, w_im);
    const airway_complex bin = {(even.re + t.re) >> 1, (even.im + t.im) >> 1};
    return bin;
}

void airway_fourier_forward(airway_bin *bins, const airway_rotations *turn) {
    const int32_t half = turn->fft_size / 2;
    const int32_t *w_re = turn->twiddle_re_q30;
    const int32_t *w_im = turn->twiddle_im_q30;
    airway_complex zero;
    int32_t k;
    transform(bins, turn);
    zero = bins[0].z;
    bins[0].z = separate(zero, zero, ONE_Q30, 0);
    bins[half].z = separate(zero, zero, -ONE_Q30, 0);
    for (k = 1; k <= half / 2; k++) { /* the middle bin is its own mirror */
        const airway_complex z = bins[k].z;
        const airway_complex y = bins[half - k].z;
        bins[k].z = separate(z, y, w_re[k], w_im[k]);
        bins[half - k].z = separate(y, z, w_re[half - k], w_im[half - k]);
    }
}

/* The packed bin with twiddle w, its parts exchanged, from the real signal's bin x and the
 * mirrored y: exchanging them before and after turns a transform into its inverse. */
static inline airway_complex join(airway_complex x, airway_complex y, int32_t w_re,
                                  int32_t w_im) {
    const airway_complex even = {(x.re + y.re) >> 1, (x.im - y.im) >> 1};
    const airway_complex t = {(x.re - y.re) >> 1, (x.im + y.im) >> 1};
    const airway_complex odd = airway_twist(t, w_re, -w_im);
    const airway_complex packed = {even.im + odd.re, even.re - odd.im};
    return packed;
}

void airway_fourier_inverse(airway_bin *bins, const airway_rotations *turn) {
    const int32_t half = turn->fft_size / 2;
    const int32_t *w_re = turn->twiddle_re_q30;
    const int32_t *w_im = turn->twiddle_im_q30;
    const int32_t *place = turn->bit_reversal;
    int32_t k;
    bins[0].z = join(bins[0].z, bins[half].z, ONE_Q30, 0);
    for (k = 1; k <= half / 2; k++) {
        const airway_complex x = bins[k].z;
        const airway_complex y = bins[half - k].z;
        bins[k].z = join(x, y, w_re[k], w_im[k]);
        bins[half - k].z = join(y, x, w_re[half - k], w_im[half - k]);
    }
    for (k = 0; k < half; k++) {
        if (place[k] > k) {
            const airway_bin kept = bins[k];
            bins[k] = bins[place[k]];
            bins[place[k]] = kept;
        }
    }
    transform(bins, turn);
}
