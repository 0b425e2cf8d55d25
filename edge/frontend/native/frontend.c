/* The frontend as one object: frames from the stream, a row from each. */
#include <string.h>

#include "airway_stages.h"

#define ONE_Q30 ((int32_t)1 << 30)

static bool rises(const int32_t *values, int32_t count) {
    int32_t i;
    for (i = 1; i < count; i++) {
        if (values[i - 1] >= values[i]) {
            return false;
        }
    }
    return true;
}

/* Length of a row before a choice among its values. */
static int32_t row_values(const airway_tables *tables) {
    return tables->mel_bands + tables->lpc_order + (tables->energy_offset_q20 != NULL ? 2 : 0);
}

static int32_t kept_bands(const airway_tables *tables) {
    int32_t c = 0;
    while (c < tables->coefficients && tables->kept[c] < tables->mel_bands) {
        c++;
    }
    return c;
}

/* Sums of a section's coefficients beyond seven would let it leave its 64 bits. */
static bool sections_hold(const int32_t *values_q30, int32_t sections) {
    int32_t s;
    for (s = 0; s < sections; s++) {
        const int32_t *b_a = values_q30 + 5 * s;
        if (!airway_within(b_a, 1, -ONE_Q30, ONE_Q30) ||
            !airway_within(b_a + 2, 1, -ONE_Q30, ONE_Q30) ||
            !airway_within(b_a + 4, 1, -ONE_Q30, ONE_Q30)) {
            return false;
        }
    }
    return true;
}

/* Of the stages that may be off. */
static const char *optional_fault(const airway_tables *tables) {
    if (tables->band_sections < 0 || tables->band_sections > AIRWAY_BAND_SECTIONS ||
        !sections_hold(tables->band_q30, tables->band_sections)) {
        return "band_q30 has more than 2 sections or leaves -1 to 1";
    }
    if (tables->lpc_order > 0 &&
        (!airway_within(tables->lag_window_q30, 1, ONE_Q30 / 2, ONE_Q30 / 8 * 9) ||
         !airway_within(tables->lag_window_q30 + 1, tables->lpc_order, 0, ONE_Q30))) {
        return "lag_window_q30 leaves 0 to 1";
    }
    if (tables->energy_offset_q20 != NULL &&
        !airway_within(tables->energy_offset_q20, 1, -(1 << 27), 1 << 27)) {
        return "energy_offset_q20 leaves -128 to 128";
    }
    if (tables->spectral != NULL && tables->wavelet != NULL) {
        return "spectral and wavelet denoiser exclude each other";
    }
    if (tables->spectral != NULL) {
        return airway_spectral_fault(tables->spectral);
    }
    return tables->wavelet != NULL ? airway_wavelet_fault(tables->wavelet) : NULL;
}

const char *airway_tables_fault(const airway_tables *tables) {
    const int32_t half = tables->fft_size / 2;
    const int32_t bands = tables->mel_bands;
    int32_t m;
    if (tables->fft_size < 64 || tables->fft_size > 2048 ||
        (tables->fft_size & (tables->fft_size - 1)) != 0) {
        return "fft_size is not a power of two from 64 to 2048";
    }
    if (tables->window_samples < 1 || tables->window_samples > tables->fft_size) {
        return "window_samples is not from 1 to fft_size";
    }
    if (tables->hop_samples < 1 || tables->hop_samples > tables->window_samples) {
        return "hop_samples is not from 1 to window_samples";
    }
    if (bands < 1 || bands > 80 || tables->lpc_order < 0 ||
        tables->lpc_order > AIRWAY_LPC_ORDER) {
        return "mel_bands is not from 1 to 80, or lpc_order not from 0 to 16";
    }
    if (!airway_within(tables->window_q30, tables->window_samples, -ONE_Q30, ONE_Q30)) {
        return "window_q30 leaves -1 to 1";
    }
    if (!airway_rotates(tables->twiddle_re_q30, tables->twiddle_im_q30, half)) {
        return "twiddles are not of length one, from 1 over -i";
    }
    if (!airway_reverses(tables->bit_reversal, half)) {
        return "bit_reversal is not a reversal";
    }
    if (!airway_within(tables->mel_edges, bands + 2, 0, half + 1)) {
        return "mel_edges leave the spectrum";
    }
    for (m = 0; m <= bands; m++) {
        if (tables->mel_edges[m] > tables->mel_edges[m + 1]) {
            return "mel_edges do not rise";
        }
    }
    if (!airway_within(tables->mel_rise_q15, half + 1, 0, 1 << 15)) {
        return "mel_rise_q15 leaves 0 to 1";
    }
    if (!airway_within(tables->log2_q20, 257, 0, 1 << 20)) {
        return "log2_q20 leaves 0 to 1";
    }
    /* No log is above 101 then, and the sum over 80 bands stays within 64 bits. */
    if (!airway_within(&tables->log_offset_q20, 1, -(1 << 26), 1 << 26)) {
        return "log_offset_q20 leaves -64 to 64";
    }
    if (tables->coefficients < 1 || tables->coefficients > row_values(tables) ||
        !airway_within(tables->kept, tables->coefficients, 0, row_values(tables) - 1) ||
        !rises(tables->kept, tables->coefficients)) {
        return "kept does not rise within the row";
    }
    if (tables->dct_q30 != NULL &&
        !airway_within(tables->dct_q30, kept_bands(tables) * bands, -ONE_Q30, ONE_Q30)) {
        return "dct_q30 leaves -1 to 1";
    }
    return optional_fault(tables);
}

void airway_frontend_init(airway_frontend *frontend, const airway_tables *tables,
                          airway_memory memory) {
    frontend->tables = tables;
    frontend->memory = memory;
    airway_band_init(&frontend->band, tables->band_q30, tables->band_sections);
    if (tables->spectral != NULL) {
        airway_spectral_init(&frontend->denoiser.spectral, tables->spectral, *memory.spectral);
    } else if (tables->wavelet != NULL) {
        airway_wavelet_init(&frontend->denoiser.wavelet, tables->wavelet, memory.details);
    }
    frontend->filled = 0;
    frontend->waiting = 0;
}

void airway_frontend_reset(airway_frontend *frontend) {
    airway_frontend_init(frontend, frontend->tables, frontend->memory);
}

/* Band filter and denoiser; what one sample completes fits `staged`. */
static void stage(airway_frontend *frontend, int16_t sample) {
    int16_t *staged = frontend->memory.staged;
    airway_band_push(&frontend->band, &sample, 1, &sample);
    frontend->next = 0;
    if (frontend->tables->spectral != NULL) {
        frontend->waiting =
            airway_spectral_push(&frontend->denoiser.spectral, &sample, 1, staged);
    } else {
        frontend->waiting = airway_wavelet_push(&frontend->denoiser.wavelet, &sample, 1, staged);
    }
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Fill the frame as far as the samples go; return whether it is complete. */
static bool gather(airway_frontend *frontend, const int16_t **pcm, size_t *count) {
    const airway_tables *tables = frontend->tables;
    const bool denoises = tables->spectral != NULL || tables->wavelet != NULL;
    while (frontend->filled < tables->window_samples && (frontend->waiting > 0 || *count > 0)) {
        const size_t room = (size_t)(tables->window_samples - frontend->filled);
        int16_t *to = frontend->memory.samples + frontend->filled;
        size_t taken = 0, moved = 0;
        if (frontend->waiting > 0) {
            moved = least(room, frontend->waiting);
            memcpy(to, frontend->memory.staged + frontend->next, moved * sizeof *to);
            frontend->next += moved;
            frontend->waiting -= moved;
        } else if (denoises) {
            stage(frontend, **pcm);
            taken = 1;
        } else {
            taken = moved = least(room, *count);
            airway_band_push(&frontend->band, *pcm, taken, to);
        }
        frontend->filled += (int32_t)moved;
        *pcm += taken;
        *count -= taken;
    }
    return frontend->filled == tables->window_samples;
}

/* The kept values behind the bands. */
static void row_beyond_bands(const airway_frontend *frontend, int16_t *row) {
    const airway_tables *tables = frontend->tables;
    const airway_memory *memory = &frontend->memory;
    int16_t values[AIRWAY_LPC_ORDER + 2];
    int32_t c;
    if (tables->lpc_order > 0) {
        /* A spectrum's memory holds two samples a bin. */
        airway_reflection(memory->samples, tables, &memory->bins->z.re, values);
    }
    if (tables->energy_offset_q20 != NULL) {
        values[tables->lpc_order] = airway_log_energy(memory->samples, tables);
        values[tables->lpc_order + 1] = airway_zero_crossings(memory->samples, tables);
    }
    for (c = kept_bands(tables); c < tables->coefficients; c++) {
        row[c] = values[tables->kept[c] - tables->mel_bands];
    }
}

bool airway_frontend_next(airway_frontend *frontend, const int16_t **pcm, size_t *count,
                          int16_t *row) {
    const airway_tables *tables = frontend->tables;
    const airway_memory *memory = &frontend->memory;
    const int32_t overlap = tables->window_samples - tables->hop_samples;
    int shift;
    if (!gather(frontend, pcm, count)) {
        return false;
    }
    row_beyond_bands(frontend, row);
    shift = airway_load(memory->samples, tables, memory->bins);
    airway_fft(memory->bins, tables);
    airway_powers(memory->bins, tables);
    airway_log_mel(memory->bins, shift, tables, memory->bands);
    airway_row(memory->bands, tables, row);
    memmove(memory->samples, memory->samples + tables->hop_samples,
            (size_t)overlap * sizeof *memory->samples);
    frontend->filled = overlap;
    return true;
}
