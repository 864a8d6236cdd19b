#include <inlay/detect/two_sample.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include <inlay/detect/p_values.hpp>
#include <inlay/error.hpp>
#include <inlay/parallel_for.hpp>

#include "column_input.hpp"
#include "components.hpp"
#include "shared_summary.hpp"
#include "two_sample_fields.hpp"

namespace inlay::python {
namespace {

/// A column that a Python object lends, as the core reads it.
class ColumnSample final : public SampleSource {
 public:
  explicit ColumnSample(const py::handle& object) : input_(object.ptr()) {}
  std::size_t size() const noexcept override { return input_.size(); }
  std::size_t read(SpanSink& sink) const noexcept override {
    const std::size_t before = input_.rounded();
    const std::size_t nulls = input_.for_each_span(
        [&](const auto* values, std::size_t size) { sink.take(values, size); });
    rounded_ = input_.rounded() - before;
    return nulls;
  }
  /// Of the last reading.
  std::size_t rounded() const noexcept { return rounded_; }

 private:
  ColumnInput input_;
  mutable std::size_t rounded_ = 0;
};

/// One side of a comparison: sorted before, or a column yet to be sorted.
class Side {
 public:
  explicit Side(const py::handle& object) {
    if (py::isinstance<SortedSample>(object)) {
      given_ = &object.cast<const SortedSample&>();
    } else {
      column_ = std::make_unique<ColumnSample>(object);
    }
  }
  /// Touches no Python object. @throws std::bad_alloc, InvalidArgument
  const SortedSample& sorted() {
    if (given_ != nullptr) return *given_;
    own_ = SortedSample(*column_);
    return own_;
  }
  void forget() { own_ = SortedSample(); }
  std::size_t rounded() const { return column_ == nullptr ? 0 : column_->rounded(); }

 private:
  const SortedSample* given_ = nullptr;
  std::unique_ptr<ColumnSample> column_;
  SortedSample own_;
};

void warn_of(std::size_t rounded) {
  if (rounded != 0) warn_of_rounding(rounded);
}

// What was kept apart belongs to the sides, which may be gone when the fields are made.
struct Compared {
  TwoSample result;
  std::uint64_t counts[4] = {};  // NaN and nulls of x, then of y
};

py::list two_samples(const std::vector<py::object>& x, const std::vector<py::object>& y,
                     unsigned threads) {
  if (x.size() != y.size()) {
    detail::fail<InvalidArgument>("as many columns on either side are compared", y.size());
  }
  std::vector<std::unique_ptr<Side>> left;
  std::vector<std::unique_ptr<Side>> right;
  for (const py::object& column : x) left.push_back(std::make_unique<Side>(column));
  for (const py::object& column : y) right.push_back(std::make_unique<Side>(column));
  std::vector<Compared> compared(x.size());
  const auto compare = [&](std::size_t i, const SortedSample& a, const SortedSample& b) {
    compared[i] = {two_sample(a, b),
                   {a.nan_count(), a.null_count(), b.nan_count(), b.null_count()}};
  };
  {
    // Safe: the sides hold the memory, and no Python object is touched until the threads are done.
    const py::gil_scoped_release release;
    if (x.size() == 1) {
      const SortedSample* sides[2] = {};
      detail::parallel_for(2, detail::threads_for(threads), [&](std::size_t i) {
        sides[i] = &(i == 0 ? left : right)[0]->sorted();
      });
      compare(0, *sides[0], *sides[1]);
    } else {
      detail::parallel_for(x.size(), detail::threads_for(threads), [&](std::size_t i) {
        compare(i, left[i]->sorted(), right[i]->sorted());
        left[i]->forget();
        right[i]->forget();
      });
    }
  }
  std::size_t rounded = 0;
  py::list out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    rounded += left[i]->rounded() + right[i]->rounded();
    TwoSampleFields fields = fields_of(compared[i].result);
    fields["nan_counts"] = py::make_tuple(compared[i].counts[0], compared[i].counts[2]);
    fields["null_counts"] = py::make_tuple(compared[i].counts[1], compared[i].counts[3]);
    out.append(fields);
  }
  warn_of(rounded);
  return out;
}

std::vector<std::unique_ptr<SortedSample>> sort_columns(const std::vector<py::object>& columns,
                                                        unsigned threads) {
  std::vector<std::unique_ptr<ColumnSample>> sources;
  for (const py::object& column : columns) {
    sources.push_back(std::make_unique<ColumnSample>(column));
  }
  std::vector<std::unique_ptr<SortedSample>> out(columns.size());
  {
    // Safe: the sources hold the memory, and no Python object is touched meanwhile.
    const py::gil_scoped_release release;
    detail::parallel_for(sources.size(), detail::threads_for(threads), [&](std::size_t i) {
      out[i] = std::make_unique<SortedSample>(*sources[i]);
    });
  }
  std::size_t rounded = 0;
  for (const auto& source : sources) rounded += source->rounded();
  warn_of(rounded);
  return out;
}

std::vector<double> quantile_distances(const std::vector<py::object>& x,
                                       const std::vector<py::object>& y, int p, unsigned threads) {
  if (x.size() != y.size()) {
    detail::fail<InvalidArgument>("as many columns on either side are compared", y.size());
  }
  std::vector<std::unique_ptr<Side>> left;
  std::vector<std::unique_ptr<Side>> right;
  for (const py::object& column : x) left.push_back(std::make_unique<Side>(column));
  for (const py::object& column : y) right.push_back(std::make_unique<Side>(column));
  std::vector<double> out(x.size());
  {
    // Safe: as above.
    const py::gil_scoped_release release;
    detail::parallel_for(x.size(), detail::threads_for(threads), [&](std::size_t i) {
      out[i] = quantile_distance(left[i]->sorted(), right[i]->sorted(), p);
      left[i]->forget();
      right[i]->forget();
    });
  }
  return out;
}

}  // namespace

void register_two_sample(py::module_& m) {
  py::class_<SortedSample>(m, "SortedSample", "The values of a column in ascending order.")
      .def("__len__", &SortedSample::size)
      .def_property_readonly("nan_count", &SortedSample::nan_count)
      .def_property_readonly("null_count", &SortedSample::null_count)
      .def_property_readonly("memory_bytes", &SortedSample::memory_bytes)
      .def(
          "value",
          [](const SortedSample& self, std::size_t i) {
            if (i >= self.size()) detail::fail<OutOfRange>("no value at this position", i);
            return self.value(i);
          },
          py::arg("i"), py::pos_only());
  m.def("sort_columns", &sort_columns, py::arg("columns"), py::pos_only(), py::kw_only(),
        py::arg("threads") = 0, "Sort columns, each in one thread.");
  m.def("two_samples", &two_samples, py::arg("x"), py::arg("y"), py::pos_only(), py::kw_only(),
        py::arg("threads") = 0, "Compare columns, or sorted samples, pair by pair.");
  m.def("quantile_distances", &quantile_distances, py::arg("x"), py::arg("y"), py::pos_only(),
        py::kw_only(), py::arg("p"), py::arg("threads") = 0,
        "Wasserstein-p to the p-th power, pair by pair.");
  m.def("kolmogorov_p_value", &kolmogorov_p_value, py::arg("d"), py::arg("n"), py::arg("m"),
        py::pos_only(), "The upper tail of the two-sample Kolmogorov-Smirnov statistic.");
  m.def("cramer_von_mises_p_value", &cramer_von_mises_p_value, py::arg("t"), py::arg("n"),
        py::arg("m"), py::pos_only(),
        "The upper tail of the two-sample Cramer-von Mises statistic.");
  m.def("anderson_darling_p_value", &anderson_darling_p_value, py::arg("a"), py::pos_only(),
        "The upper tail of the standardised two-sample Anderson-Darling statistic.");
  m.def("f_p_value", &f_p_value, py::arg("f"), py::arg("numerator"), py::arg("denominator"),
        py::pos_only(), "The upper tail of the F distribution.");
}

}  // namespace inlay::python
