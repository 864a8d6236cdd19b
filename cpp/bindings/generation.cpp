// One generation of a model recorded whole: a type by hand, since a call has a dozen fields and an
// array, and each instrument by itself would cost a call of its own.

#include <Python.h>

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "column_input.hpp"
#include "components.hpp"
#include "histogram_methods.hpp"
#include "record_values.hpp"

namespace inlay::python {

namespace {

using HistogramSeries = BoundObject<HistogramTraits>;
using CounterSeries = BoundObject<CounterTraits>;

enum Field : uint8_t {
  kPromptTokens,
  kOutputTokens,
  kCachedTokens,
  kReasoningTokens,
  kTimeToFirst,
  kQueue,
  kPrefill,
  kDecode,
  kEndToEnd,
  kCost,
  kNumbers,  // what comes before is one number
  kInterToken = kNumbers,
  kFinishReason,
  kFields,
};
constexpr const char* kFieldNames[kFields] = {
    "prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
    "ttft",          "queue",         "prefill",       "decode",
    "e2e",           "cost",          "inter_token",   "finish_reason"};

// In the order in which Python gives the series.
enum HistogramIndex : uint8_t {
  kPromptLength,
  kOutputLength,
  kTimeToFirstToken,
  kQueueTime,
  kPrefillTime,
  kDecodeTime,
  kRequestDuration,
  kInterTokenLatency,
  kTimePerOutputToken,
  kHistograms,
};
constexpr size_t kCounters = 5;  // tokens as in Field, and the cost

// Finish reasons are few; what a server makes up beyond shares a series.
constexpr Py_ssize_t kMostReasons = 32;

// Tokens beyond are no count of any model, but a number that went wrong.
constexpr double kMostTokens = 1e12;

struct GenerationObject {
  PyObject_HEAD PyObject* histograms;  // tuple of BoundHistogram
  PyObject* counters;                  // tuple of BoundCounter
  PyObject* requests;                  // dict of finish reason to BoundCounter
  PyObject* bind;                      // makes one of them
  PyObject* reject;                    // takes field, reason and how many
  PyObject* attributes;                // dict of str
  PyObject* last_names;                // the keyword names of the last call, and their fields
  std::array<uint8_t, kFields> last_fields;
  bool has_prices;
  bool unpriced;
  double prices[4];  // a token's: prompt, output, cached, reasoning
};

PyTypeObject* g_generation_type = nullptr;
PyObject* g_field_names[kFields];  // interned, as the names of keywords mostly are
PyObject* g_unknown = nullptr;     // interned names of finish reasons
PyObject* g_other = nullptr;

HistogramSeries* histogram(const GenerationObject* self, uint8_t index) {
  return reinterpret_cast<HistogramSeries*>(PyTuple_GET_ITEM(self->histograms, index));
}

const CounterSeries* counter(const GenerationObject* self, uint8_t index) {
  return reinterpret_cast<CounterSeries*>(PyTuple_GET_ITEM(self->counters, index));
}

/// What a call says that cannot be kept: told when everything else has been recorded.
struct Rejections {
  struct One {
    const char* field;
    const char* reason;
    size_t count;
  };
  std::array<One, 32> list;
  size_t size = 0;

  void add(const char* field, const char* reason, size_t count = 1) {
    if (count != 0 && size < list.size()) list[size++] = {field, reason, count};
  }

  bool tell(PyObject* reject) const {
    for (size_t i = 0; i < size; ++i) {
      const Owned answer(PyObject_CallFunction(reject, "ssn", list[i].field, list[i].reason,
                                               static_cast<Py_ssize_t>(list[i].count)));
      if (!answer) return false;
    }
    return true;
  }
};

/// Why a number is none of the kind, or null.
const char* fault_of(double value, bool is_tokens) {
  if (std::isnan(value)) return "nan";
  if (value < 0.0) return "negative";
  if (std::isinf(value)) return "infinite";
  if (!is_tokens) return nullptr;
  if (value > kMostTokens) return "too_large";
  return value != std::floor(value) ? "not_whole" : nullptr;
}

/// The fields of a call as they were given.
struct Call {
  std::array<double, kNumbers> number;
  std::array<bool, kNumbers> has{};
  PyObject* finish_reason = nullptr;
  PyObject* inter_token = nullptr;

  void drop(Field field, const char* reason, Rejections& rejected) {
    has[field] = false;
    rejected.add(kFieldNames[field], reason);
  }

  bool take(Field field, PyObject* value) {
    if (value == Py_None) return true;
    if (field == kInterToken) {
      inter_token = value;
      return true;
    }
    if (field == kFinishReason) {
      finish_reason = value;
      if (PyUnicode_Check(value)) return true;
      PyErr_Format(PyExc_TypeError, "finish_reason must be a str, got %R", value);
      return false;
    }
    has[field] = true;
    if (to_double(value, number[field])) return true;
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
      PyErr_Clear();
      number[field] = HUGE_VAL;
      return true;
    }
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      PyErr_Format(PyExc_TypeError, "%s must be a number, got %R", kFieldNames[field], value);
    }
    return false;
  }

  /// Drops numbers that cannot be, each by name. Whether all tokens given were good.
  bool check(Rejections& rejected) {
    bool good_tokens = true;
    for (uint8_t i = 0; i < kNumbers; ++i) {
      if (!has[i]) continue;
      const bool is_tokens = i <= kReasoningTokens;
      if (const char* const fault = fault_of(number[i], is_tokens); fault != nullptr) [[unlikely]] {
        drop(static_cast<Field>(i), fault, rejected);
        good_tokens = good_tokens && !is_tokens;
      }
    }
    const auto above = [&](Field part, Field whole) {
      return has[part] && has[whole] && number[part] > number[whole];
    };
    if (above(kCachedTokens, kPromptTokens)) {
      drop(kCachedTokens, "over_prompt_tokens", rejected);
      good_tokens = false;
    }
    if (above(kReasoningTokens, kOutputTokens)) {
      drop(kReasoningTokens, "over_output_tokens", rejected);
      good_tokens = false;
    }
    if (above(kTimeToFirst, kEndToEnd)) drop(kTimeToFirst, "over_e2e", rejected);
    return good_tokens;
  }

  double get(Field field) const { return has[field] ? number[field] : 0.0; }

  /// What the tokens cost; cached ones are among the prompt's, those of reasoning in the output.
  double cost(const double* prices) const {
    const double cached = get(kCachedTokens);
    const double reasoning = get(kReasoningTokens);
    return std::fmax(0.0, get(kPromptTokens) - cached) * prices[kPromptTokens] +
           std::fmax(0.0, get(kOutputTokens) - reasoning) * prices[kOutputTokens] +
           cached * prices[kCachedTokens] + reasoning * prices[kReasoningTokens];
  }
};

/// Times between tokens on their way into a histogram.
struct InterTokenTimes {
  double sum = 0.0;
  size_t good = 0;
  size_t nan = 0;
  size_t negative = 0;
  size_t infinite = 0;

  template <typename T>
  void record(const BoundHistogram& handle, const T* values, size_t size) noexcept {
    bool all_good = true;
    double total = 0.0;
    for (size_t i = 0; i < size; ++i) {
      all_good &= values[i] >= T{0} && values[i] <= std::numeric_limits<T>::max();
      total += static_cast<double>(values[i]);
    }
    if (all_good) [[likely]] {
      handle.record_many(values, size);
      sum += total;
      good += size;
      return;
    }
    constexpr size_t kBlock = 256;
    double kept[kBlock];
    size_t count = 0;
    for (size_t i = 0; i < size; ++i) {
      const auto value = static_cast<double>(values[i]);
      if (std::isnan(value)) {
        ++nan;
      } else if (value < 0.0) {
        ++negative;
      } else if (std::isinf(value)) {
        ++infinite;
      } else {
        kept[count++] = value;
        sum += value;
      }
      if (count == kBlock || (i + 1 == size && count != 0)) {
        handle.record_many(kept, count);
        good += count;
        count = 0;
      }
    }
  }

  void tell(Rejections& rejected) const {
    rejected.add(kFieldNames[kInterToken], "nan", nan);
    rejected.add(kFieldNames[kInterToken], "negative", negative);
    rejected.add(kFieldNames[kInterToken], "infinite", infinite);
  }
};

bool learn_fields(GenerationObject* self, PyObject* names) {
  const Py_ssize_t count = PyTuple_GET_SIZE(names);
  std::array<uint8_t, kFields> fields{};
  if (count > kFields) {  // as subclasses of str may repeat
    PyErr_Format(PyExc_TypeError, "a generation has %d fields, got %zd", int{kFields}, count);
    return false;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const name = PyTuple_GET_ITEM(names, i);
    uint8_t field = 0;
    while (field < kFields && name != g_field_names[field]) ++field;
    if (field == kFields) {
      field = 0;
      while (field < kFields && PyUnicode_Compare(name, g_field_names[field]) != 0) ++field;
    }
    if (field == kFields) {
      if (PyDict_Contains(self->attributes, name) == 1) {
        PyErr_Format(PyExc_TypeError, "the attribute %R was given to bind() already", name);
      } else {
        PyErr_Format(PyExc_TypeError, "a generation has no field %R", name);
      }
      return false;
    }
    fields[static_cast<size_t>(i)] = field;
  }
  self->last_fields = fields;
  Py_XSETREF(self->last_names, Py_NewRef(names));
  return true;
}

/// The counter of requests that ended so. Borrowed, null with an error set.
CounterSeries* requests_of(GenerationObject* self, PyObject* reason) {
  if (reason == nullptr) reason = g_unknown;
  PyObject* found = PyDict_GetItemWithError(self->requests, reason);
  if (found != nullptr) return reinterpret_cast<CounterSeries*>(found);
  if (PyErr_Occurred() != nullptr) return nullptr;
  if (PyDict_GET_SIZE(self->requests) >= kMostReasons && reason != g_other) {
    return requests_of(self, g_other);
  }
  const Owned made(PyObject_CallOneArg(self->bind, reason));
  if (!made) return nullptr;
  if (Py_TYPE(made.object) != g_bound_type<CounterTraits>) {
    PyErr_Format(PyExc_TypeError, "a BoundCounter is needed, got %R", made.object);
    return nullptr;
  }
  if (PyDict_SetItem(self->requests, reason, made.object) < 0) return nullptr;
  return reinterpret_cast<CounterSeries*>(made.object);  // the dict holds it
}

/// Records what is left of a call. The fields are those of the histograms by their order.
void record_numbers(GenerationObject* self, const Call& call) {
  constexpr std::pair<Field, HistogramIndex> kDistributions[] = {
      {kPromptTokens, kPromptLength},    {kOutputTokens, kOutputLength},
      {kTimeToFirst, kTimeToFirstToken}, {kQueue, kQueueTime},
      {kPrefill, kPrefillTime},          {kDecode, kDecodeTime},
      {kEndToEnd, kRequestDuration}};
  for (const auto& [field, index] : kDistributions) {
    if (call.has[field]) record_value(histogram(self, index), call.number[field]);
  }
  for (uint8_t i = kPromptTokens; i <= kReasoningTokens; ++i) {
    if (call.has[i]) counter(self, i)->handle.add(static_cast<int64_t>(call.number[i]));
  }
}

/// The mean time of a token after the first, of what there is to tell it. Negative: nothing.
double time_per_token(const Call& call, const InterTokenTimes& times) {
  const double steps = call.get(kOutputTokens) - 1.0;
  if (steps >= 1.0) {
    if (call.has[kEndToEnd] && call.has[kTimeToFirst])
      return (call.number[kEndToEnd] - call.number[kTimeToFirst]) / steps;
    if (call.has[kDecode]) return call.number[kDecode] / steps;
  }
  return times.good == 0 ? -1.0 : times.sum / static_cast<double>(times.good);
}

PyObject* generation_record(PyObject* object, PyObject* const* args, Py_ssize_t num_args,
                            PyObject* names) {
  auto* const self = reinterpret_cast<GenerationObject*>(object);
  if (num_args != 0) {
    PyErr_Format(PyExc_TypeError, "record() takes fields by name, got %zd values without",
                 num_args);
    return nullptr;
  }
  if (names != self->last_names && names != nullptr && !learn_fields(self, names)) return nullptr;
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const auto fields = self->last_fields;
  Call call;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!call.take(static_cast<Field>(fields[static_cast<size_t>(i)]), args[i])) return nullptr;
  }
  const Owned keep(Py_NewRef(object));  // what is called below may let go of it
  InterTokenTimes times;
  Rejections rejected;
  try {
    // Everything that may be refused comes before anything is recorded.
    CounterSeries* const requests = requests_of(self, call.finish_reason);
    if (requests == nullptr) return nullptr;
    const Owned keep_requests(Py_NewRef(reinterpret_cast<PyObject*>(requests)));
    if (call.inter_token != nullptr) {
      HistogramSeries* const latency = histogram(self, kInterTokenLatency);
      const BoundHistogram handle = latency->handle;  // its own: the GIL may be let go
      rejected.add(kFieldNames[kInterToken], "null",
                   for_each_span(call.inter_token, [&](const auto* values, size_t size) {
                     times.record(handle, values, size);
                   }));
      times.tell(rejected);
    }
    const bool cost_given = call.has[kCost];
    const bool good_tokens = call.check(rejected);
    record_numbers(self, call);
    if (const double each = time_per_token(call, times); each >= 0.0) {
      record_value(histogram(self, kTimePerOutputToken), each);
    }
    if (!cost_given && (call.has[kPromptTokens] || call.has[kOutputTokens])) {
      if (self->unpriced) {
        rejected.add(kFieldNames[kCost], "no_price");
      } else if (self->has_prices && !good_tokens) {
        rejected.add(kFieldNames[kCost], "tokens");
      } else if (self->has_prices) {
        call.number[kCost] = call.cost(self->prices);
        call.has[kCost] = true;
      }
    }
    if (call.has[kCost]) counter(self, kCounters - 1)->handle.add(call.number[kCost]);
    requests->handle.add(int64_t{1});
    if ((requests->attention->load(std::memory_order_relaxed) & kRestarted) != 0) [[unlikely]]
      requests->state->run_restart_hook();
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
  if (rejected.size != 0 && !rejected.tell(self->reject)) return nullptr;
  Py_RETURN_NONE;
}

template <typename Traits>
bool all_bound(PyObject* series, Py_ssize_t count) {
  bool good = PyTuple_GET_SIZE(series) == count;
  for (Py_ssize_t i = 0; good && i < count; ++i) {
    good = Py_TYPE(PyTuple_GET_ITEM(series, i)) == g_bound_type<Traits>;
  }
  if (!good)
    PyErr_Format(PyExc_TypeError, "%zd %s are needed, got %R", count, Traits::kBoundName, series);
  return good;
}

PyObject* generation_make(PyObject*, PyObject* args) {
  PyObject *histograms, *counters, *bind, *reject, *attributes, *prices;
  if (!PyArg_ParseTuple(args, "O!O!OOO!O:bind_generation", &PyTuple_Type, &histograms,
                        &PyTuple_Type, &counters, &bind, &reject, &PyDict_Type, &attributes,
                        &prices)) {
    return nullptr;
  }
  if (!all_bound<HistogramTraits>(histograms, kHistograms) ||
      !all_bound<CounterTraits>(counters, kCounters)) {
    return nullptr;
  }
  double each[4] = {0.0, 0.0, 0.0, 0.0};
  if (PyTuple_Check(prices) &&
      !PyArg_ParseTuple(prices, "dddd", &each[0], &each[1], &each[2], &each[3])) {
    return nullptr;
  }
  PyObject* const requests = PyDict_New();
  if (requests == nullptr) return nullptr;
  auto* const self =
      reinterpret_cast<GenerationObject*>(g_generation_type->tp_alloc(g_generation_type, 0));
  if (self == nullptr) {
    Py_DECREF(requests);
    return nullptr;
  }
  self->requests = requests;
  self->histograms = Py_NewRef(histograms);
  self->counters = Py_NewRef(counters);
  self->bind = Py_NewRef(bind);
  self->reject = Py_NewRef(reject);
  self->attributes = Py_NewRef(attributes);
  self->has_prices = PyTuple_Check(prices);
  self->unpriced = prices == Py_False;
  for (size_t i = 0; i < 4; ++i) self->prices[i] = each[i];
  return reinterpret_cast<PyObject*>(self);
}

PyObject* generation_attributes(PyObject* object, void*) {
  return PyDict_Copy(reinterpret_cast<GenerationObject*>(object)->attributes);
}

PyObject* generation_repr(PyObject* object) {
  return PyUnicode_FromFormat("<inlay.model.BoundGeneration %R>",
                              reinterpret_cast<GenerationObject*>(object)->attributes);
}

void generation_dealloc(PyObject* object) {
  auto* const self = reinterpret_cast<GenerationObject*>(object);
  PyTypeObject* const type = Py_TYPE(object);
  for (PyObject* const member : {self->histograms, self->counters, self->requests, self->bind,
                                 self->reject, self->attributes, self->last_names}) {
    Py_XDECREF(member);
  }
  type->tp_free(object);
  Py_DECREF(type);
}

constexpr char kBoundGenerationDoc[] =
    R"(The series of one set of attributes of a `Generation`. Thread-safe.

Made by `Generation.bind`, which resolves the attributes once.)";

constexpr char kRecordDoc[] =
    R"(record($self, /, **fields)
--

Record one request.

Parameters
----------
**fields : float, str or array-like of float
    As for `Generation.record`, without attributes.

Raises
------
TypeError
    A field is unknown or of another class; nothing is recorded.)";

}  // namespace

void register_generation(pybind11::module_& m) {
  static PyMethodDef functions[] = {{"bind_generation", generation_make, METH_VARARGS, nullptr},
                                    {nullptr, nullptr, 0, nullptr}};
  if (PyModule_AddFunctions(m.ptr(), functions) < 0) throw pybind11::error_already_set();
  g_unknown = PyUnicode_InternFromString("unknown");
  g_other = PyUnicode_InternFromString("other");
  for (uint8_t i = 0; i < kFields; ++i) {
    g_field_names[i] = PyUnicode_InternFromString(kFieldNames[i]);
    if (g_field_names[i] == nullptr) throw pybind11::error_already_set();
  }
  if (g_unknown == nullptr || g_other == nullptr) throw pybind11::error_already_set();
  static PyMethodDef methods[] = {
      {"record", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(generation_record)),
       METH_FASTCALL | METH_KEYWORDS, kRecordDoc},
      {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef properties[] = {{"attributes", generation_attributes, nullptr,
                                      "dict of str: the attribute values as text.", nullptr},
                                     {nullptr, nullptr, nullptr, nullptr, nullptr}};
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(kBoundGenerationDoc)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, properties},
                         {Py_tp_repr, reinterpret_cast<void*>(generation_repr)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(generation_dealloc)},
                         {0, nullptr}};
  PyType_Spec spec{
      "inlay.model.BoundGeneration", sizeof(GenerationObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  add_type(m.ptr(), spec, "BoundGeneration", g_generation_type);
}

}  // namespace inlay::python
