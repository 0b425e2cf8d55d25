/* int16 PCM -> integer features: the stages of edge/frontend/mfcc.py, bit for bit.
 *
 * Portable C99: no heap, no floating point, no global state. The caller owns all memory; tables
 * are read where they lie, which may be flash.
 *
 *     AIRWAY_FRONTEND_MEMORY(room, 400, 512, 40);       // window, FFT, mel bands
 *     airway_frontend frontend;
 *     int16_t row[40];                                  // tables.coefficients
 *     airway_frontend_init(&frontend, &tables, room);
 *     while (airway_frontend_next(&frontend, &pcm, &count, row)) use(row);
 */
#ifndef AIRWAY_FRONTEND_H
#define AIRWAY_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t re, im;
} airway_complex;

/* A bin of the spectrum, whose power later takes its place. */
typedef union {
    airway_complex z;
    int64_t power;
} airway_bin;

#define AIRWAY_BAND_SECTIONS 2 /* at most: one an edge */

/* A second-order section's past. */
typedef struct {
    int32_t x1, x2, y1, y2, rest;
} airway_section;

/* The band filter; edge/frontend/band.py defines it. */
typedef struct airway_band {
    const int32_t *values_q30; /* [5 * sections]: b0, b1, b2, a1, a2 of each */
    int32_t sections;          /* 0 to AIRWAY_BAND_SECTIONS */
    airway_section state[AIRWAY_BAND_SECTIONS];
} airway_band;

void airway_band_init(airway_band *band, const int32_t *values_q30, int32_t sections);

/* Forget the past: the next sample comes after silence. */
void airway_band_reset(airway_band *band);

/* Filter samples; `out` may be `in`. */
void airway_band_push(airway_band *band, const int16_t *in, size_t count, int16_t *out);

/* The rotations of a transform; edge/frontend/fourier.py defines them. */
typedef struct {
    int32_t fft_size;
    const int32_t *twiddle_re_q30; /* [fft_size / 2] */
    const int32_t *twiddle_im_q30; /* [fft_size / 2] */
    const int32_t *bit_reversal;   /* [fft_size / 2] */
} airway_rotations;

/* The integers of the frequency-domain denoiser; edge/frontend/spectral.py defines each. */
typedef struct {
    airway_rotations turn;     /* fft_size from 32 to 1024 */
    const int32_t *window_q30; /* [fft_size] */
    const int32_t *log2_q20;   /* [256]: the head of the frontend's serves */
    const int32_t *gain_q15;   /* [256] */
    int32_t bias_q20;
    int32_t least_q20;
} airway_spectral_tables;

const char *airway_spectral_fault(const airway_spectral_tables *tables);

typedef struct {
    airway_bin *bins;    /* [fft_size / 2 + 1]: nothing in it between calls, so it may be shared */
    int32_t *smooth_q20; /* [fft_size / 2 + 1] */
    int32_t *noise_q20;  /* [fft_size / 2 + 1] */
    int32_t *overlap_q8; /* [fft_size / 2] */
    uint16_t *gain_q15;  /* [fft_size / 2 + 1] */
    int16_t *samples;    /* [fft_size] */
} airway_spectral_memory;

/* Static memory of a denoiser; 3,346 bytes for 256 (16 kHz), 850 for 64 (4 kHz). */
#define AIRWAY_SPECTRAL_MEMORY(name, fft)                                       \
    static airway_bin name##_bins[(fft) / 2 + 1];                               \
    static int32_t name##_smooth[(fft) / 2 + 1];                                \
    static int32_t name##_noise[(fft) / 2 + 1];                                 \
    static int32_t name##_overlap[(fft) / 2];                                   \
    static uint16_t name##_gain[(fft) / 2 + 1];                                 \
    static int16_t name##_samples[fft];                                         \
    static const airway_spectral_memory name = {name##_bins,    name##_smooth,  \
                                                name##_noise,   name##_overlap, \
                                                name##_gain,    name##_samples}

typedef struct airway_spectral {
    const airway_spectral_tables *tables;
    airway_spectral_memory memory;
    int32_t filled; /* samples that wait for their frame */
    bool begun;     /* a frame is behind */
} airway_spectral;

void airway_spectral_init(airway_spectral *spectral, const airway_spectral_tables *tables,
                          airway_spectral_memory memory);

/* Forget the past: the next sample is sample 0, after silence. */
void airway_spectral_reset(airway_spectral *spectral);

/* Take all samples of `in`, write those they complete to `out`, which is other memory and has
 * room for count + fft_size / 2 - 1, and return how many. Output m belongs to input m. */
size_t airway_spectral_push(airway_spectral *spectral, const int16_t *in, size_t count,
                            int16_t *out);

#define AIRWAY_WAVELET_LEVELS 6 /* at most */

/* The integers of the wavelet denoiser; edge/frontend/wavelet.py defines each. */
typedef struct {
    int32_t levels;           /* 1 to 6 */
    const int32_t *factor_q8; /* [levels] */
} airway_wavelet_tables;

const char *airway_wavelet_fault(const airway_wavelet_tables *tables);

/* One level: the analysis of its samples, its threshold, the synthesis. */
typedef struct {
    int32_t even, odd, detail;      /* samples that wait, and the detail before them */
    int32_t median_q8, level_q8;    /* of the details' magnitudes */
    int32_t last_even, last_detail; /* of the synthesis */
    int16_t turns;                  /* of the median */
    uint8_t put, taken;             /* places in the ring of waiting details */
    uint8_t waiting;                /* of even and odd */
    bool rose, begun;
} airway_level;

/* Static memory of a denoiser: details that wait for deeper levels; 240 bytes for 4. */
#define AIRWAY_WAVELET_MEMORY(name, levels) static int32_t name[4 * ((1 << (levels)) - 1)]

typedef struct airway_wavelet {
    const airway_wavelet_tables *tables;
    int32_t *details; /* [4 * (2^levels - 1)] */
    airway_level levels[AIRWAY_WAVELET_LEVELS];
} airway_wavelet;

void airway_wavelet_init(airway_wavelet *wavelet, const airway_wavelet_tables *tables,
                         int32_t *details);

/* Forget the past: the next sample is sample 0, after silence. */
void airway_wavelet_reset(airway_wavelet *wavelet);

/* Take all samples of `in`, write those they complete to `out`, which is other memory and has
 * room for count + 2^levels - 1, and return how many. Output m belongs to input m. */
size_t airway_wavelet_push(airway_wavelet *wavelet, const int16_t *in, size_t count,
                           int16_t *out);

#define AIRWAY_LPC_ORDER 16 /* at most */

/* The integers of a spec; edge/frontend/tables.py defines each. */
typedef struct {
    int32_t window_samples;        /* 16 to fft_size */
    int32_t hop_samples;           /* 8 to window_samples */
    int32_t fft_size;              /* a power of two, 64 to 2048 */
    int32_t mel_bands;             /* 4 to 80 */
    int32_t coefficients;          /* of a row that are kept, 1 and more */
    int32_t log_offset_q20;
    const int32_t *window_q30;     /* [window_samples] */
    const int32_t *twiddle_re_q30; /* [fft_size / 2] */
    const int32_t *twiddle_im_q30; /* [fft_size / 2] */
    const int32_t *bit_reversal;   /* [fft_size / 2] */
    const int32_t *mel_edges;      /* [mel_bands + 2] */
    const int32_t *mel_rise_q15;   /* [fft_size / 2 + 1] */
    const int32_t *log2_q20;       /* [257] */
    const int32_t *dct_q30;        /* [kept cepstra * mel_bands], or NULL for log-mel */
    const int32_t *kept;           /* [coefficients], rising */
    /* Stages that may be off: then 0 and NULL. */
    int32_t band_sections;            /* 0 to AIRWAY_BAND_SECTIONS */
    const int32_t *band_q30;          /* [5 * band_sections] */
    const airway_spectral_tables *spectral;
    const airway_wavelet_tables *wavelet; /* one of the two denoisers at most */
    int32_t lpc_order;                /* 0 to AIRWAY_LPC_ORDER */
    const int32_t *lag_window_q30;    /* [lpc_order + 1] */
    const int32_t *energy_offset_q20; /* [1] */
} airway_tables;

/* Words on what is wrong with tables from an untrusted source; NULL when they are safe to use. */
const char *airway_tables_fault(const airway_tables *tables);

typedef struct {
    airway_bin *bins; /* [fft_size / 2 + 1] */
    int32_t *bands;   /* [mel_bands] */
    int16_t *samples; /* [window_samples] */
    /* What a denoiser needs; NULL without. */
    const airway_spectral_memory *spectral;
    int32_t *details; /* [4 * (2^levels - 1)], of the wavelet denoiser */
    int16_t *staged;  /* [fft_size / 2 or 2^levels], of either: samples that wait for their frame */
} airway_memory;

/* Static memory of a frontend; 3,016 bytes for 400, 512, 40. */
#define AIRWAY_FRONTEND_MEMORY(name, window, fft, bands) \
    AIRWAY_FRAME_ARRAYS(name, window, fft, bands);       \
    static const airway_memory name = {name##_bins, name##_bands, name##_samples, NULL, NULL, NULL}

/* The same with the spectral denoiser, whose transform has `size` points. */
#define AIRWAY_FRONTEND_SPECTRAL_MEMORY(name, window, fft, bands, size)            \
    AIRWAY_FRAME_ARRAYS(name, window, fft, bands);                                 \
    AIRWAY_SPECTRAL_MEMORY(name##_spectral, size);                                 \
    static int16_t name##_staged[(size) / 2];                                      \
    static const airway_memory name = {name##_bins,      name##_bands, name##_samples, \
                                       &name##_spectral, NULL,         name##_staged}

/* The same with the wavelet denoiser. */
#define AIRWAY_FRONTEND_WAVELET_MEMORY(name, window, fft, bands, levels)         \
    AIRWAY_FRAME_ARRAYS(name, window, fft, bands);                               \
    AIRWAY_WAVELET_MEMORY(name##_details, levels);                               \
    static int16_t name##_staged[1 << (levels)];                                 \
    static const airway_memory name = {name##_bins, name##_bands,   name##_samples, \
                                       NULL,        name##_details, name##_staged}

#define AIRWAY_FRAME_ARRAYS(name, window, fft, bands) \
    static airway_bin name##_bins[(fft) / 2 + 1];     \
    static int32_t name##_bands[bands];               \
    static int16_t name##_samples[window]

typedef struct {
    const airway_tables *tables;
    airway_memory memory;
    airway_band band;
    union {
        airway_spectral spectral;
        airway_wavelet wavelet;
    } denoiser;
    int32_t filled;  /* samples that wait for their frame */
    size_t next;     /* of the staged samples */
    size_t waiting;  /* staged samples */
} airway_frontend;

void airway_frontend_init(airway_frontend *frontend, const airway_tables *tables,
                          airway_memory memory);

/* Forget the past: the next sample is sample 0. */
void airway_frontend_reset(airway_frontend *frontend);

/* Take samples from `*pcm` until a frame is complete: write its row, Q8.7, and return true.
 * Return false when all `*count` are taken; both advance past what was taken. */
bool airway_frontend_next(airway_frontend *frontend, const int16_t **pcm, size_t *count,
                          int16_t *row);

/* A conversion between two rates; edge/frontend/resample.py defines it. */
typedef struct {
    int32_t phases;
    int32_t taps;
    int32_t step;
    const int32_t *values_q30; /* [phases * taps] */
} airway_conversion;

typedef struct {
    const airway_conversion *conversion;
    int16_t *ring;   /* [2 * taps]: each sample twice, so that every window is contiguous */
    int32_t place;   /* of the next sample */
    int32_t missing; /* input samples until the next output's window is complete */
    int32_t phase;   /* of the next output */
} airway_resampler;

void airway_resampler_init(airway_resampler *resampler, const airway_conversion *conversion,
                           int16_t *ring);

/* Forget the past: the next sample is sample 0, after silence. */
void airway_resampler_reset(airway_resampler *resampler);

/* Take samples from `*pcm`, write at most `room` to `out` and return how many; less than `room`
 * means that all are taken. `*pcm` and `*count` advance past what was taken. */
size_t airway_resampler_push(airway_resampler *resampler, const int16_t **pcm, size_t *count,
                             int16_t *out, size_t room);

#ifdef __cplusplus
}
#endif

#endif
