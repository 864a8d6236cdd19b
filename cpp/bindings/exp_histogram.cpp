#include <inlay/summary/exp_histogram.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedHistogram = Shared<ExpHistogram>;

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

}  // namespace

void register_exp_histogram(py::module_& m) {
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

}  // namespace inlay::python
