#pragma once

// What an instrument of any kind does when called from Python.

#include <pybind11/pybind11.h>

#include <utility>

#include "attributes.hpp"
#include "exemplars.hpp"

namespace inlay::python {

template <typename Traits, typename Use>
PyObject* instrument_call(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                          PyObject* names) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  if (num_args != 1) {
    PyErr_Format(PyExc_TypeError, "one value is expected, then attributes by name; got %zd values",
                 num_args);
    return nullptr;
  }
  if (self->body->state == nullptr) Py_RETURN_NONE;  // detached
  try {
    const auto* const handle = find_handle<Traits>(self, args + 1, names);
    if (handle == nullptr || !Use()(*handle, args[0])) return nullptr;
    ObserverState& state = *self->body->state;
    const uint32_t bits = state.observer.attention().load(std::memory_order_relaxed);
    if (!passes<Traits>(bits, 0.0, nullptr, 0)) [[unlikely]] {
      const double value = Traits::kKind == Kind::histogram ? PyFloat_AsDouble(args[0]) : 0.0;
      attend<Traits>(state, typename Traits::Handle(*handle), value, nullptr, nullptr);
    }
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

template <typename Traits>
PyObject* new_bound(InstrumentObject* instrument, typename Traits::Handle handle, PyObject* texts) {
  PyTypeObject* const type = g_bound_type<Traits>;
  auto* const bound = reinterpret_cast<BoundObject<Traits>*>(type->tp_alloc(type, 0));
  if (bound == nullptr) return nullptr;
  const auto& state = instrument->body->state;
  bound->instrument =
      reinterpret_cast<InstrumentObject*>(Py_NewRef(reinterpret_cast<PyObject*>(instrument)));
  bound->values = Py_NewRef(texts);
  new (&bound->state) std::shared_ptr<ObserverState>(state);
  bound->attention = state == nullptr ? &kNothing : &state->observer.attention();
  new (&bound->handle) typename Traits::Handle(std::move(handle));
  bound->largest = 0.0;
  bound->largest_window = ~uint32_t{0};
  return reinterpret_cast<PyObject*>(bound);
}

template <typename Traits>
PyObject* instrument_bind(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                          PyObject* names) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  if (num_args != 0) {
    PyErr_Format(PyExc_TypeError, "bind() takes attributes by name, got %zd values without",
                 num_args);
    return nullptr;
  }
  try {
    if (!learn_names(self, names)) return nullptr;
    const auto count = static_cast<size_t>(PyTuple_GET_SIZE(self->keys));
    std::vector<PyObject*> values(count);
    for (size_t i = 0; i < count; ++i) values[static_cast<size_t>(self->body->order[i])] = args[i];
    typename Traits::Handle handle;
    PyObject* texts = nullptr;
    if (!bind_values<Traits>(self, values.data(), handle, &texts)) return nullptr;
    const Owned keep(texts);
    PyObject* const bound = new_bound<Traits>(self, std::move(handle), texts);
    if (bound != nullptr && self->body->state == nullptr) {
      PyObject* const reference = PyWeakref_NewRef(bound, nullptr);
      if (reference == nullptr) {
        Py_DECREF(bound);
        return nullptr;
      }
      auto& waiting = self->body->waiting;
      std::erase_if(waiting, [](PyObject* weak) {
        const bool gone = PyWeakref_GetObject(weak) == Py_None;
        if (gone) Py_DECREF(weak);
        return gone;
      });
      waiting.push_back(reference);
    }
    return bound;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

template <typename Traits>
PyObject* new_instrument(std::string name, InstrumentOptions options) {
  PyTypeObject* const type = g_instrument_type<Traits>;
  const Owned keys(PyTuple_New(static_cast<Py_ssize_t>(options.attributes.size())));
  if (!keys) return nullptr;
  for (size_t i = 0; i < options.attributes.size(); ++i) {
    PyObject* const key = PyUnicode_InternFromString(options.attributes[i].c_str());
    if (key == nullptr) return nullptr;
    PyTuple_SET_ITEM(keys.object, static_cast<Py_ssize_t>(i), key);
  }
  auto* const self = reinterpret_cast<InstrumentObject*>(type->tp_alloc(type, 0));
  if (self == nullptr) return nullptr;
  self->keys = Py_NewRef(keys.object);
  self->body = new (std::nothrow) InstrumentObject::Body;
  if (self->body == nullptr) {
    Py_DECREF(self);
    return PyErr_NoMemory();
  }
  self->body->kind = Traits::kKind;
  self->body->name = std::move(name);
  self->body->options = std::move(options);
  return reinterpret_cast<PyObject*>(self);
}

template <typename Traits>
void attach(InstrumentObject* self, const std::shared_ptr<ObserverState>& state) {
  auto* const body = self->body;
  detail::InstrumentHandle handle;
  switch (Traits::kKind) {
    case Kind::counter:
      handle = state->observer.counter(body->name, body->options);
      break;
    case Kind::gauge:
      handle = state->observer.gauge(body->name, body->options);
      break;
    case Kind::histogram:
      handle = state->observer.histogram(body->name, body->options);
      break;
  }
  body->handle = handle;
  body->state = state;
  state->instruments.push_back(PyWeakref_NewRef(reinterpret_cast<PyObject*>(self), nullptr));
  if (state->instruments.back() == nullptr) state->instruments.pop_back();
  for (PyObject* weak : std::exchange(body->waiting, {})) {
    auto* const bound = reinterpret_cast<BoundObject<Traits>*>(PyWeakref_GetObject(weak));
    if (reinterpret_cast<PyObject*>(bound) != Py_None) {
      typename Traits::Handle series;
      if (bind_values<Traits>(self, &PyTuple_GET_ITEM(bound->values, 0), series)) {
        bound->handle = std::move(series);
        bound->state = state;
        bound->attention = &state->observer.attention();
      } else {
        PyErr_WriteUnraisable(reinterpret_cast<PyObject*>(self));
      }
    }
    Py_DECREF(weak);
  }
}

template <typename Traits>
PyObject* instrument_attach(PyObject* object, PyObject* core) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  try {
    const auto state = pybind11::cast<std::shared_ptr<ObserverState>>(pybind11::handle(core));
    if (self->body->state == state) Py_RETURN_NONE;
    if (self->body->state != nullptr) {
      PyErr_Format(PyExc_ValueError, "metric '%s' is attached to another observer already",
                   self->body->name.c_str());
      return nullptr;
    }
    attach<Traits>(self, state);
    Py_RETURN_NONE;
  } catch (const pybind11::cast_error&) {
    PyErr_Format(PyExc_TypeError, "attach() takes an ObserverCore, got %R", core);
    return nullptr;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

template <typename Traits>
PyObject* instrument_detached(PyObject*, PyObject* args) {
  const char *name, *unit, *description, *layer;
  PyObject* keys;
  int scale = 5;
  int quantiles = 0;
  int cardinality = 0;
  if (!PyArg_ParseTuple(args, "sssO!s|ipp:detached", &name, &unit, &description, &PyTuple_Type,
                        &keys, &layer, &scale, &quantiles, &cardinality)) {
    return nullptr;
  }
  try {
    InstrumentOptions options{unit,           description,     {}, layer, scale,
                              quantiles != 0, cardinality != 0};
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); ++i) {
      const char* const key = PyUnicode_AsUTF8(PyTuple_GET_ITEM(keys, i));
      if (key == nullptr) return nullptr;
      options.attributes.emplace_back(key);
    }
    return new_instrument<Traits>(name, std::move(options));
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

template <typename Traits>
void instrument_dealloc(PyObject* object) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  PyTypeObject* const type = Py_TYPE(object);
  if (self->weak_references != nullptr) PyObject_ClearWeakRefs(object);
  if (self->body != nullptr) {
    delete static_cast<SeriesCache<typename Traits::Handle>*>(self->body->cache);
    for (PyObject* weak : self->body->waiting) Py_DECREF(weak);
    Py_XDECREF(self->body->last_names);
    delete self->body;
  }
  Py_XDECREF(self->keys);
  type->tp_free(object);
  Py_DECREF(type);
}

template <const std::string& (*Get)(const InstrumentObject::Body&)>
PyObject* get_text(PyObject* object, void*) {
  const std::string& text = Get(*reinterpret_cast<InstrumentObject*>(object)->body);
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

inline const std::string& name_of(const InstrumentObject::Body& body) { return body.name; }
inline const std::string& unit_of(const InstrumentObject::Body& body) { return body.options.unit; }
inline const std::string& description_of(const InstrumentObject::Body& body) {
  return body.options.description;
}
inline const std::string& layer_of(const InstrumentObject::Body& body) {
  return body.options.layer;
}

inline PyObject* get_keys(PyObject* object, void*) {
  return Py_NewRef(reinterpret_cast<InstrumentObject*>(object)->keys);
}

inline PyGetSetDef kInstrumentProperties[] = {
    {"name", get_text<name_of>, nullptr, "str: the dotted name.", nullptr},
    {"unit", get_text<unit_of>, nullptr, "str: the UCUM unit, perhaps empty.", nullptr},
    {"description", get_text<description_of>, nullptr, "str: one sentence for people.", nullptr},
    {"layer", get_text<layer_of>, nullptr, "str: app, data, model, infra, training or self.",
     nullptr},
    {"attributes", get_keys, nullptr, "tuple of str: the attribute keys.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

template <typename Traits>
PyObject* instrument_repr(PyObject* object) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  return PyUnicode_FromFormat("<%s '%s' attributes=%R%s>", Traits::kName, self->body->name.c_str(),
                              self->keys, self->body->state == nullptr ? " detached" : "");
}

}  // namespace inlay::python
