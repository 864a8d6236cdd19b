#include "instruments.hpp"

#include <pybind11/pybind11.h>

#include "instrument_methods.hpp"

namespace inlay::python {

ObserverState::ObserverState(ObserverOptions options)
    : observer(options),
      clock(options.clock != nullptr ? options.clock : std::make_shared<SystemClock>()) {}

ObserverState::~ObserverState() {
  // The last owner may be a handle that a thread without the GIL lets go, or one after the
  // interpreter's end, when nothing may be released any more.
  if (Py_IsInitialized() == 0) return;
  const pybind11::gil_scoped_acquire gil;
  Py_XDECREF(exemplar_source);
  Py_XDECREF(restart_hook);
  for (PyObject* weak : instruments) Py_DECREF(weak);
}

void ObserverState::run_restart_hook() {
  if ((observer.attention().fetch_and(~uint32_t{kRestarted}) & kRestarted) == 0) return;
  if (restart_hook == nullptr) return;
  const Owned answer(PyObject_CallNoArgs(restart_hook));
  if (!answer) PyErr_WriteUnraisable(restart_hook);
}

void ObserverState::offer_exemplar(const BoundHistogram& histogram, double value, PyObject* about) {
  if (exemplar_source == nullptr) return;
  const Owned source(Py_NewRef(exemplar_source));
  const BoundHistogram handle = histogram;  // the call below may let the GIL go
  const Owned ids(about == nullptr ? PyObject_CallNoArgs(source.object)
                                   : PyObject_CallOneArg(source.object, about));
  const char *trace_id, *span_id;
  if (!ids || (ids.object != Py_None && !PyArg_ParseTuple(ids.object, "ss", &trace_id, &span_id))) {
    PyErr_WriteUnraisable(source.object);
    return;
  }
  if (ids.object == Py_None) return;
  try {
    handle.exemplar(value, trace_id, span_id);
  } catch (...) {
    set_error_from_current_exception();
    PyErr_WriteUnraisable(source.object);
  }
}

void ObserverState::trim() {
  std::vector<PyObject*> alive;
  for (PyObject* weak : instruments) {
    PyObject* const instrument = PyWeakref_GetObject(weak);
    if (instrument == Py_None) {
      Py_DECREF(weak);
    } else {
      trim_instrument(instrument);
      alive.push_back(weak);
    }
  }
  instruments.swap(alive);
}

void trim_instrument(PyObject* instrument) noexcept {
  auto* const self = reinterpret_cast<InstrumentObject*>(instrument);
  if (self->body->cache == nullptr) return;
  switch (self->body->kind) {
    case Kind::counter:
      return cache_of<CounterTraits>(self).trim();
    case Kind::gauge:
      return cache_of<GaugeTraits>(self).trim();
    case Kind::histogram:
      return cache_of<HistogramTraits>(self).trim();
  }
}

namespace {

template <typename Traits>
PyObject* make(const std::shared_ptr<ObserverState>& state, const std::string& name,
               const InstrumentOptions& options) {
  PyObject* const made = new_instrument<Traits>(name, options);
  if (made == nullptr) return nullptr;
  try {
    attach<Traits>(reinterpret_cast<InstrumentObject*>(made), state);
  } catch (...) {
    Py_DECREF(made);
    throw;
  }
  return made;
}

}  // namespace

PyObject* make_instrument(const std::shared_ptr<ObserverState>& state, Kind kind,
                          const std::string& name, const InstrumentOptions& options) {
  try {
    detail::InstrumentHandle wanted;
    switch (kind) {
      case Kind::counter:
        wanted = state->observer.counter(name, options);
        break;
      case Kind::gauge:
        wanted = state->observer.gauge(name, options);
        break;
      case Kind::histogram:
        wanted = state->observer.histogram(name, options);
        break;
    }
    for (PyObject* weak : state->instruments) {
      PyObject* const object = PyWeakref_GetObject(weak);
      if (object == Py_None) continue;
      if (reinterpret_cast<InstrumentObject*>(object)->body->handle.instrument() ==
          wanted.instrument()) {
        return Py_NewRef(object);
      }
    }
    switch (kind) {
      case Kind::counter:
        return make<CounterTraits>(state, name, options);
      case Kind::gauge:
        return make<GaugeTraits>(state, name, options);
      case Kind::histogram:
        return make<HistogramTraits>(state, name, options);
    }
    return nullptr;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

}  // namespace inlay::python
