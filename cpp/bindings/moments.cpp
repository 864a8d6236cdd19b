#include <inlay/summary/moments.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedMoments = Shared<Moments>;

void update_moments(SharedMoments& moments, const py::handle& values) {
  const std::size_t nulls = moments.read(
      values, [](Moments& m, const auto* run, std::size_t size) { m.update(run, size); },
      [](Moments& m, double value) { m.update(value); });
  if (nulls != 0) moments.with([nulls](Moments& m) { m.add_nulls(nulls); });
}

}  // namespace

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

}  // namespace inlay::python
