#include <inlay/detect/adwin.hpp>
#include <inlay/detect/cusum.hpp>
#include <inlay/detect/ddm.hpp>
#include <inlay/detect/eddm.hpp>
#include <inlay/detect/fhddm.hpp>
#include <inlay/detect/hddm_a.hpp>
#include <inlay/detect/hddm_w.hpp>
#include <inlay/detect/kswin.hpp>
#include <inlay/detect/page_hinkley.hpp>
#include <inlay/error.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

template <class Test>
using SharedDetector = Shared<detect::Online<Test>>;

template <class Test>
[[noreturn]] void refuse_value(double value, std::size_t place, bool alone) {
  detail::fail<InvalidArgument>(std::string(Test::kName) + " takes 0 and 1" +
                                    (alone ? ", got" : "; value " + std::to_string(place) + " is"),
                                value);
}

/// Whether a rule over errors has no use for a finite number.
template <class Test>
bool is_wrong(double value) {
  return Test::kBinary && !detect::Online<Test>::takes(value) && value - value == 0.0;
}

/// A value as a double: NaN for None. False with Python's error set if it is no number.
bool read_value(PyObject* object, double& number) {
  if (PyFloat_CheckExact(object) != 0) {
    number = PyFloat_AS_DOUBLE(object);
    return true;
  }
  if (object == Py_None) {
    number = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  number = PyFloat_AsDouble(object);
  if (number == -1.0 && PyErr_Occurred() != nullptr) return false;
  if (PyLong_Check(object) != 0 && ColumnInput::is_rounded(object, number)) warn_of_rounding(1);
  return true;
}

/// Called by Python without pybind11's search for an overload, which would cost more than all else.
template <class Test>
PyObject* update_one(PyObject* self, PyObject* value) {
  using Self = SharedDetector<Test>;
  try {
    auto* const instance = reinterpret_cast<py::detail::instance*>(self);
    auto* const shared = static_cast<Self*>(instance->get_value_and_holder().value_ptr());
    if (shared == nullptr) throw py::type_error("the detector was not initialised");
    double number = 0.0;
    if (!read_value(value, number)) return nullptr;
    if (is_wrong<Test>(number)) refuse_value<Test>(number, 0, true);
    const bool alarm =
        shared->with([number](detect::Online<Test>& detector) { return detector.update(number); });
    return PyBool_FromLong(alarm ? 1 : 0);
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

template <class Test>
void define_update(const py::class_<SharedDetector<Test>>& type) {
  static PyMethodDef method = {"update", &update_one<Test>, METH_O,
                               "update($self, value, /)\n--\n\n"};
  PyObject* const made = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), &method);
  if (made == nullptr) throw py::error_already_set();
  type.attr("update") = py::reinterpret_steal<py::object>(made);
}

py::bytes positions(const std::vector<std::int64_t>& found) {
  return {reinterpret_cast<const char*>(found.data()), found.size() * sizeof(std::int64_t)};
}

/// The places of alarms and of the beginnings of warnings, as the bytes of int64.
template <class Test>
std::pair<py::bytes, py::bytes> update_many(SharedDetector<Test>& shared,
                                            const py::handle& values) {
  const ColumnInput input(values.ptr());
  if constexpr (Test::kBinary) {
    double wrong = 0.0;
    std::size_t place = 0;
    bool found = false;
    const auto look = [&] {
      input.for_each_span_in_place([&](const double* run, std::size_t size) {
        for (std::size_t i = 0; i < size && !found; ++i) {
          found = is_wrong<Test>(run[i]);
          wrong = run[i];
          if (!found) ++place;
        }
        return !found;
      });
    };
    if (input.is_long()) {
      const py::gil_scoped_release release;  // safe: the input holds the memory
      look();
    } else {
      look();
    }
    if (found) refuse_value<Test>(wrong, place, false);
  }
  std::vector<std::int64_t> alarms;
  std::vector<std::int64_t> warnings;
  bool complete = true;
  shared.with_column(input, [&](detect::Online<Test>& detector) {
    std::size_t before = 0;
    input.for_each_span_in_place([&](const double* run, std::size_t size) {
      for (std::size_t at = 0; at < size;) {
        const std::uint64_t drifts = detector.drift_count();
        const std::uint64_t begun = detector.warning_count();
        at += detector.update(run + at, size - at);
        const auto place = static_cast<std::int64_t>(before + at - 1);
        try {
          if (detector.drift_count() != drifts) alarms.push_back(place);
          if (detector.warning_count() != begun) warnings.push_back(place);
        } catch (const std::bad_alloc&) {
          complete = false;
          return false;
        }
      }
      before += size;
      return true;
    });
  });
  if (!complete) throw std::bad_alloc();
  if (input.rounded() != 0) warn_of_rounding(input.rounded());
  return {positions(alarms), positions(warnings)};
}

const char* reason(detect::Undefined undefined) {
  switch (undefined) {
    case detect::Undefined::kInsufficient:
      return "insufficient";
    case detect::Undefined::kConstant:
      return "constant";
    case detect::Undefined::kOverflow:
      return "overflow";
    default:
      return nullptr;
  }
}

/// What all detectors have in common.
template <class Test>
py::class_<SharedDetector<Test>> register_detector(py::module_& m, const char* name) {
  using Detector = detect::Online<Test>;
  using Self = SharedDetector<Test>;
  const auto get = [](auto read) { return [read](Self& self) { return self.with(read); }; };
  py::class_<Self> type(m, name, "An online detector.");
  define_update<Test>(type);
  return type.def_static("from_bytes", &from_bytes<Detector>, py::arg("data"), py::pos_only())
      .def("update_many", &update_many<Test>, py::arg("values"), py::pos_only())
      .def("reset", get([](Detector& d) { d.reset(); }))
      .def("copy", [](Self& self) { return std::make_unique<Self>(self.copy()); })
      .def("to_bytes", &to_bytes<Detector>)
      .def(
          "equals",
          [](Self& self, Self& other) {
            const Detector right = other.copy();  // never two locks at once
            return self.with([&](const Detector& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def_property_readonly("drift_detected",
                             get([](const Detector& d) { return d.drift_detected(); }))
      .def_property_readonly("warning_detected",
                             get([](const Detector& d) { return d.warning_detected(); }))
      .def_property_readonly(
          "undefined_reason",
          [](Self& self) -> std::optional<const char*> {
            const char* why = reason(self.with([](const Detector& d) { return d.undefined(); }));
            return why == nullptr ? std::nullopt : std::optional<const char*>(why);
          })
      .def_property_readonly("count", get([](const Detector& d) { return d.count(); }))
      .def_property_readonly("ignored_count",
                             get([](const Detector& d) { return d.ignored_count(); }))
      .def_property_readonly("drift_count", get([](const Detector& d) { return d.drift_count(); }))
      .def_property_readonly("warning_count",
                             get([](const Detector& d) { return d.warning_count(); }))
      .def_property_readonly("memory_bytes",
                             get([](const Detector& d) { return d.memory_bytes(); }));
}

template <class Test>
std::unique_ptr<SharedDetector<Test>> make(const typename Test::Parameters& parameters) {
  return std::make_unique<SharedDetector<Test>>(detect::Online<Test>(parameters));
}

/// Reads something from the rule itself.
template <class Test, class Read>
auto of_test(Read read) {
  return [read](SharedDetector<Test>& self) {
    return self.with([&](const detect::Online<Test>& detector) { return read(detector.test()); });
  };
}

void register_adwin(py::module_& m) {
  using detect::Adwin;
  const auto get = [](auto read) { return of_test<Adwin>(read); };
  register_detector<Adwin>(m, "Adwin")
      .def(py::init([](double delta, std::int64_t clock, std::int64_t max_buckets,
                       std::int64_t min_window_length, std::int64_t grace_period) {
             return make<Adwin>({delta, clock, max_buckets, min_window_length, grace_period});
           }),
           py::kw_only(), py::arg("delta"), py::arg("clock"), py::arg("max_buckets"),
           py::arg("min_window_length"), py::arg("grace_period"))
      .def_property_readonly("parameters", get([](const Adwin& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.delta, p.clock, p.max_buckets,
                                                      p.min_window_length, p.grace_period);
                             }))
      .def_property_readonly(
          "width", get([](const Adwin& test) { return static_cast<std::uint64_t>(test.width); }))
      .def_property_readonly("total", get([](const Adwin& test) { return test.total; }))
      .def_property_readonly("variance", get([](const Adwin& test) { return test.variance; }));
}

void register_page_hinkley(py::module_& m) {
  using detect::PageHinkley;
  register_detector<PageHinkley>(m, "PageHinkley")
      .def(py::init([](std::int64_t min_instances, double delta, double threshold, double alpha,
                       const std::string& mode) {
             PageHinkley::Parameters p{min_instances, delta, threshold, alpha,
                                       PageHinkley::Mode::kBoth};
             if (mode == "up") {
               p.mode = PageHinkley::Mode::kUp;
             } else if (mode == "down") {
               p.mode = PageHinkley::Mode::kDown;
             } else if (mode != "both") {
               detail::fail<InvalidArgument>("mode must be 'up', 'down' or 'both'", mode);
             }
             return make<PageHinkley>(p);
           }),
           py::kw_only(), py::arg("min_instances"), py::arg("delta"), py::arg("threshold"),
           py::arg("alpha"), py::arg("mode"))
      .def_property_readonly("parameters", of_test<PageHinkley>([](const PageHinkley& test) {
                               const auto& p = test.parameters;
                               const char* mode = p.mode == PageHinkley::Mode::kUp     ? "up"
                                                  : p.mode == PageHinkley::Mode::kDown ? "down"
                                                                                       : "both";
                               return std::make_tuple(p.min_instances, p.delta, p.threshold,
                                                      p.alpha, mode);
                             }));
}

void register_cusum(py::module_& m) {
  using detect::Cusum;
  register_detector<Cusum>(m, "Cusum")
      .def(py::init([](double allowance, double threshold, std::optional<double> mean,
                       std::optional<double> sd, std::int64_t warm_up) {
             return make<Cusum>({allowance, threshold, mean, sd, warm_up});
           }),
           py::kw_only(), py::arg("allowance"), py::arg("threshold"), py::arg("mean"),
           py::arg("sd"), py::arg("warm_up"))
      .def_property_readonly("parameters", of_test<Cusum>([](const Cusum& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.allowance, p.threshold, p.mean, p.sd,
                                                      p.warm_up);
                             }))
      .def_property_readonly("fitted", of_test<Cusum>([](const Cusum& test) {
                               using Fit = std::pair<double, double>;
                               return test.fitted ? std::optional<Fit>(Fit(test.mean, test.sd))
                                                  : std::nullopt;
                             }))
      .def_property_readonly("sums", of_test<Cusum>([](const Cusum& test) {
                               return std::make_pair(test.upper, test.lower);
                             }));
}

void register_ddm(py::module_& m) {
  using detect::Ddm;
  register_detector<Ddm>(m, "Ddm")
      .def(py::init([](std::int64_t warm_start, double warning_threshold, double drift_threshold) {
             return make<Ddm>({warm_start, warning_threshold, drift_threshold});
           }),
           py::kw_only(), py::arg("warm_start"), py::arg("warning_threshold"),
           py::arg("drift_threshold"))
      .def_property_readonly("parameters", of_test<Ddm>([](const Ddm& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.warm_start, p.warning_threshold,
                                                      p.drift_threshold);
                             }));
}

void register_eddm(py::module_& m) {
  using detect::Eddm;
  register_detector<Eddm>(m, "Eddm")
      .def(py::init([](std::int64_t warm_start, double alpha, double beta) {
             return make<Eddm>({warm_start, alpha, beta});
           }),
           py::kw_only(), py::arg("warm_start"), py::arg("alpha"), py::arg("beta"))
      .def_property_readonly("parameters", of_test<Eddm>([](const Eddm& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.warm_start, p.alpha, p.beta);
                             }));
}

void register_hddm(py::module_& m) {
  using detect::HddmA;
  using detect::HddmW;
  register_detector<HddmA>(m, "HddmA")
      .def(py::init([](double drift_confidence, double warning_confidence, bool two_sided) {
             return make<HddmA>({drift_confidence, warning_confidence, two_sided});
           }),
           py::kw_only(), py::arg("drift_confidence"), py::arg("warning_confidence"),
           py::arg("two_sided"))
      .def_property_readonly("parameters", of_test<HddmA>([](const HddmA& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.drift_confidence, p.warning_confidence,
                                                      p.two_sided);
                             }));
  register_detector<HddmW>(m, "HddmW")
      .def(py::init([](double drift_confidence, double warning_confidence, double lambda,
                       bool two_sided) {
             return make<HddmW>({drift_confidence, warning_confidence, lambda, two_sided});
           }),
           py::kw_only(), py::arg("drift_confidence"), py::arg("warning_confidence"),
           py::arg("lambda_val"), py::arg("two_sided"))
      .def_property_readonly("parameters", of_test<HddmW>([](const HddmW& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.drift_confidence, p.warning_confidence,
                                                      p.lambda, p.two_sided);
                             }));
}

void register_fhddm(py::module_& m) {
  using detect::Fhddm;
  register_detector<Fhddm>(m, "Fhddm")
      .def(py::init([](std::int64_t window, double confidence, std::int64_t short_window) {
             return make<Fhddm>({window, confidence, short_window});
           }),
           py::kw_only(), py::arg("sliding_window_size"), py::arg("confidence_level"),
           py::arg("short_window_size"))
      .def_property_readonly("parameters", of_test<Fhddm>([](const Fhddm& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.window_size, p.confidence,
                                                      p.short_window_size);
                             }));
}

void register_kswin(py::module_& m) {
  using detect::Kswin;
  register_detector<Kswin>(m, "Kswin")
      .def(py::init([](double alpha, std::int64_t window_size, std::int64_t stat_size,
                       std::uint64_t seed) {
             return make<Kswin>({alpha, window_size, stat_size, seed});
           }),
           py::kw_only(), py::arg("alpha"), py::arg("window_size"), py::arg("stat_size"),
           py::arg("seed"))
      .def_property_readonly("parameters", of_test<Kswin>([](const Kswin& test) {
                               const auto& p = test.parameters;
                               return std::make_tuple(p.alpha, p.window_size, p.stat_size, p.seed);
                             }));
}

}  // namespace

void register_online_detectors(py::module_& m) {
  register_adwin(m);
  register_page_hinkley(m);
  register_cusum(m);
  register_ddm(m);
  register_eddm(m);
  register_hddm(m);
  register_fhddm(m);
  register_kswin(m);
}

}  // namespace inlay::python
