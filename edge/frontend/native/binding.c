/* edge.frontend.native._core: the C frontend for Python, on the stable ABI. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "binding_gate.h"
#include "binding_tables.h"

/* Tables and taps lie in Python's immutable bytes, which `owner` keeps alive. The interpreter's
 * lock is held throughout: it is what makes an object safe to share between threads. */
typedef struct {
    PyObject_HEAD
    PyObject *owner;
    void *memory;
    BoundTables tables;
    airway_spectral_memory spectral;
    airway_frontend frontend;
} Stages;

typedef struct {
    PyObject_HEAD
    PyObject *owner;
    int16_t *ring;
    airway_conversion conversion;
    airway_resampler resampler;
} Resampler;

static int allocate(Stages *self) {
    const airway_tables *t = &self->tables.all;
    airway_memory memory;
    self->memory = PyMem_Malloc(airway_lay_out(t, NULL, &self->spectral, &memory));
    if (self->memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    airway_lay_out(t, self->memory, &self->spectral, &memory);
    airway_frontend_init(&self->frontend, t, memory);
    return 0;
}

/* More samples than wait inside. */
static size_t backlog(const Stages *self) {
    const airway_tables *t = &self->tables.all;
    const size_t framed = (size_t)self->frontend.filled + self->frontend.waiting;
    if (t->spectral != NULL) {
        return framed + (size_t)t->spectral->turn.fft_size;
    }
    return t->wavelet != NULL ? framed + ((size_t)4 << t->wavelet->levels) : framed;
}

PyObject *airway_make(PyTypeObject *type) {
    return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

void airway_release(PyObject *object, PyObject *owner, void *memory) {
    PyTypeObject *type = Py_TYPE(object);
    PyMem_Free(memory);
    Py_XDECREF(owner);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF((PyObject *)type);
}

/* Stages(window_samples, hop_samples, fft_size, mel_bands, tables) */
static PyObject *stages_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *tables;
    Stages *self;
    int window, hop, fft, bands;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "iiiiO!", &window, &hop, &fft, &bands, &PyTuple_Type, &tables)) {
        return NULL;
    }
    self = (Stages *)airway_make(type);
    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(tables);
    self->owner = tables;
    self->tables.all.window_samples = window;
    self->tables.all.hop_samples = hop;
    self->tables.all.fft_size = fft;
    self->tables.all.mel_bands = bands;
    if (airway_read_tables(&self->tables, tables) < 0 || allocate(self) < 0) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static void stages_dealloc(PyObject *object) {
    Stages *self = (Stages *)object;
    airway_release(object, self->owner, self->memory);
}

static PyObject *stages_reset(PyObject *object, PyObject *unused) {
    (void)unused;
    airway_frontend_reset(&((Stages *)object)->frontend);
    Py_RETURN_NONE;
}

/* Resampler(taps, phases, taps_a_phase, step) */
static PyObject *resampler_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *bytes;
    Resampler *self;
    int phases, taps, step;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "Siii", &bytes, &phases, &taps, &step)) {
        return NULL;
    }
    if (phases < 1 || phases > 1 << 15 || taps < 2 || taps > 1 << 15 || step < 1 ||
        step > 1 << 30 ||
        PyBytes_Size(bytes) != (Py_ssize_t)phases * taps * (Py_ssize_t)sizeof(int32_t)) {
        PyErr_SetString(PyExc_ValueError, "the taps do not fit the conversion's sizes");
        return NULL;
    }
    self = (Resampler *)airway_make(type);
    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(bytes);
    self->owner = bytes;
    self->conversion.phases = phases;
    self->conversion.taps = taps;
    self->conversion.step = step;
    self->conversion.values_q30 = (const int32_t *)(const void *)PyBytes_AsString(bytes);
    self->ring = (int16_t *)PyMem_Malloc(2 * (size_t)taps * sizeof(int16_t));
    if (self->ring == NULL) {
        Py_DECREF((PyObject *)self);
        return PyErr_NoMemory();
    }
    airway_resampler_init(&self->resampler, &self->conversion, self->ring);
    return (PyObject *)self;
}

static void resampler_dealloc(PyObject *object) {
    Resampler *self = (Resampler *)object;
    airway_release(object, self->owner, self->ring);
}

static PyObject *resampler_reset(PyObject *object, PyObject *unused) {
    (void)unused;
    airway_resampler_reset(&((Resampler *)object)->resampler);
    Py_RETURN_NONE;
}

int airway_open_samples(PyObject *pcm, Py_buffer *view) {
    if (PyObject_GetBuffer(pcm, view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (view->len % (Py_ssize_t)sizeof(int16_t) != 0 ||
        (uintptr_t)view->buf % sizeof(int16_t) != 0) {
        PyBuffer_Release(view);
        PyErr_SetString(PyExc_ValueError, "samples must be whole and aligned int16");
        return -1;
    }
    return 0;
}

/* `out` cut to what was written. */
static PyObject *cut(PyObject *out, size_t values) {
    if (PyByteArray_Resize(out, (Py_ssize_t)(values * sizeof(int16_t))) < 0) {
        Py_DECREF(out);
        return NULL;
    }
    return out;
}

/* Counted in 64 bits, which a product of lengths fits on every machine. */
static PyObject *room_for(uint64_t values) {
    if (values > PY_SSIZE_T_MAX / sizeof(int16_t)) {
        return PyErr_NoMemory();
    }
    return PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)(values * sizeof(int16_t)));
}

static PyObject *stages_push(PyObject *object, PyObject *samples) {
    Stages *self = (Stages *)object;
    const size_t width = (size_t)self->tables.all.coefficients;
    size_t rows = 0;
    Py_buffer view;
    PyObject *out;
    if (airway_open_samples(samples, &view) < 0) {
        return NULL;
    }
    const int16_t *pcm = (const int16_t *)view.buf;
    size_t count = (size_t)view.len / sizeof(int16_t);
    const size_t hop = (size_t)self->tables.all.hop_samples;
    out = room_for((((uint64_t)count + backlog(self)) / hop + 1) * width);
    if (out != NULL) {
        int16_t *row = (int16_t *)(void *)PyByteArray_AsString(out);
        while (airway_frontend_next(&self->frontend, &pcm, &count, row + rows * width)) {
            rows++;
        }
        out = cut(out, rows * width);
    }
    PyBuffer_Release(&view);
    return out;
}

static PyObject *resampler_push(PyObject *object, PyObject *samples) {
    Resampler *self = (Resampler *)object;
    Py_buffer view;
    PyObject *out;
    if (airway_open_samples(samples, &view) < 0) {
        return NULL;
    }
    const int16_t *pcm = (const int16_t *)view.buf;
    size_t count = (size_t)view.len / sizeof(int16_t);
    const uint64_t room =
        (uint64_t)count * (uint64_t)self->conversion.phases / (uint64_t)self->conversion.step + 2;
    out = room_for(room);
    if (out != NULL) {
        int16_t *first = (int16_t *)(void *)PyByteArray_AsString(out);
        out = cut(out, airway_resampler_push(&self->resampler, &pcm, &count, first, (size_t)room));
    }
    PyBuffer_Release(&view);
    return out;
}

static PyMethodDef stages_methods[] = {
    {"push", stages_push, METH_O, "int16 samples -> bytearray of the int16 rows they complete."},
    {"reset", stages_reset, METH_NOARGS, "Forget the past."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef resampler_methods[] = {
    {"push", resampler_push, METH_O, "int16 samples -> bytearray of the int16 samples due."},
    {"reset", resampler_reset, METH_NOARGS, "Forget the past."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot stages_slots[] = {
    {Py_tp_new, (void *)stages_new},
    {Py_tp_dealloc, (void *)stages_dealloc},
    {Py_tp_methods, stages_methods},
    {0, NULL},
};

static PyType_Slot resampler_slots[] = {
    {Py_tp_new, (void *)resampler_new},
    {Py_tp_dealloc, (void *)resampler_dealloc},
    {Py_tp_methods, resampler_methods},
    {0, NULL},
};

static PyType_Spec stages_spec = {
    "edge.frontend.native._core.Stages", sizeof(Stages), 0, Py_TPFLAGS_DEFAULT, stages_slots,
};

static PyType_Spec resampler_spec = {
    "edge.frontend.native._core.Resampler", sizeof(Resampler), 0, Py_TPFLAGS_DEFAULT,
    resampler_slots,
};

static int add_type(PyObject *module, PyType_Spec *spec) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int failed;
    if (type == NULL) {
        return -1;
    }
    failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static int core_exec(PyObject *module) {
    PyType_Spec *types[] = {&stages_spec, &resampler_spec, &airway_gate_type};
    size_t t;
    for (t = 0; t < sizeof types / sizeof *types; t++) {
        if (add_type(module, types[t]) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, (void *)core_exec},
    {0, NULL},
};

static struct PyModuleDef core = {
    PyModuleDef_HEAD_INIT, "_core", "The frontend's stages in C.", 0, NULL, core_slots,
    NULL,                  NULL,    NULL,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&core);
}
