#pragma once

// What only histograms do when called from Python: arrays, time, exemplars.

#include <Python.h>

#include "instrument_objects.hpp"

namespace inlay::python {

PyObject* instrument_record_many(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                                 PyObject* names);
PyObject* instrument_time(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                          PyObject* names);
PyObject* bound_record_many(PyObject* object, PyObject* values);
/// How long before a moment times were, both in microseconds; recorded in seconds.
PyObject* bound_record_ages(PyObject* object, PyObject* const* args, Py_ssize_t num_args);
PyObject* bound_record_since(PyObject* object, PyObject* start);
/// The same of an ASGI request, whose scope the source of exemplars is told.
PyObject* bound_record_request(PyObject* object, PyObject* const* args, Py_ssize_t num_args);
PyObject* bound_time(PyObject* object, PyObject* unused);
PyObject* bound_exemplar(PyObject* object, PyObject* args, PyObject* keywords);

/// One value into a series, with what may be due then: an exemplar, a fork's restart hook. `about`
/// is what the source of exemplars is told; null for nothing.
void record_value(BoundObject<HistogramTraits>* self, double value, PyObject* about = nullptr);

/// Adds the type Timer to the module.
void add_timer_type(PyObject* module);

}  // namespace inlay::python
