#pragma once

#include <Python.h>

#include <cstddef>

namespace inlay::python {

/// Gives the numbers of a contiguous float32 or float64 buffer to `use(const T*, size_t)`.
template <typename Use>
bool for_each_span(PyObject* values, Use use) {
  Py_buffer view;
  if (PyObject_GetBuffer(values, &view, PyBUF_FORMAT | PyBUF_ND) != 0) {
    PyErr_Format(PyExc_TypeError, "an array of numbers is expected, got %.200s",
                 Py_TYPE(values)->tp_name);
    return false;
  }
  const char format = view.format == nullptr ? 'B' : view.format[0];
  const size_t count = view.itemsize == 0 ? 0 : static_cast<size_t>(view.len / view.itemsize);
  if (format != 'd' && format != 'f') {
    PyErr_Format(PyExc_TypeError, "an array of float32 or float64 is expected, got format '%s'",
                 view.format);
    PyBuffer_Release(&view);
    return false;
  }
  constexpr size_t kLarge = 4096;
  PyThreadState* const saved = count >= kLarge ? PyEval_SaveThread() : nullptr;
  if (format == 'd') {
    use(static_cast<const double*>(view.buf), count);
  } else {
    use(static_cast<const float*>(view.buf), count);
  }
  if (saved != nullptr) PyEval_RestoreThread(saved);
  PyBuffer_Release(&view);
  return true;
}

}  // namespace inlay::python
