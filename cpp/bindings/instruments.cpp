#include "instruments.hpp"

#include <pybind11/pybind11.h>
#include <structmember.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <random>
#include <string_view>

#include "column_input.hpp"
#include "components.hpp"
#include "instrument_docs.hpp"
#include "series_cache.hpp"

namespace inlay::python {

namespace {

struct Owned {  // a strong reference that lets go by itself
  PyObject* object;
  explicit Owned(PyObject* o) : object(o) {}
  ~Owned() { Py_XDECREF(object); }
  Owned(const Owned&) = delete;
  explicit operator bool() const { return object != nullptr; }
};

int64_t now_ns() { return SystemClock().now().steady_ns; }

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
  int64_t largest_seq;
};

const std::atomic<uint32_t> kNothing{0};

template <typename Traits>
PyTypeObject* g_instrument_type = nullptr;
template <typename Traits>
PyTypeObject* g_bound_type = nullptr;
PyTypeObject* g_timer_type = nullptr;

// ---- values ---------------------------------------------------------------------------------

bool to_double(PyObject* value, double& out) {
  if (PyFloat_CheckExact(value)) [[likely]] {
    out = PyFloat_AS_DOUBLE(value);
    return true;
  }
  out = PyFloat_AsDouble(value);
  return out != -1.0 || PyErr_Occurred() == nullptr;
}

bool use(const BoundCounter& handle, PyObject* value) {
  bool up;
  if (PyLong_Check(value)) {
    int overflow = 0;
    const long long whole = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
      up = handle.add(static_cast<int64_t>(whole));
    } else {
      const double real = PyFloat_AsDouble(value);
      if (real == -1.0 && PyErr_Occurred() != nullptr) return false;
      up = handle.add(real);
    }
  } else {
    double real;
    if (!to_double(value, real)) return false;
    up = handle.add(real);
  }
  if (!up) [[unlikely]] PyErr_Format(PyExc_ValueError, "a counter only goes up, got %R", value);
  return up;
}

struct SetGauge {
  bool operator()(const BoundGauge& handle, PyObject* value) const {
    double real;
    if (!to_double(value, real)) return false;
    handle.set(real);
    return true;
  }
};

struct AddGauge {
  bool operator()(const BoundGauge& handle, PyObject* value) const {
    double real;
    if (!to_double(value, real)) return false;
    handle.add(real);
    return true;
  }
};

struct AddCounter {
  bool operator()(const BoundCounter& handle, PyObject* value) const { return use(handle, value); }
};

struct RecordHistogram {
  bool operator()(const BoundHistogram& handle, PyObject* value) const {
    double real;
    if (!to_double(value, real)) return false;
    handle.record(real);
    return true;
  }
};

// ---- exemplars: which records are looked at ------------------------------------------------

/// Algorithm L's skips over one thread's stream of records, started anew each window.
struct ExemplarSkips {
  int64_t window = -1;
  uint64_t left = 0;
  double weight = 1.0;
  std::minstd_rand random{std::random_device{}()};

  double uniform() {
    return (static_cast<double>(random()) + 0.5) / (static_cast<double>(std::minstd_rand::max()) + 1.0);
  }
  void draw() {
    constexpr double kReservoir = 4.0;
    weight *= std::exp(std::log(uniform()) / kReservoir);
    left = static_cast<uint64_t>(std::min(1e15, std::log(uniform()) / std::log1p(-weight)));
  }
  bool due(int64_t now) {
    if (window != now) {
      window = now;
      weight = 1.0;
      draw();
      left = 0;
    }
    if (left-- > 0) return false;
    draw();
    return true;
  }
};
thread_local ExemplarSkips t_skips;

/// The slow side of a hot method: an exemplar may be due, or a fork's restart hook. A Python error
/// that waits to be raised stays as it is.
template <typename Traits>
[[gnu::noinline]] void attend(ObserverState& state, const typename Traits::Handle& handle, double value,
                              double* largest, int64_t* largest_seq) {
  const uint32_t bits = state.observer.attention().load(std::memory_order_relaxed);
  if ((bits & kRestarted) != 0) state.run_restart_hook();
  if constexpr (Traits::kKind == Kind::histogram) {
    if ((bits & kExemplarsWanted) == 0) return;
    const int64_t window = state.observer.window_seq();
    bool wanted = t_skips.due(window);
    if (largest != nullptr) {
      if (*largest_seq != window) {
        *largest_seq = window;
        *largest = -std::numeric_limits<double>::infinity();
      }
      if (value > *largest) {
        *largest = value;
        wanted = true;
      }
    }
    if (wanted && std::isfinite(value)) state.offer_exemplar(handle, value);
  }
}

// ---- attributes -----------------------------------------------------------------------------

/// Says which attribute is unknown, missing or surplus.
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

/// Finds out where each keyword's value goes and remembers it for the call site.
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

/// The text of an attribute value: a str as it is, int and bool by str().
bool to_text(const InstrumentObject* self, Py_ssize_t at, PyObject* value, Owned& keep, std::string_view& out) {
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
      PyTuple_SET_ITEM(*texts, static_cast<Py_ssize_t>(i), Py_NewRef(made[i] != nullptr ? made[i] : values[i]));
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
const typename Traits::Handle* find_handle(InstrumentObject* self, PyObject* const* given, PyObject* names) {
  auto* const body = self->body;
  if (!body->knows(names) && !(names == nullptr && PyTuple_GET_SIZE(self->keys) == 0) &&
      !learn_names(self, names)) {
    return nullptr;
  }
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(self->keys));
  if (count > kFewAttributes) {
    PyErr_Format(PyExc_TypeError, "metric '%s' has %zd attributes: bind() them, a call takes at most %d",
                 body->name.c_str(), PyTuple_GET_SIZE(self->keys), static_cast<int>(kFewAttributes));
    return nullptr;
  }
  PyObject* values[kFewAttributes];
  bool plain = true;
  for (size_t i = 0; i < count; ++i) {
    PyObject* const value = given[i];
    values[body->order[i]] = value;
    plain = plain && (PyUnicode_CheckExact(value) || PyLong_CheckExact(value) || PyBool_Check(value));
  }
  auto& cache = cache_of<Traits>(self);
  Py_hash_t hash = 0;
  if (plain) {
    if (const auto* const found = cache.find(values, hash); found != nullptr) [[likely]] return found;
  }
  typename Traits::Handle handle;
  if (!bind_values<Traits>(self, values, handle)) return nullptr;
  if (plain) return &cache.insert(values, hash, std::move(handle));
  // Values of other classes may change their text: their handle is only held for this call.
  static thread_local typename Traits::Handle t_handle;
  t_handle = std::move(handle);
  return &t_handle;
}

// ---- instruments ----------------------------------------------------------------------------

template <typename Traits, typename Use>
PyObject* instrument_call(PyObject* object, PyObject* const* args, Py_ssize_t num_args, PyObject* names) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  if (num_args != 1) {
    PyErr_Format(PyExc_TypeError, "one value is expected, then attributes by name; got %zd values", num_args);
    return nullptr;
  }
  if (self->body->state == nullptr) Py_RETURN_NONE;  // detached
  try {
    const auto* const handle = find_handle<Traits>(self, args + 1, names);
    if (handle == nullptr || !Use()(*handle, args[0])) return nullptr;
    ObserverState& state = *self->body->state;
    if (state.observer.attention().load(std::memory_order_relaxed) != 0) [[unlikely]] {
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
  bound->instrument = reinterpret_cast<InstrumentObject*>(Py_NewRef(reinterpret_cast<PyObject*>(instrument)));
  bound->values = Py_NewRef(texts);
  new (&bound->state) std::shared_ptr<ObserverState>(state);
  bound->attention = state == nullptr ? &kNothing : &state->observer.attention();
  new (&bound->handle) typename Traits::Handle(std::move(handle));
  bound->largest = 0.0;
  bound->largest_seq = -1;
  return reinterpret_cast<PyObject*>(bound);
}

template <typename Traits>
PyObject* instrument_bind(PyObject* object, PyObject* const* args, Py_ssize_t num_args, PyObject* names) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  if (num_args != 0) {
    PyErr_Format(PyExc_TypeError, "bind() takes attributes by name, got %zd values without", num_args);
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
  if (!PyArg_ParseTuple(args, "sssO!s|i:detached", &name, &unit, &description, &PyTuple_Type, &keys, &layer,
                        &scale)) {
    return nullptr;
  }
  try {
    InstrumentOptions options{unit, description, {}, layer, scale};
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

const std::string& name_of(const InstrumentObject::Body& body) { return body.name; }
const std::string& unit_of(const InstrumentObject::Body& body) { return body.options.unit; }
const std::string& description_of(const InstrumentObject::Body& body) { return body.options.description; }
const std::string& layer_of(const InstrumentObject::Body& body) { return body.options.layer; }

PyObject* get_keys(PyObject* object, void*) {
  return Py_NewRef(reinterpret_cast<InstrumentObject*>(object)->keys);
}

PyGetSetDef kInstrumentProperties[] = {
    {"name", get_text<name_of>, nullptr, "str: the dotted name.", nullptr},
    {"unit", get_text<unit_of>, nullptr, "str: the UCUM unit, perhaps empty.", nullptr},
    {"description", get_text<description_of>, nullptr, "str: one sentence for people.", nullptr},
    {"layer", get_text<layer_of>, nullptr, "str: app, data, model, infra, training or self.", nullptr},
    {"attributes", get_keys, nullptr, "tuple of str: the attribute keys.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

template <typename Traits>
PyObject* instrument_repr(PyObject* object) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  return PyUnicode_FromFormat("<%s '%s' attributes=%R%s>", Traits::kName, self->body->name.c_str(), self->keys,
                              self->body->state == nullptr ? " detached" : "");
}

// ---- bound series ---------------------------------------------------------------------------

template <typename Traits, typename Use>
PyObject* bound_call(PyObject* object, PyObject* value) {
  auto* const self = reinterpret_cast<BoundObject<Traits>*>(object);
  if (!Use()(self->handle, value)) [[unlikely]] return nullptr;
  if (self->attention->load(std::memory_order_relaxed) != 0) [[unlikely]] {
    const double number = Traits::kKind == Kind::histogram ? PyFloat_AsDouble(value) : 0.0;
    attend<Traits>(*self->state, self->handle, number, &self->largest, &self->largest_seq);
  }
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
  return Py_NewRef(reinterpret_cast<PyObject*>(reinterpret_cast<BoundObject<Traits>*>(object)->instrument));
}

template <typename Traits>
PyObject* bound_repr(PyObject* object) {
  const Owned attributes(bound_attributes<Traits>(object, nullptr));
  if (!attributes) return nullptr;
  const auto* const instrument = reinterpret_cast<BoundObject<Traits>*>(object)->instrument;
  return PyUnicode_FromFormat("<%s '%s' %R%s>", Traits::kBoundName, instrument->body->name.c_str(),
                              attributes.object, instrument->body->state == nullptr ? " detached" : "");
}

// ---- histograms: arrays, time, exemplars --------------------------------------------------

/// Records an array. The GIL is released for a large one: the spans stay valid, as their owner is held
/// by the caller, and the handle is this call's own copy.
bool record_array(BoundHistogram handle, PyObject* values) {
  return for_each_span(values, [&](const auto* data, size_t size) { handle.record_many(data, size); });
}

PyObject* bound_record_many(PyObject* object, PyObject* values) {
  auto* const self = reinterpret_cast<BoundObject<HistogramTraits>*>(object);
  try {
    if (!record_array(self->handle, values)) return nullptr;
    if ((self->attention->load(std::memory_order_relaxed) & kRestarted) != 0) self->state->run_restart_hook();
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

struct RecordArray {
  bool operator()(const BoundHistogram& handle, PyObject* values) const { return record_array(handle, values); }
};

PyObject* instrument_record_many(PyObject* object, PyObject* const* args, Py_ssize_t num_args, PyObject* names) {
  auto* const self = reinterpret_cast<InstrumentObject*>(object);
  if (num_args != 1) {
    PyErr_Format(PyExc_TypeError, "one array is expected, then attributes by name; got %zd values", num_args);
    return nullptr;
  }
  if (self->body->state == nullptr) Py_RETURN_NONE;
  try {
    const auto* const handle = find_handle<HistogramTraits>(self, args + 1, names);
    if (handle == nullptr || !record_array(*handle, args[0])) return nullptr;
    ObserverState& state = *self->body->state;
    if ((state.observer.attention().load(std::memory_order_relaxed) & kRestarted) != 0) state.run_restart_hook();
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
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "dss:exemplar", const_cast<char**>(kNames), &value, &trace_id,
                                   &span_id)) {
    return nullptr;
  }
  try {
    reinterpret_cast<BoundObject<HistogramTraits>*>(object)->handle.exemplar(value, trace_id, span_id);
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

void record_seconds(BoundObject<HistogramTraits>* self, double seconds) {
  self->handle.record(seconds);
  if (self->attention->load(std::memory_order_relaxed) != 0) [[unlikely]] {
    attend<HistogramTraits>(*self->state, self->handle, seconds, &self->largest, &self->largest_seq);
  }
}

PyObject* bound_record_since(PyObject* object, PyObject* start) {
  const int64_t now = now_ns();
  const long long began = PyLong_AsLongLong(start);
  if (began == -1 && PyErr_Occurred() != nullptr) return nullptr;
  record_seconds(reinterpret_cast<BoundObject<HistogramTraits>*>(object), static_cast<double>(now - began) * 1e-9);
  Py_RETURN_NONE;
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

PyObject* instrument_time(PyObject* object, PyObject* const* args, Py_ssize_t num_args, PyObject* names) {
  const Owned bound(instrument_bind<HistogramTraits>(object, args, num_args, names));
  return bound ? bound_time(bound.object, nullptr) : nullptr;
}

PyObject* timer_enter(PyObject* object, PyObject*) {
  auto* const self = reinterpret_cast<TimerObject*>(object);
  if (self->start_ns >= 0) {
    PyErr_SetString(PyExc_RuntimeError, "this timer is running already: call time() for each block");
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
  record_seconds(self->bound, self->seconds);
  Py_RETURN_NONE;
}

PyObject* timer_call(PyObject* object, PyObject* args, PyObject* keywords) {
  static const char* const kNames[] = {"function", nullptr};
  PyObject* function;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:time", const_cast<char**>(kNames), &function)) return nullptr;
  const Owned module(PyImport_ImportModule("inlay.metric._timed"));
  if (!module) return nullptr;
  return PyObject_CallMethod(module.object, "timed", "OO", reinterpret_cast<TimerObject*>(object)->bound, function);
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

// ---- type specifications --------------------------------------------------------------------

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
      {"add", bound_call<CounterTraits, AddCounter>, METH_O, docs::kBoundCounterAdd}, {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* bound_methods<GaugeTraits>() {
  static PyMethodDef methods[] = {{"set", bound_call<GaugeTraits, SetGauge>, METH_O, docs::kBoundGaugeSet},
                                  {"add", bound_call<GaugeTraits, AddGauge>, METH_O, docs::kBoundGaugeAdd},
                                  {nullptr, nullptr, 0, nullptr}};
  return methods;
}

template <>
PyMethodDef* bound_methods<HistogramTraits>() {
  static PyMethodDef methods[] = {
      {"record", bound_call<HistogramTraits, RecordHistogram>, METH_O, docs::kBoundRecord},
      {"record_many", bound_record_many, METH_O, docs::kBoundRecordMany},
      {"record_since", bound_record_since, METH_O, docs::kBoundRecordSince},
      {"time", bound_time, METH_NOARGS, docs::kBoundTime},
      {"exemplar", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(bound_exemplar)),
       METH_VARARGS | METH_KEYWORDS, docs::kBoundExemplar},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

void add_type(PyObject* module, PyType_Spec& spec, const char* short_name, PyTypeObject*& out) {
  PyObject* const type = PyType_FromModuleAndSpec(module, &spec, nullptr);
  if (type == nullptr) throw pybind11::error_already_set();
  out = reinterpret_cast<PyTypeObject*>(type);
  if (PyModule_AddObjectRef(module, short_name, type) < 0) throw pybind11::error_already_set();
}

template <typename Traits>
void add_types(PyObject* module, const char* doc, const char* bound_doc) {
  constexpr auto kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(InstrumentObject, weak_references), READONLY, nullptr},
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
      {"__weaklistoffset__", T_PYSSIZET, sizeof(PyObject), READONLY, nullptr}, {nullptr, 0, 0, 0, nullptr}};
  static PyGetSetDef properties[] = {
      {"attributes", bound_attributes<Traits>, nullptr, "dict of str: the attribute values as text.", nullptr},
      {"series_id", bound_series_id<Traits>, nullptr, "int: the column series_id; 0 while detached.", nullptr},
      {"instrument", bound_instrument<Traits>, nullptr, "The instrument this is a series of.", nullptr},
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

// ---- what the observer's bindings use ------------------------------------------------------

ObserverState::ObserverState(ObserverOptions options) : observer(std::move(options)) {}

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

void ObserverState::offer_exemplar(const BoundHistogram& histogram, double value) {
  if (exemplar_source == nullptr) return;
  const Owned source(Py_NewRef(exemplar_source));
  const BoundHistogram handle = histogram;  // the call below may let the GIL go
  const Owned ids(PyObject_CallNoArgs(source.object));
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

PyObject* make_instrument(const std::shared_ptr<ObserverState>& state, Kind kind, const std::string& name,
                          const InstrumentOptions& options) {
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
      if (reinterpret_cast<InstrumentObject*>(object)->body->handle.instrument() == wanted.instrument()) {
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

void add_instrument_types(PyObject* module) {
  add_types<CounterTraits>(module, docs::kCounter, docs::kBoundCounter);
  add_types<GaugeTraits>(module, docs::kGauge, docs::kBoundGauge);
  add_types<HistogramTraits>(module, docs::kHistogram, docs::kBoundHistogram);

  static PyMethodDef methods[] = {
      {"__enter__", timer_enter, METH_NOARGS, nullptr},
      {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(timer_exit)), METH_FASTCALL, nullptr},
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
  PyType_Spec spec{"inlay.Timer", sizeof(TimerObject), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  add_type(module, spec, "Timer", g_timer_type);
}

}  // namespace inlay::python
