#include <inlay/summary/kll.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

template <class T>
using SharedKll = Shared<Kll<T>>;

template <class T>
void update_kll(SharedKll<T>& shared, const py::handle& values) {
  bool complete = true;
  const std::size_t nulls = shared.read(
      values,
      [&](Kll<T>& v, const auto* run, std::size_t size) {
        complete = complete && v.update(run, size) == size;
      },
      [&](Kll<T>& v, double value) { complete = v.update(value); });
  if (nulls != 0) shared.with([nulls](Kll<T>& v) { v.add_nulls(nulls); });
  if (!complete) throw std::bad_alloc();
}

template <class T>
void merge_kll(SharedKll<T>& shared, SharedKll<T>& other) {
  const Kll<T> added = other.copy();  // never two locks at once
  if (!shared.with([&](Kll<T>& v) { return v.merge(added); })) throw std::bad_alloc();
}

template <class T>
void register_kll_of(py::module_& m, const char* name, const char* doc) {
  const auto get = [](auto read) { return [read](SharedKll<T>& self) { return self.with(read); }; };
  using Points = std::vector<double>;
  py::class_<SharedKll<T>>(m, name, doc)
      .def(py::init([](unsigned k, std::uint64_t seed) {
             return std::make_unique<SharedKll<T>>(Kll<T>(k, seed));
           }),
           py::kw_only(), py::arg("k") = Kll<T>::kDefaultK, py::arg("seed") = 0)
      .def_static(
          "from_bytes",
          [](const py::object& data, std::uint64_t seed) {
            const Bytes in(data);
            return std::make_unique<SharedKll<T>>(Kll<T>::from_bytes(in.data(), in.size(), seed));
          },
          py::arg("data"), py::pos_only(), py::kw_only(), py::arg("seed") = 0)
      .def("update", &update_kll<T>, py::arg("values"), py::pos_only())
      .def(
          "add_kept_apart",
          [](SharedKll<T>& self, std::uint64_t null_count, std::uint64_t nan_count,
             std::uint64_t pos_inf_count, std::uint64_t neg_inf_count) {
            self.with([&](Kll<T>& v) {
              v.add_kept_apart({null_count, nan_count, pos_inf_count, neg_inf_count});
            });
          },
          py::kw_only(), py::arg("null_count"), py::arg("nan_count"), py::arg("pos_inf_count"),
          py::arg("neg_inf_count"))
      .def("merge", &merge_kll<T>, py::arg("other"), py::pos_only())
      .def("reset", get([](Kll<T>& v) { v.reset(); }))
      .def("copy", [](SharedKll<T>& self) { return std::make_unique<SharedKll<T>>(self.copy()); })
      .def("to_bytes", &to_bytes<Kll<T>>)
      .def(
          "equals",
          [](SharedKll<T>& self, SharedKll<T>& other) { return self.copy() == other.copy(); },
          py::arg("other"), py::pos_only())
      .def(
          "quantiles",
          [](SharedKll<T>& self, const Points& q) {
            return self.with([&](const Kll<T>& v) { return v.quantiles(q.data(), q.size()); });
          },
          py::arg("q"), py::pos_only())
      .def(
          "rank",
          [](SharedKll<T>& self, double x) {
            return self.with([x](const Kll<T>& v) { return v.rank(x); });
          },
          py::arg("x"), py::pos_only())
      .def(
          "cdf",
          [](SharedKll<T>& self, const Points& points) {
            return self.with([&](const Kll<T>& v) { return v.cdf(points.data(), points.size()); });
          },
          py::arg("points"), py::pos_only())
      .def(
          "pmf",
          [](SharedKll<T>& self, const Points& points) {
            return self.with([&](const Kll<T>& v) { return v.pmf(points.data(), points.size()); });
          },
          py::arg("points"), py::pos_only())
      .def(
          "normalized_rank_error",
          [](SharedKll<T>& self, bool pmf) {
            return self.with([pmf](const Kll<T>& v) { return v.normalized_rank_error(pmf); });
          },
          py::arg("pmf"), py::pos_only())
      .def_property_readonly("k", get([](const Kll<T>& v) { return v.k(); }))
      .def_property_readonly("min_k", get([](const Kll<T>& v) { return v.min_k(); }))
      .def_property_readonly("count", get([](const Kll<T>& v) { return v.count(); }))
      .def_property_readonly("null_count", get([](const Kll<T>& v) { return v.null_count(); }))
      .def_property_readonly("nan_count", get([](const Kll<T>& v) { return v.nan_count(); }))
      .def_property_readonly("pos_inf_count",
                             get([](const Kll<T>& v) { return v.pos_inf_count(); }))
      .def_property_readonly("neg_inf_count",
                             get([](const Kll<T>& v) { return v.neg_inf_count(); }))
      .def_property_readonly("min", get([](const Kll<T>& v) { return v.min(); }))
      .def_property_readonly("max", get([](const Kll<T>& v) { return v.max(); }))
      .def_property_readonly("num_retained", get([](const Kll<T>& v) { return v.num_retained(); }))
      .def_property_readonly("memory_bytes", get([](const Kll<T>& v) { return v.memory_bytes(); }))
      .def_property_readonly("random_state", get([](const Kll<T>& v) { return v.random_state(); }));
}

}  // namespace

void register_kll(py::module_& m) {
  register_kll_of<float>(m, "KllFloat", "A KLL sketch of float32.");
  register_kll_of<double>(m, "KllDouble", "A KLL sketch of float64.");
  m.def(
      "kll_item_size",
      [](const py::object& data) {
        const Bytes in(data);
        return kll_item_size(in.data(), in.size());
      },
      py::arg("data"), py::pos_only(), "Bytes per item of a serialised KLL sketch, or 0.");
}

}  // namespace inlay::python
