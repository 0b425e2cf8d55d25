/* The gate's type, and what it shares with the others. */
#ifndef AIRWAY_BINDING_GATE_H
#define AIRWAY_BINDING_GATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyType_Spec airway_gate_type;

/* A new object of zeros. */
PyObject *airway_make(PyTypeObject *type);

/* Free an object and what it holds; either may be NULL. */
void airway_release(PyObject *object, PyObject *owner, void *memory);

/* The samples of a buffer; release it after 0, not after -1. */
int airway_open_samples(PyObject *pcm, Py_buffer *view);

#endif
