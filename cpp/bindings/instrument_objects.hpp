#pragma once

// The objects behind the instruments' Python types, and the types themselves once made.

#include <Python.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "instruments.hpp"
#include "series_cache.hpp"

namespace inlay::python {

struct Owned {  // a strong reference that lets go by itself
  PyObject* object;
  explicit Owned(PyObject* o) : object(o) {}
  ~Owned() { Py_XDECREF(object); }
  Owned(const Owned&) = delete;
  explicit operator bool() const { return object != nullptr; }
};

/// The steady clock of `SystemClock`, without its wall clock: half the cost.
inline int64_t now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

// ---- the three kinds ------------------------------------------------------------------------

struct CounterTraits {
  using Handle = BoundCounter;
  static constexpr Kind kKind = Kind::counter;
  static constexpr const char *kName = "inlay.Counter", *kBoundName = "inlay.BoundCounter";
};
struct GaugeTraits {
  using Handle = BoundGauge;
  static constexpr Kind kKind = Kind::gauge;
  static constexpr const char *kName = "inlay.Gauge", *kBoundName = "inlay.BoundGauge";
};
struct HistogramTraits {
  using Handle = BoundHistogram;
  static constexpr Kind kKind = Kind::histogram;
  static constexpr const char *kName = "inlay.Histogram", *kBoundName = "inlay.BoundHistogram";
};

struct InstrumentObject {
  PyObject_HEAD PyObject* weak_references;
  PyObject* keys;  // tuple of interned str
  struct Body;
  Body* body;
};

/// The part that is the same for all kinds; the cache is made for the kind.
struct InstrumentObject::Body {
  Kind kind;
  std::string name;
  InstrumentOptions options;
  std::shared_ptr<ObserverState> state;  // null: detached
  detail::InstrumentHandle handle;
  std::vector<PyObject*> waiting;  // detached: weak references to the bound series
  PyObject* last_names = nullptr;  // the keyword names of the last call, and where each value goes
  std::vector<Py_ssize_t> order;
  void* cache = nullptr;

  bool knows(PyObject* names) const { return names == last_names && names != nullptr; }
};

template <typename Traits>
SeriesCache<typename Traits::Handle>& cache_of(InstrumentObject* self) {
  using Cache = SeriesCache<typename Traits::Handle>;
  auto* const body = self->body;
  if (body->cache == nullptr) body->cache = new Cache(body->options.attributes.size());
  return *static_cast<Cache*>(body->cache);
}

template <typename Traits>
struct BoundObject {
  PyObject_HEAD PyObject* weak_references;
  InstrumentObject* instrument;
  PyObject* values;  // tuple of str, in the order of the keys
  std::shared_ptr<ObserverState> state;
  const std::atomic<uint32_t>* attention;
  typename Traits::Handle handle;
  // For exemplars: the largest value so far in the window they belong to.
  double largest;
  uint32_t largest_window;  // as in the word of Attention
};

inline const std::atomic<uint32_t> kNothing{0};

template <typename Traits>
inline PyTypeObject* g_instrument_type = nullptr;
template <typename Traits>
inline PyTypeObject* g_bound_type = nullptr;
inline PyTypeObject* g_timer_type = nullptr;

/// Makes a type, keeps it in `out` and adds it to the module under its short name.
void add_type(PyObject* module, PyType_Spec& spec, const char* short_name, PyTypeObject*& out);

}  // namespace inlay::python
