#pragma once

// From attribute values in a Python call to the handle of their series.

#include <string_view>
#include <utility>
#include <vector>

#include "components.hpp"
#include "instrument_objects.hpp"

namespace inlay::python {

/// Says which attribute is unknown, missing or surplus.
void raise_attributes(const InstrumentObject* self, PyObject* names);

/// Finds out where each keyword's value goes and remembers it for the call site.
bool learn_names(InstrumentObject* self, PyObject* names);

/// The text of an attribute value: a str as it is, int and bool by str(). `keep` holds what was
/// made.
bool to_text(const InstrumentObject* self, Py_ssize_t at, PyObject* value, Owned& keep,
             std::string_view& out);

constexpr size_t kFewAttributes = 16;

/// Binds values given in the order of the keys. False with an error set; `texts` gets a new tuple.
template <typename Traits>
bool bind_values(InstrumentObject* self, PyObject* const* values, typename Traits::Handle& out,
                 PyObject** texts = nullptr) {
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(self->keys));
  std::vector<std::string_view> views(count);
  std::vector<PyObject*> made(count, nullptr);
  bool good = true;
  for (size_t i = 0; i < count && good; ++i) {
    Owned keep(nullptr);
    good = to_text(self, static_cast<Py_ssize_t>(i), values[i], keep, views[i]);
    std::swap(made[i], keep.object);
  }
  if (good && texts != nullptr) {
    *texts = PyTuple_New(static_cast<Py_ssize_t>(count));
    good = *texts != nullptr;
    for (size_t i = 0; i < count && good; ++i) {
      PyTuple_SET_ITEM(*texts, static_cast<Py_ssize_t>(i),
                       Py_NewRef(made[i] != nullptr ? made[i] : values[i]));
    }
  }
  if (good && self->body->handle) {
    try {
      out = typename Traits::Handle(detail::bind(self->body->handle, views.data(), count));
    } catch (...) {
      set_error_from_current_exception();
      good = false;
    }
  }
  for (PyObject* object : made) Py_XDECREF(object);
  if (!good && texts != nullptr) Py_CLEAR(*texts);
  return good;
}

/// The handle for attribute values given in a call. Null with an error set. Valid until the GIL is
/// let go.
template <typename Traits>
const typename Traits::Handle* find_handle(InstrumentObject* self, PyObject* const* given,
                                           PyObject* names) {
  auto* const body = self->body;
  if (!body->knows(names) && !(names == nullptr && PyTuple_GET_SIZE(self->keys) == 0) &&
      !learn_names(self, names)) {
    return nullptr;
  }
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(self->keys));
  if (count > kFewAttributes) {
    PyErr_Format(
        PyExc_TypeError, "metric '%s' has %zd attributes: bind() them, a call takes at most %d",
        body->name.c_str(), PyTuple_GET_SIZE(self->keys), static_cast<int>(kFewAttributes));
    return nullptr;
  }
  PyObject* values[kFewAttributes];
  bool plain = true;
  for (size_t i = 0; i < count; ++i) {
    PyObject* const value = given[i];
    values[body->order[i]] = value;
    plain =
        plain && (PyUnicode_CheckExact(value) || PyLong_CheckExact(value) || PyBool_Check(value));
  }
  auto& cache = cache_of<Traits>(self);
  Py_hash_t hash = 0;
  if (plain) {
    if (const auto* const found = cache.find(values, hash); found != nullptr) [[likely]]
      return found;
  }
  typename Traits::Handle handle;
  if (!bind_values<Traits>(self, values, handle)) return nullptr;
  if (plain) return &cache.insert(values, hash, std::move(handle));
  // Values of other classes may change their text: their handle is only held for this call.
  static thread_local typename Traits::Handle t_handle;
  t_handle = std::move(handle);
  return &t_handle;
}

}  // namespace inlay::python
