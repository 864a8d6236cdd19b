#include <inlay/summary/reservoir.hpp>

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedReservoir = Shared<Reservoir>;

void update_reservoir(SharedReservoir& reservoir, const py::handle& values) {
  bool complete = true;
  const std::size_t nulls = reservoir.read(
      values,
      [&](Reservoir& r, const auto* run, std::size_t size) {
        complete = complete && r.update(run, size) == size;
      },
      [&](Reservoir& r, double value) { complete = r.update(value); });
  if (nulls != 0) reservoir.with([nulls](Reservoir& r) { r.add_nulls(nulls); });
  if (!complete) throw std::bad_alloc();
}

void merge_reservoir(SharedReservoir& reservoir, SharedReservoir& other) {
  const Reservoir added = other.copy();  // never two locks at once
  if (!reservoir.with([&](Reservoir& r) { return r.merge(added); })) throw std::bad_alloc();
}

/// The sample as the bytes of its doubles.
py::bytes sample_of(SharedReservoir& reservoir) {
  const std::vector<double> sample = reservoir.with(
      [](const Reservoir& r) { return std::vector<double>(r.data(), r.data() + r.size()); });
  return {reinterpret_cast<const char*>(sample.data()), sample.size() * sizeof(double)};
}

}  // namespace

void register_reservoir(py::module_& m) {
  const auto get = [](auto read) {
    return [read](SharedReservoir& self) { return self.with(read); };
  };
  py::class_<SharedReservoir>(m, "Reservoir", "A uniform random sample.")
      .def(py::init([](std::uint32_t k, std::uint64_t seed) {
             return std::make_unique<SharedReservoir>(Reservoir(k, seed));
           }),
           py::kw_only(), py::arg("k") = Reservoir::kDefaultSize, py::arg("seed") = 0)
      .def_static("from_bytes", &from_bytes<Reservoir>, py::arg("data"), py::pos_only())
      .def("update", &update_reservoir, py::arg("values"), py::pos_only())
      .def("merge", &merge_reservoir, py::arg("other"), py::pos_only())
      .def("reset", get([](Reservoir& r) { r.reset(); }))
      .def("copy",
           [](SharedReservoir& self) { return std::make_unique<SharedReservoir>(self.copy()); })
      .def("to_bytes", &to_bytes<Reservoir>)
      .def(
          "equals",
          [](SharedReservoir& self, SharedReservoir& other) {
            const Reservoir right = other.copy();
            return self.with([&](const Reservoir& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def("sample", &sample_of)
      .def_property_readonly("k", get([](const Reservoir& r) { return r.k(); }))
      .def_property_readonly("seed", get([](const Reservoir& r) { return r.seed(); }))
      .def_property_readonly("size", get([](const Reservoir& r) { return r.size(); }))
      .def_property_readonly("count", get([](const Reservoir& r) { return r.count(); }))
      .def_property_readonly("null_count", get([](const Reservoir& r) { return r.null_count(); }))
      .def_property_readonly("nan_count", get([](const Reservoir& r) { return r.nan_count(); }))
      .def_property_readonly("pos_inf_count",
                             get([](const Reservoir& r) { return r.pos_inf_count(); }))
      .def_property_readonly("neg_inf_count",
                             get([](const Reservoir& r) { return r.neg_inf_count(); }))
      .def_property_readonly("memory_bytes",
                             get([](const Reservoir& r) { return r.memory_bytes(); }));
}

}  // namespace inlay::python
