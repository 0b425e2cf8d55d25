/* A spec's tables, from Python's bytes. */
#ifndef AIRWAY_BINDING_TABLES_H
#define AIRWAY_BINDING_TABLES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "airway_frontend.h"

/* Point `t`, whose sizes are set, into a tuple of bytes in the order of FrontendTables; the caller
 * keeps the tuple. Return -1 with a Python error set when they do not fit. */
int airway_read_tables(airway_tables *t, PyObject *tables);

#endif
