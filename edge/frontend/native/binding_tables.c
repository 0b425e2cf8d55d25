/* A spec's tables, from Python's bytes; see binding_tables.h. */
#include "binding_tables.h"

#define TABLES 10

int airway_read_tables(airway_tables *t, PyObject *tables) {
    const Py_ssize_t half = t->fft_size / 2;
    const Py_ssize_t bands = t->mel_bands;
    const Py_ssize_t word = (Py_ssize_t)sizeof(int32_t);
    const int32_t *log_offset;
    char *bytes[TABLES];
    Py_ssize_t sizes[TABLES];
    const char *fault;
    int i;
    if (PyTuple_Size(tables) != TABLES) {
        PyErr_Format(PyExc_ValueError, "expected %d tables", TABLES);
        return -1;
    }
    for (i = 0; i < TABLES; i++) {
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(tables, i), &bytes[i], &sizes[i]) < 0) {
            return -1;
        }
    }
    t->coefficients = (int32_t)(sizes[9] / word);
    const struct {
        const char *name;
        Py_ssize_t count;
        const int32_t **to;
    } wanted[TABLES] = {
        {"window_q30", t->window_samples, &t->window_q30},
        {"twiddle_re_q30", half, &t->twiddle_re_q30},
        {"twiddle_im_q30", half, &t->twiddle_im_q30},
        {"bit_reversal", half, &t->bit_reversal},
        {"mel_edges", bands + 2, &t->mel_edges},
        {"mel_rise_q15", half + 1, &t->mel_rise_q15},
        {"log2_q20", 257, &t->log2_q20},
        {"log_offset_q20", 1, &log_offset},
        {"dct_q30", sizes[8] == 0 ? 0 : t->coefficients * bands, &t->dct_q30},
        {"kept", t->coefficients, &t->kept},
    };
    for (i = 0; i < TABLES; i++) {
        if (sizes[i] != wanted[i].count * word) {
            PyErr_Format(PyExc_ValueError, "%s has %zd values and needs %zd", wanted[i].name,
                         sizes[i] / word, wanted[i].count);
            return -1;
        }
        *wanted[i].to = (const int32_t *)(const void *)bytes[i];
    }
    if (sizes[8] == 0) {
        t->dct_q30 = NULL;
    }
    t->log_offset_q20 = *log_offset;
    fault = airway_tables_fault(t);
    if (fault != NULL) {
        PyErr_SetString(PyExc_ValueError, fault);
        return -1;
    }
    return 0;
}
