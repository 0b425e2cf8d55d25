/* A spec's tables, from Python's bytes, and the memory they ask for. */
#ifndef AIRWAY_BINDING_TABLES_H
#define AIRWAY_BINDING_TABLES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "airway_frontend.h"

/* Tables with those of the denoisers, to which they point. */
typedef struct {
    airway_tables all;
    airway_spectral_tables spectral;
    airway_wavelet_tables wavelet;
} BoundTables;

/* Point `bound`, whose four sizes are set, into a tuple of bytes in the order of FrontendTables,
 * empty for a stage that is off; the caller keeps the tuple. Return -1 with a Python error set
 * when they do not fit. */
int airway_read_tables(BoundTables *bound, PyObject *tables);

/* Lay a frontend's arrays into a block; NULL only measures it. Return its bytes. */
size_t airway_lay_out(const airway_tables *tables, char *block, airway_spectral_memory *spectral,
                      airway_memory *memory);

#endif
