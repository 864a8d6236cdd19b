#include <inlay/summary/hll.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedHll = Shared<Hll>;

// The kinds of item that come one by one most often; false if it is none of them. Python's own
// types alone, whose conversion runs no code.
bool update_one(SharedHll& sketch, PyObject* item) {
  bool complete = true;
  if (PyUnicode_CheckExact(item) != 0) {
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(item, &length);
    if (text == nullptr) throw py::error_already_set();
    const std::string_view view(text, static_cast<std::size_t>(length));
    complete = sketch.with([view](Hll& h) { return h.update(view); });
  } else if (PyLong_CheckExact(item) != 0) {
    int overflow = 0;
    const std::int64_t whole = PyLong_AsLongLongAndOverflow(item, &overflow);
    if (overflow != 0) return false;  // perhaps unsigned
    complete = sketch.with([whole](Hll& h) { return h.update(whole); });
  } else if (PyFloat_CheckExact(item) != 0) {
    const double real = PyFloat_AS_DOUBLE(item);
    complete = sketch.with([real](Hll& h) { return h.update(real); });
  } else {
    return false;
  }
  if (!complete) throw std::bad_alloc();
  return true;
}

void update_hll(SharedHll& sketch, const py::handle& values) {
  if (update_one(sketch, values.ptr())) return;
  const ItemInput input(values.ptr());
  const bool complete = sketch.with_column(input, [&input](Hll& h) {
    bool all = true;
    const auto passed = input.for_each_distinct_block(
        [&](const auto* items, std::size_t size) { all = h.update(items, size) == size && all; });
    h.add_nulls(passed.nulls);
    h.add_repeats(passed.repeats);
    return all;
  });
  if (!complete) throw std::bad_alloc();
}

void merge_hll(SharedHll& sketch, SharedHll& other) {
  const Hll added = other.copy();  // never two locks at once
  if (!sketch.with([&](Hll& h) { return h.merge(added); })) throw std::bad_alloc();
}

using Counts = std::optional<std::vector<std::uint64_t>>;

std::unique_ptr<SharedHll> hll_from_bytes(const py::object& bytes, const Counts& counts) {
  const Bytes in(bytes);
  if (!counts.has_value()) {
    return std::make_unique<SharedHll>(Hll::from_bytes(in.data(), in.size()));
  }
  if (counts->size() != 5) throw py::value_error("expected five counts");
  const auto& c = *counts;
  return std::make_unique<SharedHll>(
      Hll::from_bytes(in.data(), in.size(), {c[0], c[1], c[2], c[3], c[4]}));
}

// Items, nulls, NaN, +inf, -inf; none where a part came without.
Counts counts_of(SharedHll& sketch) {
  return sketch.with([](const Hll& h) -> Counts {
    if (!h.counts_complete()) return std::nullopt;
    const Hll::Counts& c = h.counts();
    return std::vector<std::uint64_t>{c.items, c.nulls, c.nans, c.pos_infs, c.neg_infs};
  });
}

template <class Read>
auto reader(Read read) {
  return [read](SharedHll& self) { return self.with(read); };
}

}  // namespace

void register_hll(py::module_& m) {
  py::class_<SharedHll>(m, "Hll", "A HyperLogLog sketch of distinct items.")
      .def(py::init([](int lg_k) { return std::make_unique<SharedHll>(Hll(lg_k)); }), py::kw_only(),
           py::arg("lg_k") = Hll::kDefaultLgK)
      .def_static("from_bytes", &hll_from_bytes, py::arg("data"), py::arg("counts") = py::none(),
                  py::pos_only())
      .def("update", &update_hll, py::arg("values"), py::pos_only())
      .def("merge", &merge_hll, py::arg("other"), py::pos_only())
      .def("reset", reader([](Hll& h) { h.reset(); }))
      .def("copy", [](SharedHll& self) { return std::make_unique<SharedHll>(self.copy()); })
      .def("to_bytes", &to_bytes<Hll>)
      .def(
          "equals",
          [](SharedHll& self, SharedHll& other) {
            const Hll right = other.copy();
            return self.with([&](const Hll& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def(
          "fold_to",
          [](SharedHll& self, int lg_k) { self.with([lg_k](Hll& h) { h.fold_to(lg_k); }); },
          py::arg("lg_k"), py::pos_only())
      .def(
          "bounds",
          [](SharedHll& self, int deviations) {
            const auto [low, high] = self.with([deviations](const Hll& h) {
              return std::pair(h.lower_bound(deviations), h.upper_bound(deviations));
            });
            return py::make_tuple(low, high);
          },
          py::arg("deviations"), py::pos_only())
      .def_property_readonly("estimate", reader([](const Hll& h) { return h.estimate(); }))
      .def_property_readonly("counts", &counts_of)
      .def_property_readonly("lg_k", reader([](const Hll& h) { return h.lg_k(); }))
      .def_property_readonly("is_sparse", reader([](const Hll& h) { return h.is_sparse(); }))
      .def_property_readonly("relative_error",
                             reader([](const Hll& h) { return h.relative_error(); }))
      .def_property_readonly("memory_bytes", reader([](const Hll& h) { return h.memory_bytes(); }));
}

}  // namespace inlay::python
