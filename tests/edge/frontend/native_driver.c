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

int main(void) {
    enum { WINDOW, HOP, FFT, BANDS, COEFFICIENTS, OFFSET, DCT, PHASES, TAPS, STEP, COUNT, BLOCK, ALL };
    int32_t *n = read_all(ALL, sizeof *n);
    const size_t half = (size_t)n[FFT] / 2;
    airway_tables t = {n[WINDOW], n[HOP], n[FFT], n[BANDS], n[COEFFICIENTS], n[OFFSET],
                       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    airway_conversion conversion = {n[PHASES], n[TAPS], n[STEP], NULL};
    airway_memory memory;
    airway_frontend frontend;
    airway_resampler resampler;
    int16_t *pcm, *ring, *row;
    int32_t *arrays[10];
    const size_t sizes[10] = {
        (size_t)n[WINDOW], half, half, half, (size_t)n[BANDS] + 2, half + 1, 257,
        n[DCT] ? (size_t)(n[COEFFICIENTS] * n[BANDS]) : 0, (size_t)n[COEFFICIENTS],
        (size_t)n[PHASES] * (size_t)n[TAPS]};
    int i;
    int32_t start;
    for (i = 0; i < 10; i++) {
        arrays[i] = read_all(sizes[i], sizeof **arrays);
    }
    t.window_q30 = arrays[0];
    t.twiddle_re_q30 = arrays[1];
    t.twiddle_im_q30 = arrays[2];
    t.bit_reversal = arrays[3];
    t.mel_edges = arrays[4];
    t.mel_rise_q15 = arrays[5];
    t.log2_q20 = arrays[6];
    t.dct_q30 = n[DCT] ? arrays[7] : NULL;
    t.kept = arrays[8];
    conversion.values_q30 = arrays[9];
    if (airway_tables_fault(&t) != NULL) {
        return 4;
    }
    memory.bins = allocate(half + 1, sizeof *memory.bins);
    memory.bands = allocate((size_t)n[BANDS], sizeof *memory.bands);
    memory.samples = allocate((size_t)n[WINDOW], sizeof *memory.samples);
    row = allocate((size_t)n[COEFFICIENTS], sizeof *row);
    ring = allocate(2 * (size_t)n[TAPS], sizeof *ring);
    airway_frontend_init(&frontend, &t, memory);
    airway_resampler_init(&resampler, &conversion, ring);
    for (start = 0; start < n[COUNT]; start += n[BLOCK]) {
        size_t count = (size_t)(n[COUNT] - start < n[BLOCK] ? n[COUNT] - start : n[BLOCK]);
        const int16_t *next;
        pcm = read_all(count, sizeof *pcm);
        next = pcm;
        if (n[TAPS] == 0) {
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
    for (i = 0; i < 10; i++) {
        free(arrays[i]);
    }
    free(memory.bins);
    free(memory.bands);
    free(memory.samples);
    free(row);
    free(ring);
    free(n);
    return 0;
}
