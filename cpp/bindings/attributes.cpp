#include "attributes.hpp"

namespace inlay::python {

void raise_attributes(const InstrumentObject* self, PyObject* names) {
  const char* const metric = self->body->name.c_str();
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (PySequence_Contains(self->keys, PyTuple_GET_ITEM(names, i)) != 1) {
      PyErr_Format(PyExc_TypeError, "metric '%s' has no attribute %R; it has %R", metric,
                   PyTuple_GET_ITEM(names, i), self->keys);
      return;
    }
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->keys); ++i) {
    PyObject* const key = PyTuple_GET_ITEM(self->keys, i);
    if (names == nullptr || PySequence_Contains(names, key) != 1) {
      PyErr_Format(PyExc_TypeError, "metric '%s' needs a value for its attribute %R", metric, key);
      return;
    }
  }
}

bool learn_names(InstrumentObject* self, PyObject* names) {
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  if (count != PyTuple_GET_SIZE(self->keys)) {
    raise_attributes(self, names);
    return false;
  }
  std::vector<Py_ssize_t> order(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Py_ssize_t at = PySequence_Index(self->keys, PyTuple_GET_ITEM(names, i));
    if (at < 0) {
      PyErr_Clear();
      raise_attributes(self, names);
      return false;
    }
    order[static_cast<size_t>(i)] = at;
  }
  self->body->order = std::move(order);
  Py_XSETREF(self->body->last_names, Py_XNewRef(names));
  return true;
}

bool to_text(const InstrumentObject* self, Py_ssize_t at, PyObject* value, Owned& keep,
             std::string_view& out) {
  PyObject* text = value;
  if (!PyUnicode_Check(value)) {
    if (!PyLong_Check(value)) {
      PyErr_Format(PyExc_TypeError, "attribute %R of metric '%s' takes str, int or bool, got %R",
                   PyTuple_GET_ITEM(self->keys, at), self->body->name.c_str(), value);
      return false;
    }
    text = keep.object = PyObject_Str(value);
    if (text == nullptr) return false;
  }
  Py_ssize_t size;
  const char* const utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (utf8 == nullptr) {
    PyErr_Format(PyExc_ValueError, "attribute %R of metric '%s' is not valid Unicode: %R",
                 PyTuple_GET_ITEM(self->keys, at), self->body->name.c_str(), value);
    return false;
  }
  out = {utf8, static_cast<size_t>(size)};
  return true;
}

}  // namespace inlay::python
