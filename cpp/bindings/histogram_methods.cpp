#include "histogram_methods.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "column_input.hpp"
#include "instrument_docs.hpp"
#include "instrument_methods.hpp"

namespace inlay::python {

namespace {

/// Records a column; throws what ColumnInput throws. The handle is this call's own copy, since a
/// long column is read without the GIL.
void record_array(BoundHistogram handle, PyObject* values) {
  handle.add_nulls(for_each_span(
      values, [&](const auto* data, size_t size) { handle.record_many(data, size); }));
}

}  // namespace

PyObject* bound_record_many(PyObject* object, PyObject* values) {
  auto* const self = reinterpret_cast<BoundObject<HistogramTraits>*>(object);
  try {
    record_array(self->handle, values);
    if ((self->attention->load(std::memory_order_relaxed) & kRestarted) != 0)
      self->state->run_restart_hook();
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

PyObject* instrument_record_many(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                                 PyObject* names) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  if (num_args != 1) {
    PyErr_Format(PyExc_TypeError, "one array is expected, then attributes by name; got %zd values",
                 num_args);
    return nullptr;
  }
  if (self->body->state == nullptr) Py_RETURN_NONE;
  try {
    const auto* const handle = find_handle<HistogramTraits>(self, args + 1, names);
    if (handle == nullptr) return nullptr;
    record_array(*handle, args[0]);
    ObserverState& state = *self->body->state;
    if ((state.observer.attention().load(std::memory_order_relaxed) & kRestarted) != 0)
      state.run_restart_hook();
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

PyObject* bound_exemplar(PyObject* object, PyObject* args, PyObject* keywords) {
  static const char* const kNames[] = {"value", "trace_id", "span_id", nullptr};
  double value;
  const char *trace_id, *span_id;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "dss:exemplar", const_cast<char**>(kNames),
                                   &value, &trace_id, &span_id)) {
    return nullptr;
  }
  try {
    reinterpret_cast<BoundObject<HistogramTraits>*>(object)->handle.exemplar(value, trace_id,
                                                                             span_id);
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

void record_value(BoundObject<HistogramTraits>* self, double value, PyObject* about) {
  self->handle.record(value);
  const uint32_t bits = self->attention->load(std::memory_order_relaxed);
  if (!passes<HistogramTraits>(bits, value, &self->largest, self->largest_window)) [[unlikely]] {
    attend<HistogramTraits>(*self->state, self->handle, value, &self->largest,
                            &self->largest_window, about);
  }
}

PyObject* bound_record_ages(PyObject* object, PyObject* const* args, Py_ssize_t num_args) {
  if (num_args != 2) {
    PyErr_Format(PyExc_TypeError, "times and a moment are expected; got %zd values", num_args);
    return nullptr;
  }
  const long long moment = PyLong_AsLongLong(args[1]);
  if (moment == -1 && PyErr_Occurred() != nullptr) return nullptr;
  Py_buffer times;
  if (PyObject_GetBuffer(args[0], &times, PyBUF_CONTIG_RO) != 0) return nullptr;
  if (times.itemsize != sizeof(int64_t)) {
    PyBuffer_Release(&times);
    PyErr_SetString(PyExc_TypeError, "times must be numbers of 8 bytes");
    return nullptr;
  }
  const auto* const self = reinterpret_cast<BoundObject<HistogramTraits>*>(object);
  const auto* const values = static_cast<const int64_t*>(times.buf);
  const auto size = static_cast<size_t>(times.len) / sizeof(int64_t);
  constexpr size_t kBlock = 256;
  double seconds[kBlock];
  for (size_t from = 0; from < size; from += kBlock) {
    const size_t length = std::min(kBlock, size - from);
    for (size_t i = 0; i < length; ++i) {
      // Times may be anything: a difference that does not fit is no error, but a double.
      seconds[i] = (static_cast<double>(moment) - static_cast<double>(values[from + i])) * 1e-6;
    }
    self->handle.record_many(seconds, length);
  }
  PyBuffer_Release(&times);
  if ((self->attention->load(std::memory_order_relaxed) & kRestarted) != 0) {
    self->state->run_restart_hook();
  }
  Py_RETURN_NONE;
}

namespace {

PyObject* record_since(PyObject* object, PyObject* start, PyObject* about) {
  const int64_t now = now_ns();
  const long long began = PyLong_AsLongLong(start);
  if (began == -1 && PyErr_Occurred() != nullptr) return nullptr;
  record_value(reinterpret_cast<BoundObject<HistogramTraits>*>(object),
               static_cast<double>(now - began) * 1e-9, about);
  Py_RETURN_NONE;
}

}  // namespace

PyObject* bound_record_since(PyObject* object, PyObject* start) {
  return record_since(object, start, nullptr);
}

PyObject* bound_record_request(PyObject* object, PyObject* const* args, Py_ssize_t num_args) {
  if (num_args != 2) [[unlikely]] {
    PyErr_Format(PyExc_TypeError, "a start and a request are expected; got %zd values", num_args);
    return nullptr;
  }
  return record_since(object, args[0], args[1]);
}

struct TimerObject {
  PyObject_HEAD BoundObject<HistogramTraits>* bound;
  int64_t start_ns;  // -1 outside the block
  double seconds;    // NaN before the first exit
};

PyObject* bound_time(PyObject* object, PyObject*) {
  auto* const timer = reinterpret_cast<TimerObject*>(g_timer_type->tp_alloc(g_timer_type, 0));
  if (timer == nullptr) return nullptr;
  timer->bound = reinterpret_cast<BoundObject<HistogramTraits>*>(Py_NewRef(object));
  timer->start_ns = -1;
  timer->seconds = std::numeric_limits<double>::quiet_NaN();
  return reinterpret_cast<PyObject*>(timer);
}

PyObject* instrument_time(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                          PyObject* names) {
  const Owned bound(instrument_bind<HistogramTraits>(object, args, num_args, names));
  return bound ? bound_time(bound.object, nullptr) : nullptr;
}

PyObject* timer_enter(PyObject* object, PyObject*) {
  auto* const self = reinterpret_cast<TimerObject*>(object);
  if (self->start_ns >= 0) {
    PyErr_SetString(PyExc_RuntimeError,
                    "this timer is running already: call time() for each block");
    return nullptr;
  }
  self->start_ns = now_ns();
  return Py_NewRef(object);
}

PyObject* timer_exit(PyObject* object, PyObject* const*, Py_ssize_t) {
  const int64_t now = now_ns();
  auto* const self = reinterpret_cast<TimerObject*>(object);
  if (self->start_ns < 0) {
    PyErr_SetString(PyExc_RuntimeError, "this timer was not started");
    return nullptr;
  }
  self->seconds = static_cast<double>(now - std::exchange(self->start_ns, -1)) * 1e-9;
  record_value(self->bound, self->seconds);
  Py_RETURN_NONE;
}

PyObject* timer_call(PyObject* object, PyObject* args, PyObject* keywords) {
  static const char* const kNames[] = {"function", nullptr};
  PyObject* function;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:time", const_cast<char**>(kNames), &function))
    return nullptr;
  const Owned module(PyImport_ImportModule("inlay.metric._timed"));
  if (!module) return nullptr;
  return PyObject_CallMethod(module.object, "timed", "OO",
                             reinterpret_cast<TimerObject*>(object)->bound, function);
}

PyObject* timer_seconds(PyObject* object, void*) {
  const double seconds = reinterpret_cast<TimerObject*>(object)->seconds;
  if (std::isnan(seconds)) Py_RETURN_NONE;
  return PyFloat_FromDouble(seconds);
}

void timer_dealloc(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  Py_XDECREF(reinterpret_cast<PyObject*>(reinterpret_cast<TimerObject*>(object)->bound));
  type->tp_free(object);
  Py_DECREF(type);
}

namespace {

PyObject* module_now_ns(PyObject*, PyObject*) { return PyLong_FromLongLong(now_ns()); }

}  // namespace

void add_timer_type(PyObject* module) {
  // By hand, as it goes with `record_since`: a call by pybind11 costs more than the clock.
  static PyMethodDef functions[] = {{"now_ns", module_now_ns, METH_NOARGS, docs::kNowNs},
                                    {nullptr, nullptr, 0, nullptr}};
  if (PyModule_AddFunctions(module, functions) < 0) throw pybind11::error_already_set();
  static PyMethodDef methods[] = {
      {"__enter__", timer_enter, METH_NOARGS, nullptr},
      {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(timer_exit)),
       METH_FASTCALL, nullptr},
      {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef properties[] = {
      {"seconds", timer_seconds, nullptr, "float or None: how long the last block took.", nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr}};
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(docs::kTimer)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, properties},
                         {Py_tp_call, reinterpret_cast<void*>(timer_call)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(timer_dealloc)},
                         {0, nullptr}};
  PyType_Spec spec{
      "inlay.Timer", sizeof(TimerObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  add_type(module, spec, "Timer", g_timer_type);
}

}  // namespace inlay::python
