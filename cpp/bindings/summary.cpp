#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <inlay/error.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/fused.hpp>
#include <inlay/summary/moments.hpp>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "column_input.hpp"
#include "components.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

/// A summary that Python threads share. Every use holds the lock. Whoever waits for the lock does
/// so without the GIL, so the two cannot wait for each other; and no Python object is made under
/// the lock, since that may run any code, this object's methods included.
template <class Summary>
class Shared {
 public:
  Shared() = default;
  explicit Shared(Summary summary) : summary_(std::move(summary)) {}

  /// Calls f(summary) with the lock held, under the GIL.
  template <class F>
  decltype(auto) with(F&& f) {
    if (!mutex_.try_lock()) {
      const py::gil_scoped_release release;  // the holder may be a long update on another thread
      mutex_.lock();
    }
    const std::lock_guard<std::mutex> guard(mutex_, std::adopt_lock);
    return f(summary_);
  }

  Summary copy() {
    return with([](const Summary& summary) { return Summary(summary); });
  }

  /// Reads a column or one number: f_values(summary, values, size) for each run, f_value for a
  /// number. Returns the nulls.
  template <class FValues, class FValue>
  std::size_t read(const py::handle& values, FValues&& f_values, FValue&& f_value) {
    PyObject* object = values.ptr();
    if (PyFloat_Check(object) != 0 || PyLong_Check(object) != 0) {
      const double value = PyFloat_AsDouble(object);
      if (value == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
      with([&](Summary& summary) { f_value(summary, value); });
      return 0;
    }
    const ColumnInput input(object);
    const auto each = [&](Summary& summary) {
      return input.for_each_span(
          [&](const auto* run, std::size_t size) { f_values(summary, run, size); });
    };
    if (!input.is_long()) return with(each);
    // Safe: the input holds the memory, the lock holds the summary, no Python object is touched.
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> guard(mutex_);
    return each(summary_);
  }

 private:
  std::mutex mutex_;
  Summary summary_;
};

using SharedMoments = Shared<Moments>;
using SharedHistogram = Shared<ExpHistogram>;

template <class Summary>
py::bytes to_bytes(Shared<Summary>& shared) {
  const std::vector<std::uint8_t> bytes =
      shared.with([](const Summary& summary) { return summary.to_bytes(); });
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A buffer of bytes held for reading, with the GIL.
class Bytes {
 public:
  explicit Bytes(const py::handle& object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { PyBuffer_Release(&view_); }
  const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(view_.buf); }
  std::size_t size() const { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_;
};

template <class Summary>
std::unique_ptr<Shared<Summary>> from_bytes(const py::object& bytes) {
  const Bytes in(bytes);
  return std::make_unique<Shared<Summary>>(Summary::from_bytes(in.data(), in.size()));
}

void update_moments(SharedMoments& moments, const py::handle& values) {
  const std::size_t nulls = moments.read(
      values, [](Moments& m, const auto* run, std::size_t size) { m.update(run, size); },
      [](Moments& m, double value) { m.update(value); });
  if (nulls != 0) moments.with([nulls](Moments& m) { m.add_nulls(nulls); });
}

void update_histogram(SharedHistogram& histogram, const py::handle& values) {
  bool complete = true;
  histogram.read(
      values,
      [&](ExpHistogram& h, const auto* run, std::size_t size) {
        complete = h.update(run, size) == size && complete;
      },
      [&](ExpHistogram& h, double value) { complete = h.update(value); });
  if (!complete) throw std::bad_alloc();
}

void merge_histogram(SharedHistogram& histogram, SharedHistogram& other) {
  const ExpHistogram added = other.copy();  // never two locks at once
  if (!histogram.with([&](ExpHistogram& h) { return h.merge(added); })) throw std::bad_alloc();
}

py::list counts_of(const ExpHistogram::Buckets& buckets) {
  py::list out(buckets.size());
  for (std::uint32_t i = 0; i < buckets.size(); ++i) {
    PyList_SET_ITEM(out.ptr(), i, py::int_(buckets[i]).release().ptr());
  }
  return out;
}

template <class Read>
auto reader(Read read) {
  return [read](SharedHistogram& self) { return self.with(read); };
}

void register_moments(py::module_& m) {
  const auto get = [](auto read) {
    return [read](SharedMoments& self) { return self.with(read); };
  };
  py::class_<SharedMoments>(m, "Moments", "Count, extremes, sum, mean and central moments.")
      .def(py::init<>())
      .def_static("from_bytes", &from_bytes<Moments>, py::arg("data"), py::pos_only())
      .def_static(
          "from_fields",
          [](std::uint64_t count, std::uint64_t null_count, std::uint64_t nan_count,
             std::uint64_t pos_inf_count, std::uint64_t neg_inf_count, std::uint64_t zero_count,
             double sum, double min, double max, double mean, std::optional<double> m2,
             std::optional<double> m3, std::optional<double> m4) {
            Moments::Fields fields{};
            fields.null_count = null_count;
            fields.nan_count = nan_count;
            fields.pos_inf_count = pos_inf_count;
            fields.neg_inf_count = neg_inf_count;
            fields.zero_count = zero_count;
            fields.values.count = count;
            fields.values.sum = sum;
            if (count != 0) {
              fields.values.min = min;
              fields.values.max = max;
              fields.values.mean = mean;
            }
            fields.values.m2 = m2;
            fields.values.m3 = m3;
            fields.values.m4 = m4;
            return std::make_unique<SharedMoments>(Moments::from_fields(fields));
          },
          py::kw_only(), py::arg("count"), py::arg("null_count"), py::arg("nan_count"),
          py::arg("pos_inf_count"), py::arg("neg_inf_count"), py::arg("zero_count"), py::arg("sum"),
          py::arg("min"), py::arg("max"), py::arg("mean"), py::arg("m2"), py::arg("m3"),
          py::arg("m4"))
      .def("update", &update_moments, py::arg("values"), py::pos_only())
      .def(
          "add_nulls",
          [](SharedMoments& self, std::uint64_t n) {
            self.with([n](Moments& moments) { moments.add_nulls(n); });
          },
          py::arg("n"), py::pos_only())
      .def(
          "merge",
          [](SharedMoments& self, SharedMoments& other) {
            const Moments added = other.copy();  // never two locks at once
            self.with([&](Moments& moments) { moments.merge(added); });
          },
          py::arg("other"), py::pos_only())
      .def("reset", get([](Moments& v) { v.reset(); }))
      .def("copy", [](SharedMoments& self) { return std::make_unique<SharedMoments>(self.copy()); })
      .def("to_bytes", &to_bytes<Moments>)
      .def(
          "equals",
          [](SharedMoments& self, SharedMoments& other) { return self.copy() == other.copy(); },
          py::arg("other"), py::pos_only())
      .def("values",
           [](SharedMoments& self) {
             const Moments::Values v =
                 self.with([](const Moments& moments) { return moments.values(); });
             return py::make_tuple(v.count, v.sum, v.min, v.max, v.mean, v.m2, v.m3, v.m4,
                                   v.overflowed);
           })
      .def_property_readonly("count", get([](const Moments& v) { return v.count(); }))
      .def_property_readonly("null_count", get([](const Moments& v) { return v.null_count(); }))
      .def_property_readonly("nan_count", get([](const Moments& v) { return v.nan_count(); }))
      .def_property_readonly("pos_inf_count",
                             get([](const Moments& v) { return v.pos_inf_count(); }))
      .def_property_readonly("neg_inf_count",
                             get([](const Moments& v) { return v.neg_inf_count(); }))
      .def_property_readonly("zero_count", get([](const Moments& v) { return v.zero_count(); }))
      .def(
          "variance",
          [](SharedMoments& self, unsigned ddof) {
            return self.with([ddof](const Moments& v) { return v.variance(ddof); });
          },
          py::arg("ddof"), py::pos_only())
      .def("skewness", get([](const Moments& v) { return v.skewness(); }))
      .def("kurtosis", get([](const Moments& v) { return v.kurtosis(); }));
}

void register_histogram(py::module_& m) {
  py::class_<SharedHistogram>(m, "ExpHistogram", "A base-2 exponential histogram.")
      .def(py::init(
               [](int scale) { return std::make_unique<SharedHistogram>(ExpHistogram(scale)); }),
           py::kw_only(), py::arg("scale") = ExpHistogram::kDefaultScale)
      .def_static("from_bytes", &from_bytes<ExpHistogram>, py::arg("data"), py::pos_only())
      .def_static(
          "from_fields",
          [](int scale, std::uint64_t zero_count, std::uint64_t nan_count,
             std::uint64_t pos_inf_count, std::uint64_t neg_inf_count, std::int32_t pos_offset,
             std::vector<std::uint64_t> pos_counts, std::int32_t neg_offset,
             std::vector<std::uint64_t> neg_counts) {
            ExpHistogram::Fields fields;
            fields.scale = scale;
            fields.zero_count = zero_count;
            fields.nan_count = nan_count;
            fields.pos_inf_count = pos_inf_count;
            fields.neg_inf_count = neg_inf_count;
            fields.positive = {pos_offset, std::move(pos_counts)};
            fields.negative = {neg_offset, std::move(neg_counts)};
            return std::make_unique<SharedHistogram>(ExpHistogram::from_fields(fields));
          },
          py::kw_only(), py::arg("scale"), py::arg("zero_count"), py::arg("nan_count"),
          py::arg("pos_inf_count"), py::arg("neg_inf_count"), py::arg("pos_offset"),
          py::arg("pos_counts"), py::arg("neg_offset"), py::arg("neg_counts"))
      .def("update", &update_histogram, py::arg("values"), py::pos_only())
      .def("merge", &merge_histogram, py::arg("other"), py::pos_only())
      .def("reset", reader([](ExpHistogram& v) { v.reset(); }))
      .def("copy",
           [](SharedHistogram& self) { return std::make_unique<SharedHistogram>(self.copy()); })
      .def("to_bytes", &to_bytes<ExpHistogram>)
      .def(
          "equals",
          [](SharedHistogram& self, SharedHistogram& other) {
            const ExpHistogram right = other.copy();
            return self.with([&](const ExpHistogram& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def(
          "downscale_to",
          [](SharedHistogram& self, int scale) {
            self.with([scale](ExpHistogram& v) { v.downscale_to(scale); });
          },
          py::arg("scale"), py::pos_only())
      .def(
          "quantile",
          [](SharedHistogram& self, double q) {
            return self.with([q](const ExpHistogram& v) { return v.quantile(q); });
          },
          py::arg("q"), py::pos_only())
      .def(
          "cdf",
          [](SharedHistogram& self, double x) {
            return self.with([x](const ExpHistogram& v) { return v.cdf(x); });
          },
          py::arg("x"), py::pos_only())
      .def(
          "count_between",
          [](SharedHistogram& self, double low, double high) {
            const auto bounds =
                self.with([&](const ExpHistogram& v) { return v.count_between(low, high); });
            return py::make_tuple(bounds.low, bounds.estimate, bounds.high);
          },
          py::arg("low"), py::arg("high"), py::pos_only())
      .def("positive",
           [](SharedHistogram& self) {
             const ExpHistogram copy = self.copy();
             return py::make_tuple(copy.positive().offset(), counts_of(copy.positive()));
           })
      .def("negative",
           [](SharedHistogram& self) {
             const ExpHistogram copy = self.copy();
             return py::make_tuple(copy.negative().offset(), counts_of(copy.negative()));
           })
      .def_property_readonly("scale", reader([](const ExpHistogram& v) { return v.scale(); }))
      .def_property_readonly("downscales",
                             reader([](const ExpHistogram& v) { return v.downscales(); }))
      .def_property_readonly("count", reader([](const ExpHistogram& v) { return v.count(); }))
      .def_property_readonly("zero_count",
                             reader([](const ExpHistogram& v) { return v.zero_count(); }))
      .def_property_readonly("nan_count",
                             reader([](const ExpHistogram& v) { return v.nan_count(); }))
      .def_property_readonly("pos_inf_count",
                             reader([](const ExpHistogram& v) { return v.pos_inf_count(); }))
      .def_property_readonly("neg_inf_count",
                             reader([](const ExpHistogram& v) { return v.neg_inf_count(); }))
      .def_property_readonly("memory_bytes",
                             reader([](const ExpHistogram& v) { return v.memory_bytes(); }));
}

}  // namespace

void register_summary(py::module_& m) {
  register_moments(m);
  register_histogram(m);
}

}  // namespace inlay::python
