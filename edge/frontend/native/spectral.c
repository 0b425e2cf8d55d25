/* Frequency-domain denoiser: edge/frontend/spectral.py, bit for bit. */
#include <string.h>

#include "airway_stages.h"

#define FRAME_BITS 28 /* the largest magnitude after scaling: what the inverse takes */
#define WINDOW_BITS 30
#define LOG_BITS 20
#define LOG_TABLE_BITS 8
#define GAIN_BITS 15
#define GAIN_STEPS 256
#define STEP_BITS 5
#define OVERLAP_BITS 8
/* Shifts that set time constants, in frames. */
#define SMOOTHING 2
#define RISE 9
#define FALL 3
#define RELEASE 2

#define ONE_Q30 ((int32_t)1 << 30)

const char *airway_spectral_fault(const airway_spectral_tables *tables) {
    const int32_t size = tables->turn.fft_size;
    if (size < 32 || size > 1024 || (size & (size - 1)) != 0) {
        return "fft_size of the spectral denoiser is not a power of two from 32 to 1024";
    }
    if (!airway_rotates(tables->turn.twiddle_re_q30, tables->turn.twiddle_im_q30, size / 2)) {
        return "twiddles of the spectral denoiser are not of length one, from 1 over -i";
    }
    if (!airway_reverses(tables->turn.bit_reversal, size / 2)) {
        return "bit_reversal of the spectral denoiser is not a reversal";
    }
    if (!airway_within(tables->window_q30, size, -ONE_Q30, ONE_Q30)) {
        return "window_q30 of the spectral denoiser leaves -1 to 1";
    }
    if (!airway_within(tables->log2_q20, 1 << LOG_TABLE_BITS, 0, 1 << LOG_BITS)) {
        return "log2_q20 of the spectral denoiser leaves 0 to 1";
    }
    if (!airway_within(tables->gain_q15, GAIN_STEPS, 0, 1 << GAIN_BITS)) {
        return "gain_q15 of the spectral denoiser leaves 0 to 1";
    }
    if (!airway_within(&tables->bias_q20, 1, -(1 << 26), 1 << 26) ||
        !airway_within(&tables->least_q20, 1, -(1 << 26), 1 << 26)) {
        return "bias_q20 or least_q20 of the spectral denoiser leaves -64 to 64";
    }
    return NULL;
}

void airway_spectral_init(airway_spectral *spectral, const airway_spectral_tables *tables,
                          airway_spectral_memory memory) {
    spectral->tables = tables;
    spectral->memory = memory;
    airway_spectral_reset(spectral);
}

void airway_spectral_reset(airway_spectral *spectral) {
    const airway_spectral_memory *memory = &spectral->memory;
    const int32_t half = spectral->tables->turn.fft_size / 2;
    int32_t k;
    /* Half a frame of silence ahead, so that two frames meet on sample 0 as on any other. */
    memset(memory->samples, 0, (size_t)half * sizeof *memory->samples);
    memset(memory->overlap_q8, 0, (size_t)half * sizeof *memory->overlap_q8);
    for (k = 0; k <= half; k++) {
        memory->gain_q15[k] = (uint16_t)(1u << GAIN_BITS);
    }
    spectral->filled = half;
    spectral->begun = false; /* the first frame sets smooth_q20 and noise_q20 */
}

/* Scale, window and pack a frame in bit-reversed order; return the left shift taken. */
static int load(const int16_t *samples, const airway_spectral_tables *tables,
                airway_bin *bins) {
    const int32_t half = tables->turn.fft_size / 2;
    const int32_t *place = tables->turn.bit_reversal;
    const int32_t *window = tables->window_q30;
    int32_t low = 0, high = 0, scale, i;
    int shift;
    for (i = 0; i < 2 * half; i++) {
        low = samples[i] < low ? samples[i] : low;
        high = samples[i] > high ? samples[i] : high;
    }
    shift = FRAME_BITS - airway_bit_length((uint64_t)(high > -low ? high : -low)); /* 12 to 28 */
    scale = (int32_t)1 << shift;
    for (i = 0; i < half; i++) { /* even and odd samples as one complex number */
        const int64_t even = (int64_t)(samples[2 * i] * scale) * window[2 * i];
        const int64_t odd = (int64_t)(samples[2 * i + 1] * scale) * window[2 * i + 1];
        bins[place[i]].z.re = (int32_t)airway_rounded_shift(even, WINDOW_BITS);
        bins[place[i]].z.im = (int32_t)airway_rounded_shift(odd, WINDOW_BITS);
    }
    return shift;
}

static inline int64_t power_of(airway_complex z) {
    return (int64_t)z.re * z.re + (int64_t)z.im * z.im; /* below 2^57 */
}

/* log2 of a power, Q20; that of 0 is taken as that of 1. */
static inline int32_t log2_of(int64_t power, const int32_t *table) {
    const int32_t exponent = power > 0 ? airway_bit_length((uint64_t)power) - 1 : 0;
    const int64_t mantissa = exponent > LOG_TABLE_BITS ? power >> (exponent - LOG_TABLE_BITS)
                                                       : power << (LOG_TABLE_BITS - exponent);
    return table[mantissa & ((1 << LOG_TABLE_BITS) - 1)] + exponent * ((int32_t)1 << LOG_BITS);
}

/* Follow the noise of bin k; return its gain. */
static inline int32_t gain_of(airway_spectral *spectral, int32_t k, int32_t log_q20) {
    const airway_spectral_memory *memory = &spectral->memory;
    const airway_spectral_tables *tables = spectral->tables;
    int32_t smooth = spectral->begun ? memory->smooth_q20[k] : log_q20;
    int32_t noise = spectral->begun ? memory->noise_q20[k] : log_q20;
    int32_t gain = memory->gain_q15[k], change, step, wanted;
    smooth += (log_q20 - smooth) >> SMOOTHING;
    change = smooth - noise;
    noise += change > 0 ? change >> RISE : change >> FALL;
    noise = noise > tables->least_q20 ? noise : tables->least_q20;
    step = (log_q20 - noise - tables->bias_q20) >> (LOG_BITS - STEP_BITS);
    wanted = tables->gain_q15[step < 0 ? 0 : step < GAIN_STEPS ? step : GAIN_STEPS - 1];
    gain += (wanted - gain) >> RELEASE;
    gain = wanted > gain ? wanted : gain; /* opens at once, closes slowly */
    memory->smooth_q20[k] = smooth;
    memory->noise_q20[k] = noise;
    memory->gain_q15[k] = (uint16_t)gain;
    return gain;
}

/* Weight each bin by its gain; return the bits of the largest part. */
static int weigh(airway_spectral *spectral, int shift) {
    airway_bin *bins = spectral->memory.bins;
    const int32_t half = spectral->tables->turn.fft_size / 2;
    const int32_t unscaled = 2 * shift * ((int32_t)1 << LOG_BITS);
    int64_t before = power_of(bins[1].z), now = power_of(bins[0].z);
    uint32_t parts = 0; /* every part's magnitude, or-ed: as long as the largest */
    int32_t k;
    for (k = 0; k <= half; k++) {
        const int64_t after = k < half ? power_of(bins[k + 1].z) : before;
        const int64_t power = (before + 2 * now + after) >> 2;
        const int32_t log = log2_of(power, spectral->tables->log2_q20) - unscaled;
        const int32_t gain = gain_of(spectral, k, log);
        airway_complex z = bins[k].z;
        z.re = (int32_t)airway_rounded_shift((int64_t)z.re * gain, GAIN_BITS);
        z.im = (int32_t)airway_rounded_shift((int64_t)z.im * gain, GAIN_BITS);
        parts |= (uint32_t)(z.re < 0 ? -z.re : z.re) | (uint32_t)(z.im < 0 ? -z.im : z.im);
        bins[k].z = z;
        before = now;
        now = after;
    }
    spectral->begun = true;
    return airway_bit_length(parts);
}

/* A sample of the frame, windowed, its shifts taken back; Q8. */
static inline int32_t piece(int32_t x, int32_t weight_q30, int down) {
    return (int32_t)airway_rounded_shift((int64_t)x * weight_q30, down);
}

/* Transform back, add the frame's first half to what waits, keep the second. */
static void synthesise(const airway_spectral *spectral, int shift, int bits, int16_t *out) {
    const airway_spectral_tables *tables = spectral->tables;
    airway_bin *bins = spectral->memory.bins;
    int32_t *overlap = spectral->memory.overlap_q8;
    const int32_t half = tables->turn.fft_size / 2;
    const int32_t *window = tables->window_q30;
    const int up = FRAME_BITS - bits;
    /* The transform divided by its size; beyond 62 bits nothing but zero is left. */
    const int size_bits = airway_bit_length((uint64_t)half);
    const int whole = WINDOW_BITS - OVERLAP_BITS - size_bits + shift + up;
    const int down = whole < 62 ? whole : 62;
    const int32_t scale = (int32_t)1 << up;
    int32_t i;
    for (i = 0; i <= half; i++) {
        bins[i].z.re *= scale;
        bins[i].z.im *= scale;
    }
    airway_fourier_inverse(bins, &tables->turn);
    for (i = 0; i < half / 2; i++) {
        const int32_t even = overlap[2 * i] + piece(bins[i].z.im, window[2 * i], down);
        const int32_t odd = overlap[2 * i + 1] + piece(bins[i].z.re, window[2 * i + 1], down);
        const airway_complex z = bins[i + half / 2].z;
        if (out != NULL) {
            out[2 * i] = airway_saturate(airway_rounded_shift(even, OVERLAP_BITS));
            out[2 * i + 1] = airway_saturate(airway_rounded_shift(odd, OVERLAP_BITS));
        }
        overlap[2 * i] = piece(z.im, window[half + 2 * i], down);
        overlap[2 * i + 1] = piece(z.re, window[half + 2 * i + 1], down);
    }
}

size_t airway_spectral_push(airway_spectral *spectral, const int16_t *in, size_t count,
                            int16_t *out) {
    const airway_spectral_memory *memory = &spectral->memory;
    const int32_t half = spectral->tables->turn.fft_size / 2;
    size_t made = 0;
    while (count > 0) {
        const size_t room = (size_t)(2 * half - spectral->filled);
        const size_t taken = count < room ? count : room;
        memcpy(memory->samples + spectral->filled, in, taken * sizeof *in);
        in += taken;
        count -= taken;
        spectral->filled += (int32_t)taken;
        if (taken == room) {
            const bool ahead = !spectral->begun; /* of sample 0 */
            const int shift = load(memory->samples, spectral->tables, memory->bins);
            airway_fourier_forward(memory->bins, &spectral->tables->turn);
            synthesise(spectral, shift, weigh(spectral, shift), ahead ? NULL : out + made);
            made += ahead ? 0 : (size_t)half;
            memcpy(memory->samples, memory->samples + half,
                   (size_t)half * sizeof *memory->samples);
            spectral->filled = half;
        }
    }
    return made;
}
