#pragma once

// From a Python number into a bound handle, one callable for each verb. False with an error set.

#include <Python.h>

#include "inlay/observer.hpp"

namespace inlay::python {

inline bool to_double(PyObject* value, double& out) {
  if (PyFloat_CheckExact(value)) [[likely]] {
    out = PyFloat_AS_DOUBLE(value);
    return true;
  }
  out = PyFloat_AsDouble(value);
  return out != -1.0 || PyErr_Occurred() == nullptr;
}

inline bool use(const BoundCounter& handle, PyObject* value) {
  bool up;
  if (PyLong_Check(value)) {
    int overflow = 0;
    const long long whole = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
      up = handle.add(static_cast<int64_t>(whole));
    } else {
      const double real = PyFloat_AsDouble(value);
      if (real == -1.0 && PyErr_Occurred() != nullptr) return false;
      up = handle.add(real);
    }
  } else {
    double real;
    if (!to_double(value, real)) return false;
    up = handle.add(real);
  }
  if (!up) [[unlikely]]
    PyErr_Format(PyExc_ValueError, "a counter only goes up, got %R", value);
  return up;
}

struct SetGauge {
  bool operator()(const BoundGauge& handle, PyObject* value) const {
    double real;
    if (!to_double(value, real)) return false;
    handle.set(real);
    return true;
  }
};

struct AddGauge {
  bool operator()(const BoundGauge& handle, PyObject* value) const {
    double real;
    if (!to_double(value, real)) return false;
    handle.add(real);
    return true;
  }
};

struct AddCounter {
  bool operator()(const BoundCounter& handle, PyObject* value) const { return use(handle, value); }
};

struct RecordHistogram {
  bool operator()(const BoundHistogram& handle, PyObject* value) const {
    double real;
    if (!to_double(value, real)) return false;
    handle.record(real);
    return true;
  }
};

}  // namespace inlay::python
