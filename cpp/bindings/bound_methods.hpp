#pragma once

// What one series of any kind does when called from Python.

#include "exemplars.hpp"
#include "record_values.hpp"

namespace inlay::python {

template <typename Traits, typename Use>
PyObject* bound_call(PyObject* object, PyObject* value) {
  auto* const self = reinterpret_cast<BoundObject<Traits>*>(object);
  if (!Use()(self->handle, value)) [[unlikely]]
    return nullptr;
  const uint32_t bits = self->attention->load(std::memory_order_relaxed);
  double number = 0.0;
  if constexpr (Traits::kKind == Kind::histogram) to_double(value, number);  // it did before
  if (!passes<Traits>(bits, number, &self->largest, self->largest_window)) [[unlikely]]
    attend<Traits>(*self->state, self->handle, number, &self->largest, &self->largest_window);
  Py_RETURN_NONE;
}

inline PyObject* bound_clear(PyObject* object, PyObject*) {
  reinterpret_cast<BoundObject<GaugeTraits>*>(object)->handle.clear();
  Py_RETURN_NONE;
}

template <typename Traits>
void bound_dealloc(PyObject* object) {
  auto* const self = reinterpret_cast<BoundObject<Traits>*>(object);
  PyTypeObject* const type = Py_TYPE(object);
  if (self->weak_references != nullptr) PyObject_ClearWeakRefs(object);
  using Handle = typename Traits::Handle;
  self->handle.~Handle();
  self->state.~shared_ptr();
  Py_XDECREF(self->values);
  Py_XDECREF(reinterpret_cast<PyObject*>(self->instrument));
  type->tp_free(object);
  Py_DECREF(type);
}

template <typename Traits>
PyObject* bound_attributes(PyObject* object, void*) {
  auto* const self = reinterpret_cast<BoundObject<Traits>*>(object);
  PyObject* const dict = PyDict_New();
  PyObject* const keys = self->instrument->keys;
  for (Py_ssize_t i = 0; dict != nullptr && i < PyTuple_GET_SIZE(keys); ++i) {
    if (PyDict_SetItem(dict, PyTuple_GET_ITEM(keys, i), PyTuple_GET_ITEM(self->values, i)) < 0) {
      Py_DECREF(dict);
      return nullptr;
    }
  }
  return dict;
}

template <typename Traits>
PyObject* bound_series_id(PyObject* object, void*) {
  return PyLong_FromLongLong(reinterpret_cast<BoundObject<Traits>*>(object)->handle.series_id());
}

template <typename Traits>
PyObject* bound_instrument(PyObject* object, void*) {
  return Py_NewRef(
      reinterpret_cast<PyObject*>(reinterpret_cast<BoundObject<Traits>*>(object)->instrument));
}

template <typename Traits>
PyObject* bound_repr(PyObject* object) {
  const Owned attributes(bound_attributes<Traits>(object, nullptr));
  if (!attributes) return nullptr;
  const auto* const instrument = reinterpret_cast<BoundObject<Traits>*>(object)->instrument;
  return PyUnicode_FromFormat("<%s '%s' %R%s>", Traits::kBoundName, instrument->body->name.c_str(),
                              attributes.object,
                              instrument->body->state == nullptr ? " detached" : "");
}

}  // namespace inlay::python
