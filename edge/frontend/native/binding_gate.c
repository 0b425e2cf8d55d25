/* edge.frontend.native._core.Gate: the gate in C for Python. */
#include "binding_gate.h"

#include "airway_gate.h"

typedef struct {
    PyObject_HEAD
    airway_gate_rule rule;
    airway_gate gate;
} Gate;

/* Gate(skip_samples, step_samples, rise_q7, groups, hold_steps, settle_steps) */
static PyObject *gate_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    airway_gate_rule rule;
    const char *fault;
    Gate *self;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "iiiiii", &rule.skip_samples, &rule.step_samples, &rule.rise_q7,
                          &rule.groups, &rule.hold_steps, &rule.settle_steps)) {
        return NULL;
    }
    fault = airway_gate_fault(&rule);
    if (fault != NULL) {
        PyErr_SetString(PyExc_ValueError, fault);
        return NULL;
    }
    self = (Gate *)airway_make(type);
    if (self != NULL) {
        self->rule = rule;
        airway_gate_init(&self->gate, &self->rule);
    }
    return (PyObject *)self;
}

static void gate_dealloc(PyObject *object) {
    airway_release(object, NULL, NULL);
}

static PyObject *gate_reset(PyObject *object, PyObject *unused) {
    Gate *self = (Gate *)object;
    (void)unused;
    airway_gate_init(&self->gate, &self->rule);
    Py_RETURN_NONE;
}

static PyObject *gate_push(PyObject *object, PyObject *samples) {
    Gate *self = (Gate *)object;
    Py_buffer view;
    PyObject *out;
    if (airway_open_samples(samples, &view) < 0) {
        return NULL;
    }
    const int16_t *pcm = (const int16_t *)view.buf;
    size_t count = (size_t)view.len / sizeof(int16_t), steps = 0;
    const size_t room = count / (size_t)self->rule.step_samples + 1;
    out = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)room);
    if (out != NULL) {
        char *flags = PyByteArray_AsString(out);
        bool open;
        while (airway_gate_next(&self->gate, &pcm, &count, &open)) {
            flags[steps++] = open;
        }
        if (PyByteArray_Resize(out, (Py_ssize_t)steps) < 0) {
            Py_CLEAR(out);
        }
    }
    PyBuffer_Release(&view);
    return out;
}

static PyMethodDef gate_methods[] = {
    {"push", gate_push, METH_O, "int16 samples -> bytearray of the steps they complete, 0 or 1."},
    {"reset", gate_reset, METH_NOARGS, "Forget the past."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot gate_slots[] = {
    {Py_tp_new, (void *)gate_new},
    {Py_tp_dealloc, (void *)gate_dealloc},
    {Py_tp_methods, gate_methods},
    {0, NULL},
};

PyType_Spec airway_gate_type = {
    "edge.frontend.native._core.Gate", sizeof(Gate), 0, Py_TPFLAGS_DEFAULT, gate_slots,
};
