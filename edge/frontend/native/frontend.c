/* The frontend as one object: frames from the stream, a row from each. */
#include <string.h>

#include "airway_stages.h"

#define ONE_Q30 ((int32_t)1 << 30)

static bool within(const int32_t *values, int32_t count, int32_t low, int32_t high) {
    int32_t i;
    for (i = 0; i < count; i++) {
        if (values[i] < low || values[i] > high) {
            return false;
        }
    }
    return true;
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
    if (bands < 1 || bands > 80 || tables->coefficients < 1 || tables->coefficients > bands) {
        return "mel_bands is not from 1 to 80, or coefficients not from 1 to mel_bands";
    }
    if (!within(tables->window_q30, tables->window_samples, -ONE_Q30, ONE_Q30)) {
        return "window_q30 leaves -1 to 1";
    }
    if (!within(tables->twiddle_re_q30, half, -ONE_Q30, ONE_Q30) ||
        !within(tables->twiddle_im_q30, half, -ONE_Q30, ONE_Q30)) {
        return "twiddles leave -1 to 1";
    }
    if (tables->twiddle_re_q30[0] != ONE_Q30 || tables->twiddle_im_q30[0] != 0 ||
        tables->twiddle_re_q30[half / 2] != 0 || tables->twiddle_im_q30[half / 2] != -ONE_Q30) {
        return "twiddles at no turn and a quarter are not 1 and -i";
    }
    if (!within(tables->bit_reversal, half, 0, half - 1)) {
        return "bit_reversal leaves the spectrum";
    }
    if (!within(tables->mel_edges, bands + 2, 0, half + 1)) {
        return "mel_edges leave the spectrum";
    }
    for (m = 0; m <= bands; m++) {
        if (tables->mel_edges[m] > tables->mel_edges[m + 1]) {
            return "mel_edges do not rise";
        }
    }
    if (!within(tables->mel_rise_q15, half + 1, 0, 1 << 15)) {
        return "mel_rise_q15 leaves 0 to 1";
    }
    if (!within(tables->log2_q20, 257, 0, 1 << 20)) {
        return "log2_q20 leaves 0 to 1";
    }
    if (!within(&tables->log_offset_q20, 1, -(1 << 27), 1 << 27)) {
        return "log_offset_q20 leaves -128 to 128";
    }
    if (!within(tables->kept, tables->coefficients, 0, bands - 1)) {
        return "kept leaves the bands";
    }
    if (tables->dct_q30 != NULL &&
        !within(tables->dct_q30, tables->coefficients * bands, -ONE_Q30, ONE_Q30)) {
        return "dct_q30 leaves -1 to 1";
    }
    return NULL;
}

void airway_frontend_init(airway_frontend *frontend, const airway_tables *tables,
                          airway_memory memory) {
    frontend->tables = tables;
    frontend->memory = memory;
    airway_frontend_reset(frontend);
}

void airway_frontend_reset(airway_frontend *frontend) {
    frontend->filled = 0;
}

bool airway_frontend_next(airway_frontend *frontend, const int16_t **pcm, size_t *count,
                          int16_t *row) {
    const airway_tables *tables = frontend->tables;
    const airway_memory *memory = &frontend->memory;
    const int32_t overlap = tables->window_samples - tables->hop_samples;
    const size_t room = (size_t)(tables->window_samples - frontend->filled);
    const size_t taken = *count < room ? *count : room;
    int shift;
    if (taken > 0) {
        memcpy(memory->samples + frontend->filled, *pcm, taken * sizeof **pcm);
        *pcm += taken;
        *count -= taken;
        frontend->filled += (int32_t)taken;
    }
    if (taken < room) {
        return false;
    }
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
