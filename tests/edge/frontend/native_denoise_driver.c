/* Runs the C denoisers alone, as a program or as a shared library. Every array is allocated to
 * its exact size, so that a sanitizer sees each overrun. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "airway_frontend.h"

enum { SPECTRAL, WAVELET };

typedef struct {
    airway_spectral spectral;
    airway_wavelet wavelet;
    int kind;
    int32_t block; /* what comes out at once */
} denoiser;

static void *copied(const void *from, size_t bytes) {
    void *memory = malloc(bytes > 0 ? bytes : 1);
    if (memory == NULL) {
        exit(3);
    }
    if (from != NULL) {
        memcpy(memory, from, bytes);
    } else {
        memset(memory, 0x55, bytes); /* nothing may lean on zeros */
    }
    return memory;
}

static void reset(denoiser *d) {
    if (d->kind == SPECTRAL) {
        airway_spectral_reset(&d->spectral);
    } else {
        airway_wavelet_reset(&d->wavelet);
    }
}

static size_t push(denoiser *d, const int16_t *in, size_t count, int16_t *out) {
    return d->kind == SPECTRAL ? airway_spectral_push(&d->spectral, in, count, out)
                               : airway_wavelet_push(&d->wavelet, in, count, out);
}

/* Denoise `blocks` blocks of a stream, `passes` times with a reset between, and keep the last
 * pass: the samples in `out`, how many each block gave in `made`. `sizes` and `words` hold a
 * denoiser's numbers and tables. Return NULL or what is wrong with the tables. */
const char *denoise(const int32_t *sizes, const int32_t *words, const int16_t *pcm,
                    const int32_t *counts, int32_t blocks, int32_t passes, int16_t *out,
                    int32_t *made);

const char *denoise(const int32_t *sizes, const int32_t *words, const int16_t *pcm,
                    const int32_t *counts, int32_t blocks, int32_t passes, int16_t *out,
                    int32_t *made) {
    const size_t n = (size_t)sizes[1]; /* fft_size or levels */
    const size_t word = sizeof(int32_t);
    airway_spectral_tables spectral;
    airway_wavelet_tables wavelet;
    airway_spectral_memory memory;
    const char *fault;
    void *owned[12];
    int owners = 0;
    denoiser d;
    int32_t b;
    d.kind = sizes[0];
    if (d.kind == SPECTRAL) {
        const size_t lengths[6] = {n / 2, n / 2, n / 2, n, 256, 256};
        for (; owners < 6; owners++) {
            owned[owners] = copied(words, lengths[owners] * word);
            words += lengths[owners];
        }
        spectral.turn.fft_size = sizes[1];
        spectral.turn.twiddle_re_q30 = owned[0];
        spectral.turn.twiddle_im_q30 = owned[1];
        spectral.turn.bit_reversal = owned[2];
        spectral.window_q30 = owned[3];
        spectral.log2_q20 = owned[4];
        spectral.gain_q15 = owned[5];
        spectral.bias_q20 = sizes[2];
        spectral.least_q20 = sizes[3];
        memory.bins = owned[owners++] = copied(NULL, (n / 2 + 1) * sizeof *memory.bins);
        memory.smooth_q20 = owned[owners++] = copied(NULL, (n / 2 + 1) * word);
        memory.noise_q20 = owned[owners++] = copied(NULL, (n / 2 + 1) * word);
        memory.overlap_q8 = owned[owners++] = copied(NULL, n / 2 * word);
        memory.gain_q15 = owned[owners++] = copied(NULL, (n / 2 + 1) * sizeof(uint16_t));
        memory.samples = owned[owners++] = copied(NULL, n * sizeof(int16_t));
        d.block = sizes[1] / 2;
        fault = airway_spectral_fault(&spectral);
        if (fault == NULL) {
            airway_spectral_init(&d.spectral, &spectral, memory);
        }
    } else {
        wavelet.levels = sizes[1];
        wavelet.factor_q8 = owned[owners++] = copied(words, n * word);
        fault = airway_wavelet_fault(&wavelet);
        d.block = 1 << (fault == NULL ? sizes[1] : 0);
        owned[owners++] = copied(NULL, 4 * (size_t)(d.block - 1) * word);
        if (fault == NULL) {
            airway_wavelet_init(&d.wavelet, &wavelet, owned[owners - 1]);
        }
    }
    while (fault == NULL && passes-- > 0) {
        const int16_t *next = pcm;
        int16_t *to = out;
        for (b = 0; b < blocks; b++) {
            const size_t count = (size_t)counts[b];
            int16_t *in = copied(next, count * sizeof *in);
            int16_t *room = copied(NULL, (count + (size_t)d.block - 1) * sizeof *room);
            const size_t given = push(&d, in, count, room);
            memcpy(to, room, given * sizeof *room);
            made[b] = (int32_t)given;
            next += count;
            to += given;
            free(in);
            free(room);
        }
        if (passes > 0) {
            reset(&d);
        }
    }
    while (owners > 0) {
        free(owned[--owners]);
    }
    return fault;
}

static void *read_all(size_t count, size_t size) {
    void *memory = copied(NULL, count * size);
    if (fread(memory, size, count, stdin) != count) {
        exit(3);
    }
    return memory;
}

/* Standard input: a count of words, samples and blocks, and `passes`; sizes, words, counts and
 * samples. Standard output: what each block gave, then the samples. */
int main(void) {
    int32_t *n = read_all(8, sizeof *n);
    int32_t *words = read_all((size_t)n[0], sizeof *words);
    int32_t *counts = read_all((size_t)n[2], sizeof *counts);
    int16_t *pcm = read_all((size_t)n[1], sizeof *pcm);
    int16_t *out = copied(NULL, (size_t)n[1] * sizeof *out);
    int32_t *made = copied(NULL, (size_t)n[2] * sizeof *made);
    const char *fault = denoise(n + 4, words, pcm, counts, n[2], n[3], out, made);
    size_t total = 0;
    int32_t b;
    if (fault == NULL) {
        for (b = 0; b < n[2]; b++) {
            total += (size_t)made[b];
        }
        fwrite(made, sizeof *made, (size_t)n[2], stdout);
        fwrite(out, sizeof *out, total, stdout);
    } else {
        fputs(fault, stderr);
    }
    free(n), free(words), free(counts), free(pcm), free(out), free(made);
    return fault == NULL ? 0 : 4;
}
