#include <inlay/summary/top_k.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <inlay/error.hpp>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedTopK = Shared<TopK>;

/// Weights as Python has them: None for 1, one integer for all items, or a column.
class Weights {
 public:
  Weights(const py::object& weights, std::size_t items) : sum_(items) {
    if (weights.is_none()) return;
    PyObject* object = weights.ptr();
    const bool alone = PyLong_Check(object) != 0 || PyFloat_Check(object) != 0 ||
                       (PyIndex_Check(object) != 0 && PySequence_Check(object) == 0);
    const ItemInput input(object);
    if (!alone && input.size() != items) {
      detail::fail<InvalidArgument>(
          "weights must be one for each of " + detail::describe(items) + " items; there are",
          input.size());
    }
    each_.reserve(items);
    std::int64_t negative = 0;
    bool whole = true;
    const std::size_t nulls = input.for_each_block([&](const auto* run, std::size_t size) {
      using T = std::remove_cv_t<std::remove_pointer_t<decltype(run)>>;
      if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t>) {
        for (std::size_t i = 0; i < size; ++i) {
          if constexpr (std::is_signed_v<T>) negative = std::min(negative, run[i]);
          each_.push_back(static_cast<std::uint64_t>(run[i]));  // reserved
        }
      } else {
        whole = false;
      }
    });
    if (!whole) throw py::type_error("weights must be integers");
    if (nulls != 0) detail::fail<InvalidArgument>("weights must not be null; nulls", nulls);
    if (negative < 0) detail::fail<InvalidArgument>("weights must not be negative", negative);
    if (alone) each_.assign(items, each_.at(0));
    sum_ = 0;
    for (const std::uint64_t weight : each_) {
      if (weight > TopK::kMaxTotal - sum_) refuse(weight);
      sum_ += weight;
    }
  }

  std::uint64_t sum() const { return sum_; }
  bool are_given() const { return !each_.empty(); }
  const std::uint64_t* from(std::size_t at) const { return each_.data() + at; }

  [[noreturn]] static void refuse(std::uint64_t weight) {
    detail::fail<InvalidArgument>("counts must stay below 2^63; weight", weight);
  }

 private:
  std::vector<std::uint64_t> each_;
  std::uint64_t sum_;
};

void update_top_k(SharedTopK& top_k, const py::handle& values, const py::object& weights) {
  const ItemInput input(values.ptr());
  const Weights given(weights, input.size());
  bool fits = true;
  bool complete = true;
  top_k.with_column(input, [&](TopK& t) {
    const std::uint64_t most =
        std::max({t.total(), t.null_count(), t.nan_count(), t.pos_inf_count(), t.neg_inf_count()});
    fits = given.sum() <= TopK::kMaxTotal - most;
    if (!fits) return;
    if (!given.are_given()) {
      t.add_nulls(input.for_each_block([&](const auto* items, std::size_t size) {
        complete = complete && t.update(items, size) == size;
      }));
      return;
    }
    std::uint64_t not_null = 0;
    input.for_each_placed_block([&](const auto* items, std::size_t size, std::size_t at) {
      for (std::size_t i = 0; i < size; ++i) not_null += given.from(at)[i];
      complete = complete && t.update(items, size, given.from(at)) == size;
    });
    t.add_nulls(given.sum() - not_null);
  });
  if (!fits) Weights::refuse(given.sum());
  if (!complete) throw std::bad_alloc();
}

void merge_top_k(SharedTopK& top_k, SharedTopK& other) {
  const TopK added = other.copy();  // never two locks at once
  if (!top_k.with([&](TopK& t) { return t.merge(added); })) throw std::bad_alloc();
}

py::object python_item(const TopK::Entry& entry) {
  switch (entry.kind) {
    case TopK::Kind::kInt:
      return py::int_(static_cast<std::int64_t>(entry.bits));
    case TopK::Kind::kUint:
      return py::int_(entry.bits);
    case TopK::Kind::kReal:
      return py::float_(std::bit_cast<double>(entry.bits));
    case TopK::Kind::kBool:
      return py::bool_(entry.bits != 0);
    case TopK::Kind::kText:
      break;
  }
  const auto size = static_cast<Py_ssize_t>(entry.text.size());
  if (PyObject* text = PyUnicode_DecodeUTF8(entry.text.data(), size, nullptr)) {
    return py::reinterpret_steal<py::object>(text);
  }
  if (PyErr_ExceptionMatches(PyExc_UnicodeDecodeError) == 0) throw py::error_already_set();
  PyErr_Clear();
  return py::bytes(entry.text);
}

py::list python_entries(const std::vector<TopK::Entry>& entries) {
  py::list out;
  for (const TopK::Entry& entry : entries) {
    out.append(py::make_tuple(python_item(entry), entry.estimate, entry.low, entry.high));
  }
  return out;
}

py::tuple bounds_of(SharedTopK& top_k, const py::handle& item) {
  const ItemInput input(item.ptr());
  std::optional<TopK::Bounds> bounds;
  if (input.size() == 1) {
    input.for_each_block([&](const auto* items, std::size_t) {
      bounds = top_k.with([&](const TopK& t) { return t.bounds(TopK::Item(*items)); });
    });
  }
  if (!bounds) throw py::type_error("expected one item, not " + py::repr(item).cast<std::string>());
  return py::make_tuple(bounds->estimate, bounds->low, bounds->high);
}

}  // namespace

void register_top_k(py::module_& m) {
  const auto get = [](auto read) { return [read](SharedTopK& self) { return self.with(read); }; };
  py::class_<SharedTopK>(m, "TopK", "Frequent items, with bounds of their weights.")
      .def(py::init(
               [](std::uint32_t capacity) { return std::make_unique<SharedTopK>(TopK(capacity)); }),
           py::kw_only(), py::arg("capacity") = TopK::kDefaultCapacity)
      .def_static("from_bytes", &from_bytes<TopK>, py::arg("data"), py::pos_only())
      .def("update", &update_top_k, py::arg("values"), py::pos_only(),
           py::arg("weights") = py::none())
      .def("merge", &merge_top_k, py::arg("other"), py::pos_only())
      .def("reset", get([](TopK& t) { t.reset(); }))
      .def("copy", [](SharedTopK& self) { return std::make_unique<SharedTopK>(self.copy()); })
      .def("to_bytes", &to_bytes<TopK>)
      .def(
          "equals",
          [](SharedTopK& self, SharedTopK& other) {
            const TopK right = other.copy();
            return self.with([&](const TopK& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def(
          "top",
          [](SharedTopK& self, std::size_t n) {
            return python_entries(self.with([n](const TopK& t) { return t.top(n); }));
          },
          py::arg("n"), py::pos_only())
      .def(
          "heavy_hitters",
          [](SharedTopK& self, std::uint64_t threshold, bool complete) -> std::optional<py::list> {
            const auto rule =
                complete ? TopK::Rule::kNoFalseNegatives : TopK::Rule::kNoFalsePositives;
            const auto entries =
                self.with([&](const TopK& t) { return t.heavy_hitters(threshold, rule); });
            if (!entries) return std::nullopt;
            return python_entries(*entries);
          },
          py::arg("threshold"), py::arg("complete"), py::pos_only())
      .def("bounds", &bounds_of, py::arg("item"), py::pos_only())
      .def_property_readonly("capacity", get([](const TopK& t) { return t.capacity(); }))
      .def_property_readonly("size", get([](const TopK& t) { return t.size(); }))
      .def_property_readonly("total", get([](const TopK& t) { return t.total(); }))
      .def_property_readonly("null_count", get([](const TopK& t) { return t.null_count(); }))
      .def_property_readonly("nan_count", get([](const TopK& t) { return t.nan_count(); }))
      .def_property_readonly("pos_inf_count", get([](const TopK& t) { return t.pos_inf_count(); }))
      .def_property_readonly("neg_inf_count", get([](const TopK& t) { return t.neg_inf_count(); }))
      .def_property_readonly("max_error", get([](const TopK& t) { return t.max_error(); }))
      .def_property_readonly("memory_bytes", get([](const TopK& t) { return t.memory_bytes(); }));
}

}  // namespace inlay::python
