#include "inlay/observer.hpp"

#include <pybind11/stl.h>

#include <cmath>

#include "components.hpp"
#include "inlay/error.hpp"
#include "inlay/names.hpp"
#include "instruments.hpp"

namespace py = pybind11;

namespace inlay::python {

namespace {

using State = std::shared_ptr<ObserverState>;

// Below the time that a window may last, so that idle attribute values are let go in time.
constexpr int64_t kNsPerUs = 1000;

int64_t to_us(double seconds, const char* what) {
  if (!std::isfinite(seconds) || std::fabs(seconds) > 9e12) {
    throw InvalidArgument(std::string(what) + " must be a finite number of seconds, got " +
                          std::to_string(seconds));
  }
  return std::llround(seconds * 1e6);
}

State make_observer(std::string resource, std::string service_name, int64_t window_us,
                    uint32_t max_series, int64_t expire_us, std::shared_ptr<Clock> clock,
                    uint32_t queue_capacity, uint32_t max_events, int64_t observe_timeout_us) {
  ObserverOptions options;
  options.resource = std::move(resource);
  options.service_name = std::move(service_name);
  options.window_us = window_us;
  options.max_series = max_series;
  options.expire_us = expire_us;
  options.clock = std::move(clock);
  options.queue_capacity = queue_capacity;
  options.max_events = max_events;
  options.observe_timeout_us = observe_timeout_us;
  return std::make_shared<ObserverState>(std::move(options));
}

py::object instrument(const State& state, Kind kind, const std::string& name, std::string unit,
                      std::string description, const py::tuple& attributes, std::string layer,
                      int scale = 5, bool quantiles = false, bool cardinality = false) {
  InstrumentOptions options{
      std::move(unit), std::move(description), {}, std::move(layer), scale, quantiles, cardinality};
  for (const auto& key : attributes) options.attributes.push_back(key.cast<std::string>());
  PyObject* const made = make_instrument(state, kind, name, options);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

py::tuple next(const State& state, double timeout) {
  const int64_t timeout_us = to_us(std::fmax(0.0, timeout), "a time-out");
  Next found;
  {
    const py::gil_scoped_release release;  // waits
    found = state->observer.next(timeout_us);
  }
  const int64_t now_ns = state->clock->now().steady_ns;
  const int64_t idle_ns = state->observer.expire_us() * kNsPerUs;
  if (now_ns - state->trimmed_ns > idle_ns / 2) {
    state->trimmed_ns = now_ns;
    state->trim();
  }
  switch (found.what) {
    case Next::What::batch:
      return py::make_tuple("batch", NativeBatch(*found.batch));
    case Next::What::observe:
      return py::make_tuple("observe", py::none());
    case Next::What::closed:
      return py::make_tuple("closed", py::none());
    case Next::What::timeout:
      break;
  }
  return py::make_tuple("timeout", py::none());
}

void set_callable(PyObject*& place, const py::object& callable) {
  PyObject* const old = place;
  place = callable.is_none() ? nullptr : callable.inc_ref().ptr();
  Py_XDECREF(old);
}

void set_exemplar_source(const State& state, const py::object& source) {
  set_callable(state->exemplar_source, source);
  auto& attention = state->observer.attention();
  if (source.is_none()) {
    attention &= ~uint32_t{kExemplarsWanted};
  } else {
    attention |= kExemplarsWanted;
  }
}

py::dict stats(const State& state) {
  ObserverStats stats;
  {
    const py::gil_scoped_release release;  // may wait for a turn
    stats = state->observer.stats();
  }
  py::dict out;
  out["records"] = stats.records;
  out["folds"] = stats.folds;
  out["series"] = stats.series;
  out["overflow"] = stats.overflow;
  out["dropped_after_stop"] = stats.dropped_after_stop;
  out["dropped_not_finite"] = stats.dropped_not_finite;
  out["dropped_memory"] = stats.dropped_memory;
  out["dropped_events"] = stats.dropped_events;
  out["dropped_spans"] = stats.dropped_spans;
  out["dropped_verdicts"] = stats.dropped_verdicts;
  out["dropped_points"] = stats.dropped_points;
  out["dropped_tables"] = stats.dropped_tables;
  out["dropped_batches"] = stats.dropped_batches;
  out["turns"] = stats.turns;
  out["last_turn_us"] = stats.last_turn_us;
  out["queue_depth"] = stats.queue_depth;
  return out;
}

bool add_event(const State& state, std::string name, std::optional<int64_t> time_us,
               std::optional<int64_t> end_time_us, int32_t severity,
               std::optional<std::string> body, std::string attrs,
               std::optional<std::string> trace_id, std::optional<std::string> span_id,
               std::optional<int64_t> series_id, std::string layer) {
  Event event;
  event.name = std::move(name);
  event.layer = std::move(layer);
  event.time_us = time_us;
  event.end_time_us = end_time_us;
  event.severity = severity;
  event.body = std::move(body);
  event.attrs = std::move(attrs);
  event.trace_id = std::move(trace_id);
  event.span_id = std::move(span_id);
  event.series_id = series_id;
  const bool kept = state->observer.event(std::move(event));
  if ((state->observer.attention().load() & kRestarted) != 0) state->run_restart_hook();
  return kept;
}

bool add_span(const State& state, std::string trace_id, std::string span_id,
              std::optional<std::string> parent_id, std::string name,
              std::optional<std::string> kind, int64_t start_us, int64_t end_us,
              std::optional<std::string> status, std::string attrs, std::string layer) {
  Span span;
  span.trace_id = std::move(trace_id);
  span.span_id = std::move(span_id);
  span.parent_id = std::move(parent_id);
  span.name = std::move(name);
  span.kind = std::move(kind);
  span.start_us = start_us;
  span.end_us = end_us;
  span.status = std::move(status);
  span.attrs = std::move(attrs);
  span.layer = std::move(layer);
  const bool kept = state->observer.span(std::move(span));
  if ((state->observer.attention().load() & kRestarted) != 0) state->run_restart_hook();
  return kept;
}

bool add_verdict(const State& state, std::string metric, std::string verdict, std::string method,
                 std::string judge, std::string judge_version, std::string layer, std::string attrs,
                 std::string scope, std::optional<std::string> reason, std::optional<double> value,
                 std::optional<double> low, std::optional<double> high,
                 std::optional<double> threshold, std::optional<double> effect,
                 std::optional<double> p_value, std::optional<double> log_e,
                 std::optional<int64_t> n, std::optional<int64_t> n_reference,
                 std::optional<std::string> reference_id,
                 std::optional<std::vector<std::string>> part_names,
                 std::optional<std::vector<double>> part_values, std::optional<int64_t> time_us,
                 std::optional<int64_t> start_us, int32_t revision,
                 std::optional<int64_t> series_id) {
  Verdict row;
  row.metric = std::move(metric);
  row.verdict = std::move(verdict);
  row.method = std::move(method);
  row.judge = std::move(judge);
  row.judge_version = std::move(judge_version);
  row.layer = std::move(layer);
  row.attrs = std::move(attrs);
  row.scope = std::move(scope);
  row.reason = std::move(reason);
  row.value = value;
  row.low = low;
  row.high = high;
  row.threshold = threshold;
  row.effect = effect;
  row.p_value = p_value;
  row.log_e = log_e;
  row.n = n;
  row.n_reference = n_reference;
  row.reference_id = std::move(reference_id);
  row.part_names = std::move(part_names);
  row.part_values = std::move(part_values);
  row.time_us = time_us;
  row.start_us = start_us;
  row.revision = revision;
  row.series_id = series_id;
  const bool kept = state->observer.verdict(std::move(row));
  if ((state->observer.attention().load() & kRestarted) != 0) state->run_restart_hook();
  return kept;
}

bool add_table(const State& state, const std::string& name, const Table& table) {
  bool kept = false;
  {
    const py::gil_scoped_release release;  // waits for a turn; a table never changes
    if (name == "points") {
      kept = state->observer.points(table);
    } else if (name == "verdicts") {
      kept = state->observer.verdicts(table);
    } else {
      kept = state->observer.table(name, table);
    }
  }
  if ((state->observer.attention().load() & kRestarted) != 0) state->run_restart_hook();
  return kept;
}

void register_clocks(py::module_& module) {
  py::class_<Clock, std::shared_ptr<Clock>>(module, "Clock", "Source of time for an observer.")
      .def(
          "now", [](const Clock& clock) { return static_cast<double>(clock.now().wall_us) * 1e-6; },
          "Return Unix time in seconds.");
  py::class_<SystemClock, Clock, std::shared_ptr<SystemClock>>(module, "SystemClock",
                                                               "The system's clocks.")
      .def(py::init<>());
  py::class_<ManualClock, Clock, std::shared_ptr<ManualClock>>(module, "ManualClock",
                                                               "A clock that moves only when told.")
      .def(py::init([](double start) {
             return std::make_shared<ManualClock>(to_us(start, "the start"));
           }),
           py::arg("start") = 1.7e9)
      .def(
          "advance",
          [](ManualClock& clock, double seconds) {
            const int64_t us = to_us(seconds, "an advance");
            if (us < 0)
              throw InvalidArgument("a clock advances forward, got " + std::to_string(seconds));
            const py::gil_scoped_release release;  // waits for the windows that became due
            clock.advance(us);
          },
          py::arg("seconds"), "Move both clocks forward; returns after due windows were cut.")
      .def(
          "jump",
          [](ManualClock& clock, double seconds) {
            const int64_t us = to_us(seconds, "a jump");
            const py::gil_scoped_release release;
            clock.jump(us);
          },
          py::arg("seconds"), "Move the wall clock alone, either way.");
}

py::object histogram(const State& state, const std::string& name, std::string unit,
                     std::string description, const py::tuple& attributes, std::string layer,
                     int scale, bool quantiles, bool cardinality) {
  return instrument(state, Kind::histogram, name, std::move(unit), std::move(description),
                    attributes, std::move(layer), scale, quantiles, cardinality);
}

template <Kind kKind>
auto maker() {
  return [](const State& state, const std::string& name, std::string unit, std::string description,
            const py::tuple& attributes, std::string layer) {
    return instrument(state, kKind, name, std::move(unit), std::move(description), attributes,
                      std::move(layer));
  };
}

}  // namespace

void register_observer(py::module_& module) {
  register_clocks(module);
  add_instrument_types(module.ptr());

  using Released = py::call_guard<py::gil_scoped_release>;
  const auto with_observer = [](auto method) {
    return [method](const State& state) { return (state->observer.*method)(); };
  };
  // A copy shares the tables' buffers.
  const auto batch_of = [](auto method) {
    return [method](const State& state) -> std::optional<NativeBatch> {
      const auto batch = (state->observer.*method)();
      return batch == nullptr ? std::nullopt : std::optional(*batch);
    };
  };
  py::class_<ObserverState, State>(module, "ObserverCore", "The native half of an Observer.")
      .def(py::init(&make_observer), py::kw_only(), py::arg("resource"), py::arg("service_name"),
           py::arg("window_us"), py::arg("max_series") = 2000, py::arg("expire_us") = 3'600'000'000,
           py::arg("clock") = nullptr, py::arg("queue_capacity") = 64,
           py::arg("max_events") = 10'000, py::arg("observe_timeout_us") = 1'000'000)
      .def("counter", maker<Kind::counter>(), py::arg("name"), py::arg("unit"),
           py::arg("description"), py::arg("attributes"), py::arg("layer"))
      .def("gauge", maker<Kind::gauge>(), py::arg("name"), py::arg("unit"), py::arg("description"),
           py::arg("attributes"), py::arg("layer"))
      .def("histogram", &histogram, py::arg("name"), py::arg("unit"), py::arg("description"),
           py::arg("attributes"), py::arg("layer"), py::arg("scale") = 5,
           py::arg("quantiles") = false, py::arg("cardinality") = false)
      .def(
          "instruments",
          [](const State& state) {
            std::vector<InstrumentDescription> found;
            {
              const py::gil_scoped_release release;  // the registry locks
              found = state->observer.instruments();
            }
            py::list out;
            for (const auto& one : found) {
              out.append(py::make_tuple(one.name, one.kind, one.unit, one.description));
            }
            return out;
          },
          "Return name, kind, unit and description of each instrument.")
      .def("event", &add_event, py::arg("name"), py::kw_only(), py::arg("time_us") = py::none(),
           py::arg("end_time_us") = py::none(), py::arg("severity") = 9,
           py::arg("body") = py::none(), py::arg("attrs") = "{}", py::arg("trace_id") = py::none(),
           py::arg("span_id") = py::none(), py::arg("series_id") = py::none(),
           py::arg("layer") = "app")
      .def("span", &add_span, py::kw_only(), py::arg("trace_id"), py::arg("span_id"),
           py::arg("parent_id") = py::none(), py::arg("name"), py::arg("kind") = py::none(),
           py::arg("start_us"), py::arg("end_us"), py::arg("status") = py::none(),
           py::arg("attrs") = "{}", py::arg("layer") = "app")
      .def("add_verdict", &add_verdict, py::arg("metric"), py::arg("verdict"), py::kw_only(),
           py::arg("method"), py::arg("judge"), py::arg("judge_version"), py::arg("layer") = "app",
           py::arg("attrs") = "{}", py::arg("scope") = "process", py::arg("reason") = py::none(),
           py::arg("value") = py::none(), py::arg("low") = py::none(), py::arg("high") = py::none(),
           py::arg("threshold") = py::none(), py::arg("effect") = py::none(),
           py::arg("p_value") = py::none(), py::arg("log_e") = py::none(),
           py::arg("n") = py::none(), py::arg("n_reference") = py::none(),
           py::arg("reference_id") = py::none(), py::arg("part_names") = py::none(),
           py::arg("part_values") = py::none(), py::arg("time_us") = py::none(),
           py::arg("start_us") = py::none(), py::arg("revision") = 0,
           py::arg("series_id") = py::none())
      .def("add_table", &add_table, py::arg("name"), py::arg("table"),
           "Keep a table for the open window; False if it holds its fill.")
      .def(
          "now_us", [](const State& state) { return state->observer.now_us(); },
          "Return the time that windows are cut at, in microseconds of Unix time.")
      // Turning, peeking and stopping merge the window's state, which takes milliseconds; no Python
      // object is touched.
      .def("turn", batch_of(&Observer::turn), Released())
      .def("peek", batch_of(&Observer::peek), Released())
      .def("start", with_observer(&Observer::start), Released())
      .def("stop", batch_of(&Observer::stop), Released())
      .def("install", with_observer(&Observer::install), Released())
      .def("uninstall", with_observer(&Observer::uninstall), Released())
      .def("next", &next, py::arg("timeout"))
      .def("observed", with_observer(&Observer::observed), Released())
      .def(
          "set_observing", [](const State& state, bool on) { state->observer.set_observing(on); },
          py::arg("on"))
      .def(
          "set_resource",
          [](const State& state, std::string resource) {
            state->observer.set_resource(std::move(resource));
          },
          py::arg("resource"), Released())
      .def(
          "set_restart_hook",
          [](const State& state, const py::object& hook) {
            set_callable(state->restart_hook, hook);
          },
          py::arg("hook"))
      .def("set_exemplar_source", &set_exemplar_source, py::arg("source"))
      .def("stats", &stats)
      .def_property_readonly("origin", with_observer(&Observer::origin))
      .def_property_readonly("window_seq", with_observer(&Observer::window_seq))
      .def_property_readonly("started", with_observer(&Observer::started));

  module.def("series_id", &inlay::series_id, py::arg("metric"), py::arg("attrs"),
             py::arg("service_name"));
  module.def(
      "canonical_json",
      [](const py::dict& members) {
        std::vector<std::pair<std::string, std::string>> pairs;
        for (const auto& [key, value] : members) {
          if (!py::isinstance<py::str>(key) || !py::isinstance<py::str>(value)) {
            throw py::type_error("names and values are str: " + py::repr(key).cast<std::string>() +
                                 " is " + py::repr(value).cast<std::string>());
          }
          pairs.emplace_back(key.cast<std::string>(), value.cast<std::string>());
        }
        return canonical_json(std::move(pairs));
      },
      py::arg("members"));
}

}  // namespace inlay::python
