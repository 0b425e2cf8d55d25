/* Runs the C frontend alone: sizes, tables and samples from standard input, rows to standard
 * output. Every array is allocated to its exact size, so that a sanitizer sees each overrun. */
#include <stdio.h>
#include <stdlib.h>

#include "airway_frontend.h"

static void *allocate(size_t count, size_t size) {
    void *memory = malloc(count * size > 0 ? count * size : 1);
    if (memory == NULL) {
        exit(3);
    }
    return memory;
}

static void *read_all(size_t count, size_t size) {
    void *memory = allocate(count, size);
    if (fread(memory, size, count, stdin) != count) {
        exit(3);
    }
    return memory;
}

static void rows_of(airway_frontend *frontend, const int16_t *pcm, size_t count, int16_t *row) {
    const size_t width = (size_t)frontend->tables->coefficients;
    while (airway_frontend_next(frontend, &pcm, &count, row)) {
        fwrite(row, sizeof *row, width, stdout);
    }
}

enum { /* FrontendTables, in its order, and the resampler's taps */
    WINDOW, TWIDDLE_RE, TWIDDLE_IM, BIT_REVERSAL, MEL_EDGES, MEL_RISE, LOG2, LOG_OFFSET, DCT, KEPT,
    BAND, SPECTRAL_WINDOW, SPECTRAL_RE, SPECTRAL_IM, SPECTRAL_REVERSAL, SPECTRAL_GAIN,
    SPECTRAL_LEVELS, WAVELET_FACTOR, LAG_WINDOW, ENERGY_OFFSET, TAPS, ARRAYS
};
enum { WINDOW_SIZE, HOP, FFT, BANDS, PHASES, PHASE_TAPS, STEP, COUNT, BLOCK, SIZES };

static int32_t *arrays[ARRAYS]; /* NULL for none */
static int32_t *counts;         /* [ARRAYS] */

static void point(airway_tables *t, airway_spectral_tables *s, airway_wavelet_tables *w) {
    t->window_q30 = arrays[WINDOW];
    t->twiddle_re_q30 = arrays[TWIDDLE_RE];
    t->twiddle_im_q30 = arrays[TWIDDLE_IM];
    t->bit_reversal = arrays[BIT_REVERSAL];
    t->mel_edges = arrays[MEL_EDGES];
    t->mel_rise_q15 = arrays[MEL_RISE];
    t->log2_q20 = arrays[LOG2];
    t->log_offset_q20 = *arrays[LOG_OFFSET];
    t->dct_q30 = arrays[DCT];
    t->kept = arrays[KEPT];
    t->coefficients = counts[KEPT];
    t->band_q30 = arrays[BAND];
    t->band_sections = counts[BAND] / 5;
    t->lag_window_q30 = arrays[LAG_WINDOW];
    t->lpc_order = counts[LAG_WINDOW] > 0 ? counts[LAG_WINDOW] - 1 : 0;
    t->energy_offset_q20 = arrays[ENERGY_OFFSET];
    if (arrays[SPECTRAL_WINDOW] != NULL) {
        s->turn.fft_size = counts[SPECTRAL_WINDOW];
        s->turn.twiddle_re_q30 = arrays[SPECTRAL_RE];
        s->turn.twiddle_im_q30 = arrays[SPECTRAL_IM];
        s->turn.bit_reversal = arrays[SPECTRAL_REVERSAL];
        s->window_q30 = arrays[SPECTRAL_WINDOW];
        s->log2_q20 = arrays[LOG2];
        s->gain_q15 = arrays[SPECTRAL_GAIN];
        s->bias_q20 = arrays[SPECTRAL_LEVELS][0];
        s->least_q20 = arrays[SPECTRAL_LEVELS][1];
        t->spectral = s;
    }
    if (arrays[WAVELET_FACTOR] != NULL) {
        w->levels = counts[WAVELET_FACTOR];
        w->factor_q8 = arrays[WAVELET_FACTOR];
        t->wavelet = w;
    }
}

static airway_memory memory_for(const airway_tables *t, airway_spectral_memory *own) {
    airway_memory memory = {NULL, NULL, NULL, NULL, NULL, NULL};
    memory.bins = allocate((size_t)t->fft_size / 2 + 1, sizeof *memory.bins);
    memory.bands = allocate((size_t)t->mel_bands, sizeof *memory.bands);
    memory.samples = allocate((size_t)t->window_samples, sizeof *memory.samples);
    if (t->spectral != NULL) {
        const size_t half = (size_t)t->spectral->turn.fft_size / 2;
        own->bins = allocate(half + 1, sizeof *own->bins);
        own->smooth_q20 = allocate(half + 1, sizeof *own->smooth_q20);
        own->noise_q20 = allocate(half + 1, sizeof *own->noise_q20);
        own->overlap_q8 = allocate(half, sizeof *own->overlap_q8);
        own->gain_q15 = allocate(half + 1, sizeof *own->gain_q15);
        own->samples = allocate(2 * half, sizeof *own->samples);
        memory.spectral = own;
        memory.staged = allocate(half, sizeof *memory.staged);
    }
    if (t->wavelet != NULL) {
        const size_t deepest = (size_t)1 << t->wavelet->levels;
        memory.details = allocate(4 * (deepest - 1), sizeof *memory.details);
        memory.staged = allocate(deepest, sizeof *memory.staged);
    }
    return memory;
}

static void release(const airway_memory *memory) {
    free(memory->bins);
    free(memory->bands);
    free(memory->samples);
    free(memory->details);
    free(memory->staged);
    if (memory->spectral != NULL) {
        free(memory->spectral->bins);
        free(memory->spectral->smooth_q20);
        free(memory->spectral->noise_q20);
        free(memory->spectral->overlap_q8);
        free(memory->spectral->gain_q15);
        free(memory->spectral->samples);
    }
}

int main(void) {
    int32_t *n = read_all(SIZES, sizeof *n);
    airway_tables t = {0};
    airway_spectral_tables spectral_tables = {{0, NULL, NULL, NULL}, NULL, NULL, NULL, 0, 0};
    airway_wavelet_tables wavelet_tables = {0, NULL};
    airway_spectral_memory spectral_memory = {NULL, NULL, NULL, NULL, NULL, NULL};
    airway_conversion conversion = {n[PHASES], n[PHASE_TAPS], n[STEP], NULL};
    airway_memory memory;
    airway_frontend frontend;
    airway_resampler resampler;
    int16_t *pcm, *ring, *row;
    int i;
    int32_t start;
    counts = read_all(ARRAYS, sizeof *counts);
    for (i = 0; i < ARRAYS; i++) {
        arrays[i] = counts[i] > 0 ? read_all((size_t)counts[i], sizeof **arrays) : NULL;
    }
    t.window_samples = n[WINDOW_SIZE];
    t.hop_samples = n[HOP];
    t.fft_size = n[FFT];
    t.mel_bands = n[BANDS];
    point(&t, &spectral_tables, &wavelet_tables);
    conversion.values_q30 = arrays[TAPS];
    if (airway_tables_fault(&t) != NULL) {
        return 4;
    }
    memory = memory_for(&t, &spectral_memory);
    row = allocate((size_t)t.coefficients, sizeof *row);
    ring = allocate(2 * (size_t)n[PHASE_TAPS], sizeof *ring);
    airway_frontend_init(&frontend, &t, memory);
    airway_resampler_init(&resampler, &conversion, ring);
    for (start = 0; start < n[COUNT]; start += n[BLOCK]) {
        size_t count = (size_t)(n[COUNT] - start < n[BLOCK] ? n[COUNT] - start : n[BLOCK]);
        const int16_t *next;
        pcm = read_all(count, sizeof *pcm);
        next = pcm;
        if (n[PHASE_TAPS] == 0) {
            rows_of(&frontend, next, count, row);
        } else {
            int16_t out[7]; /* small and odd: output is often full in the middle of a block */
            size_t made = 7;
            while (made == 7) {
                made = airway_resampler_push(&resampler, &next, &count, out, 7);
                rows_of(&frontend, out, made, row);
            }
        }
        free(pcm);
    }
    release(&memory);
    for (i = 0; i < ARRAYS; i++) {
        free(arrays[i]);
    }
    free(counts);
    free(row);
    free(ring);
    free(n);
    return 0;
}
