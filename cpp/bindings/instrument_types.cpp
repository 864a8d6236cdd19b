#include <Python.h>

#include <structmember.h>

#include "bound_methods.hpp"
#include "histogram_methods.hpp"
#include "instrument_docs.hpp"
#include "instrument_methods.hpp"
#include "record_values.hpp"

namespace inlay::python {

namespace {

constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;

PyCFunction as_function(PyObject* (*f)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

template <typename Traits>
PyMethodDef* instrument_methods();
template <typename Traits>
PyMethodDef* bound_methods();

template <>
PyMethodDef* instrument_methods<CounterTraits>() {
  using T = CounterTraits;
  static PyMethodDef methods[] = {
      {"add", as_function(instrument_call<T, AddCounter>), kFast, docs::kCounterAdd},
      {"bind", as_function(instrument_bind<T>), kFast, docs::kBind},
      {"attach", instrument_attach<T>, METH_O, docs::kAttach},
      {"detached", instrument_detached<T>, METH_VARARGS | METH_STATIC, docs::kDetached},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* instrument_methods<GaugeTraits>() {
  using T = GaugeTraits;
  static PyMethodDef methods[] = {
      {"set", as_function(instrument_call<T, SetGauge>), kFast, docs::kGaugeSet},
      {"add", as_function(instrument_call<T, AddGauge>), kFast, docs::kGaugeAdd},
      {"bind", as_function(instrument_bind<T>), kFast, docs::kBind},
      {"attach", instrument_attach<T>, METH_O, docs::kAttach},
      {"detached", instrument_detached<T>, METH_VARARGS | METH_STATIC, docs::kDetached},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* instrument_methods<HistogramTraits>() {
  using T = HistogramTraits;
  static PyMethodDef methods[] = {
      {"record", as_function(instrument_call<T, RecordHistogram>), kFast, docs::kRecord},
      {"record_many", as_function(instrument_record_many), kFast, docs::kRecordMany},
      {"time", as_function(instrument_time), kFast, docs::kTime},
      {"bind", as_function(instrument_bind<T>), kFast, docs::kBind},
      {"attach", instrument_attach<T>, METH_O, docs::kAttach},
      {"detached", instrument_detached<T>, METH_VARARGS | METH_STATIC, docs::kDetached},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* bound_methods<CounterTraits>() {
  static PyMethodDef methods[] = {
      {"add", bound_call<CounterTraits, AddCounter>, METH_O, docs::kBoundCounterAdd},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* bound_methods<GaugeTraits>() {
  static PyMethodDef methods[] = {
      {"set", bound_call<GaugeTraits, SetGauge>, METH_O, docs::kBoundGaugeSet},
      {"add", bound_call<GaugeTraits, AddGauge>, METH_O, docs::kBoundGaugeAdd},
      {"clear", bound_clear, METH_NOARGS, docs::kBoundGaugeClear},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* bound_methods<HistogramTraits>() {
  static PyMethodDef methods[] = {
      {"record", bound_call<HistogramTraits, RecordHistogram>, METH_O, docs::kBoundRecord},
      {"record_many", bound_record_many, METH_O, docs::kBoundRecordMany},
      {"_record_ages",
       reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(bound_record_ages)),
       METH_FASTCALL, nullptr},
      {"record_since", bound_record_since, METH_O, docs::kBoundRecordSince},
      {"_record_request",
       reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(bound_record_request)),
       METH_FASTCALL, nullptr},
      {"time", bound_time, METH_NOARGS, docs::kBoundTime},
      {"exemplar", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(bound_exemplar)),
       METH_VARARGS | METH_KEYWORDS, docs::kBoundExemplar},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <typename Traits>
void add_types(PyObject* module, const char* doc, const char* bound_doc) {
  constexpr auto kFlags =
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  static PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET,
                                   offsetof(InstrumentObject, weak_references), READONLY, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(doc)},
                         {Py_tp_methods, instrument_methods<Traits>()},
                         {Py_tp_members, members},
                         {Py_tp_getset, kInstrumentProperties},
                         {Py_tp_repr, reinterpret_cast<void*>(instrument_repr<Traits>)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(instrument_dealloc<Traits>)},
                         {0, nullptr}};
  PyType_Spec spec{Traits::kName, sizeof(InstrumentObject), 0, kFlags, slots};
  add_type(module, spec, Traits::kName + 6, g_instrument_type<Traits>);

  using Bound = BoundObject<Traits>;
  static PyMemberDef bound_members[] = {
      {"__weaklistoffset__", T_PYSSIZET, sizeof(PyObject), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr}};
  static PyGetSetDef properties[] = {{"attributes", bound_attributes<Traits>, nullptr,
                                      "dict of str: the attribute values as text.", nullptr},
                                     {"series_id", bound_series_id<Traits>, nullptr,
                                      "int: the column series_id; 0 while detached.", nullptr},
                                     {"instrument", bound_instrument<Traits>, nullptr,
                                      "The instrument this is a series of.", nullptr},
                                     {nullptr, nullptr, nullptr, nullptr, nullptr}};
  PyType_Slot bound_slots[] = {{Py_tp_doc, const_cast<char*>(bound_doc)},
                               {Py_tp_methods, bound_methods<Traits>()},
                               {Py_tp_members, bound_members},
                               {Py_tp_getset, properties},
                               {Py_tp_repr, reinterpret_cast<void*>(bound_repr<Traits>)},
                               {Py_tp_dealloc, reinterpret_cast<void*>(bound_dealloc<Traits>)},
                               {0, nullptr}};
  PyType_Spec bound_spec{Traits::kBoundName, sizeof(Bound), 0, kFlags, bound_slots};
  add_type(module, bound_spec, Traits::kBoundName + 6, g_bound_type<Traits>);
}

}  // namespace

void add_type(PyObject* module, PyType_Spec& spec, const char* short_name, PyTypeObject*& out) {
  PyObject* const type = PyType_FromModuleAndSpec(module, &spec, nullptr);
  if (type == nullptr) throw pybind11::error_already_set();
  out = reinterpret_cast<PyTypeObject*>(type);
  if (PyModule_AddObjectRef(module, short_name, type) < 0) throw pybind11::error_already_set();
}

void add_instrument_types(PyObject* module) {
  add_types<CounterTraits>(module, docs::kCounter, docs::kBoundCounter);
  add_types<GaugeTraits>(module, docs::kGauge, docs::kBoundGauge);
  add_types<HistogramTraits>(module, docs::kHistogram, docs::kBoundHistogram);
  add_timer_type(module);
}

}  // namespace inlay::python
