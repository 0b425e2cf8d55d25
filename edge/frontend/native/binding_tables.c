/* A spec's tables, from Python's bytes, and its memory; see binding_tables.h. */
#include <string.h>

#include "binding_tables.h"

enum {
    WINDOW, TWIDDLE_RE, TWIDDLE_IM, BIT_REVERSAL, MEL_EDGES, MEL_RISE, LOG2, LOG_OFFSET, DCT, KEPT,
    BAND, SPECTRAL_WINDOW, SPECTRAL_RE, SPECTRAL_IM, SPECTRAL_REVERSAL, SPECTRAL_GAIN,
    SPECTRAL_LEVELS, WAVELET_FACTOR, LAG_WINDOW, ENERGY_OFFSET, TABLES
};

static const char *const names[TABLES] = {
    "window_q30", "twiddle_re_q30", "twiddle_im_q30", "bit_reversal", "mel_edges", "mel_rise_q15",
    "log2_q20", "log_offset_q20", "dct_q30", "kept", "band_q30", "spectral_window_q30",
    "spectral_twiddle_re_q30", "spectral_twiddle_im_q30", "spectral_bit_reversal",
    "spectral_gain_q15", "spectral_levels_q20", "wavelet_factor_q8", "lag_window_q30",
    "energy_offset_q20",
};

typedef struct {
    const int32_t *values; /* NULL for none */
    Py_ssize_t count;
} Table;

static int open_tables(PyObject *tables, Table *found) {
    int i;
    if (PyTuple_Size(tables) != TABLES) {
        PyErr_Format(PyExc_ValueError, "expected %d tables", TABLES);
        return -1;
    }
    for (i = 0; i < TABLES; i++) {
        char *bytes;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(tables, i), &bytes, &size) < 0) {
            return -1;
        }
        found[i].count = size / (Py_ssize_t)sizeof(int32_t);
        found[i].values = found[i].count > 0 ? (const int32_t *)(const void *)bytes : NULL;
    }
    return 0;
}

/* Whether each table has as many values as the others ask for. */
static int sizes_fit(const airway_tables *t, const Table *found) {
    const Py_ssize_t half = t->fft_size / 2, bands = t->mel_bands;
    const Py_ssize_t points = found[SPECTRAL_WINDOW].count;
    const Py_ssize_t wanted[TABLES] = {
        [WINDOW] = t->window_samples,
        [TWIDDLE_RE] = half,
        [TWIDDLE_IM] = half,
        [BIT_REVERSAL] = half,
        [MEL_EDGES] = bands + 2,
        [MEL_RISE] = half + 1,
        [LOG2] = 257,
        [LOG_OFFSET] = 1,
        [DCT] = found[DCT].count / (bands > 0 ? bands : 1) * bands, /* the rest after `kept` */
        [KEPT] = found[KEPT].count,
        [BAND] = found[BAND].count / 5 * 5,
        [SPECTRAL_WINDOW] = points,
        [SPECTRAL_RE] = points / 2,
        [SPECTRAL_IM] = points / 2,
        [SPECTRAL_REVERSAL] = points / 2,
        [SPECTRAL_GAIN] = points > 0 ? 256 : 0,
        [SPECTRAL_LEVELS] = points > 0 ? 2 : 0,
        [WAVELET_FACTOR] = found[WAVELET_FACTOR].count,
        [LAG_WINDOW] = found[LAG_WINDOW].count,
        [ENERGY_OFFSET] = found[ENERGY_OFFSET].count > 0 ? 1 : 0,
    };
    int i;
    for (i = 0; i < TABLES; i++) {
        if (found[i].count != wanted[i]) {
            PyErr_Format(PyExc_ValueError, "%s has %zd values and needs %zd", names[i],
                         found[i].count, wanted[i]);
            return -1;
        }
    }
    return 0;
}

static void point_common(airway_tables *t, const Table *found) {
    t->window_q30 = found[WINDOW].values;
    t->twiddle_re_q30 = found[TWIDDLE_RE].values;
    t->twiddle_im_q30 = found[TWIDDLE_IM].values;
    t->bit_reversal = found[BIT_REVERSAL].values;
    t->mel_edges = found[MEL_EDGES].values;
    t->mel_rise_q15 = found[MEL_RISE].values;
    t->log2_q20 = found[LOG2].values;
    t->log_offset_q20 = found[LOG_OFFSET].values[0];
    t->dct_q30 = found[DCT].values;
    t->kept = found[KEPT].values;
    t->coefficients = (int32_t)found[KEPT].count;
}

static void point_optional(BoundTables *bound, const Table *found) {
    airway_tables *t = &bound->all;
    t->band_q30 = found[BAND].values;
    t->band_sections = (int32_t)(found[BAND].count / 5);
    t->lag_window_q30 = found[LAG_WINDOW].values;
    t->lpc_order = found[LAG_WINDOW].count > 0 ? (int32_t)found[LAG_WINDOW].count - 1 : 0;
    t->energy_offset_q20 = found[ENERGY_OFFSET].values;
    if (found[SPECTRAL_WINDOW].count > 0) {
        airway_spectral_tables *s = &bound->spectral;
        s->turn.fft_size = (int32_t)found[SPECTRAL_WINDOW].count;
        s->turn.twiddle_re_q30 = found[SPECTRAL_RE].values;
        s->turn.twiddle_im_q30 = found[SPECTRAL_IM].values;
        s->turn.bit_reversal = found[SPECTRAL_REVERSAL].values;
        s->window_q30 = found[SPECTRAL_WINDOW].values;
        s->log2_q20 = found[LOG2].values;
        s->gain_q15 = found[SPECTRAL_GAIN].values;
        s->bias_q20 = found[SPECTRAL_LEVELS].values[0];
        s->least_q20 = found[SPECTRAL_LEVELS].values[1];
        t->spectral = s;
    }
    if (found[WAVELET_FACTOR].count > 0) {
        bound->wavelet.levels = (int32_t)found[WAVELET_FACTOR].count;
        bound->wavelet.factor_q8 = found[WAVELET_FACTOR].values;
        t->wavelet = &bound->wavelet;
    }
}

int airway_read_tables(BoundTables *bound, PyObject *tables) {
    airway_tables *t = &bound->all;
    Table found[TABLES];
    const char *fault;
    Py_ssize_t cepstra = 0;
    if (open_tables(tables, found) < 0 || sizes_fit(t, found) < 0) {
        return -1;
    }
    point_common(t, found);
    point_optional(bound, found);
    while (cepstra < found[KEPT].count && t->kept[cepstra] < t->mel_bands) {
        cepstra++;
    }
    if (t->dct_q30 != NULL && found[DCT].count != cepstra * t->mel_bands) {
        PyErr_Format(PyExc_ValueError, "dct_q30 has %zd values and needs %zd for what is kept",
                     found[DCT].count, cepstra * t->mel_bands);
        return -1;
    }
    fault = airway_tables_fault(t);
    if (fault != NULL) {
        PyErr_SetString(PyExc_ValueError, fault);
        return -1;
    }
    return 0;
}

/* The next `count` values of `size` bytes from a block that is only measured while NULL. */
static void *carve(char *block, size_t *used, size_t count, size_t size) {
    const size_t start = (*used + size - 1) / size * size;
    *used = start + count * size;
    return block == NULL ? NULL : block + start;
}

size_t airway_lay_out(const airway_tables *t, char *block, airway_spectral_memory *own,
                      airway_memory *memory) {
    size_t used = 0;
    memset(memory, 0, sizeof *memory);
    memory->bins = carve(block, &used, (size_t)t->fft_size / 2 + 1, sizeof(airway_bin));
    memory->bands = carve(block, &used, (size_t)t->mel_bands, sizeof(int32_t));
    memory->samples = carve(block, &used, (size_t)t->window_samples, sizeof(int16_t));
    if (t->spectral != NULL) {
        const size_t half = (size_t)t->spectral->turn.fft_size / 2;
        own->bins = carve(block, &used, half + 1, sizeof(airway_bin));
        own->smooth_q20 = carve(block, &used, half + 1, sizeof(int32_t));
        own->noise_q20 = carve(block, &used, half + 1, sizeof(int32_t));
        own->overlap_q8 = carve(block, &used, half, sizeof(int32_t));
        own->gain_q15 = carve(block, &used, half + 1, sizeof(uint16_t));
        own->samples = carve(block, &used, 2 * half, sizeof(int16_t));
        memory->spectral = own;
        memory->staged = carve(block, &used, half, sizeof(int16_t));
    }
    if (t->wavelet != NULL) {
        const size_t deepest = (size_t)1 << t->wavelet->levels;
        memory->details = carve(block, &used, 4 * (deepest - 1), sizeof(int32_t));
        memory->staged = carve(block, &used, deepest, sizeof(int16_t));
    }
    return used;
}
