#include <inlay/error.hpp>
#include <inlay/summary/categories.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"
#include "weights.hpp"

namespace inlay::python {
namespace {

using SharedCategories = Shared<Categories>;

void update_categories(SharedCategories& categories, const py::handle& values,
                       const py::object& weights) {
  const ItemInput input(values.ptr());
  std::optional<Weights> given;
  if (!weights.is_none()) given.emplace(weights.ptr(), input.size());
  const std::int64_t* each = given ? given->data() : nullptr;
  const std::uint64_t total = given ? given->total() : input.size();
  bool fits = true;
  categories.with_column(input, [&](Categories& c) {
    fits = total <= c.room();
    if (!fits) return;  // else no update throws
    const std::uint64_t nulls = input.for_each_counted_block(
        each, [&c](const auto* items, std::size_t size, const std::int64_t* counts) {
          if (counts == nullptr) {
            c.update(items, size);
          } else {
            c.update(items, counts, size);
          }
        });
    c.add_nulls(nulls);
  });
  if (!fits) detail::fail<InvalidArgument>("counts must add up to less than 2^63; added", total);
}

std::unique_ptr<SharedCategories> of_sample(const py::handle& values, std::size_t most) {
  const ItemInput input(values.ptr());
  NameTally tally;
  bool complete = true;
  const auto read = [&] {
    const std::uint64_t nulls = input.for_each_counted_block(
        nullptr, [&](const auto* items, std::size_t size, const std::int64_t* counts) {
          try {
            if (complete) tally.update(items, counts, size);
          } catch (const std::bad_alloc&) {
            complete = false;
          }
        });
    if (!complete) throw std::bad_alloc();
    tally.add_nulls(nulls);
    return std::make_unique<SharedCategories>(tally.most_frequent(most));
  };
  if (!input.is_long()) return read();
  // Safe: the input holds the memory, the tally is ours, no Python object is touched.
  const py::gil_scoped_release release;
  return read();
}

template <class Read>
auto reader(Read read) {
  return [read](SharedCategories& self) { return self.with(read); };
}

}  // namespace

void register_categories(py::module_& m) {
  py::class_<SharedCategories>(m, "Categories", "Counts of the names of a fixed list.")
      .def(py::init([](std::vector<std::string> names) {
             return std::make_unique<SharedCategories>(Categories(std::move(names)));
           }),
           py::arg("names"), py::pos_only())
      .def_static("of", &of_sample, py::arg("values"), py::pos_only(), py::kw_only(),
                  py::arg("most"))
      .def_static("from_bytes", &from_bytes<Categories>, py::arg("data"), py::pos_only())
      .def_static(
          "from_fields",
          [](std::vector<std::string> names, std::vector<std::uint64_t> counts, std::uint64_t other,
             std::uint64_t null_count, std::uint64_t nan_count) {
            Categories::Fields fields;
            fields.names = std::move(names);
            fields.counts = std::move(counts);
            fields.other = other;
            fields.null_count = null_count;
            fields.nan_count = nan_count;
            return std::make_unique<SharedCategories>(Categories::from_fields(std::move(fields)));
          },
          py::kw_only(), py::arg("names"), py::arg("counts"), py::arg("other"),
          py::arg("null_count"), py::arg("nan_count"))
      .def("update", &update_categories, py::arg("values"), py::pos_only(), py::kw_only(),
           py::arg("weights") = py::none())
      .def(
          "merge",
          [](SharedCategories& self, SharedCategories& other) {
            const Categories added = other.copy();  // never two locks at once
            self.with([&](Categories& c) { c.merge(added); });
          },
          py::arg("other"), py::pos_only())
      .def("reset", reader([](Categories& v) { v.reset(); }))
      .def("copy",
           [](SharedCategories& self) { return std::make_unique<SharedCategories>(self.copy()); })
      .def("to_bytes", &to_bytes<Categories>)
      .def(
          "equals",
          [](SharedCategories& self, SharedCategories& other) {
            const Categories right = other.copy();
            return self.with([&](const Categories& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def_property_readonly("names", [](SharedCategories& self) { return self.copy().names(); })
      .def_property_readonly("counts", [](SharedCategories& self) { return self.copy().counts(); })
      .def_property_readonly("other", reader([](const Categories& v) { return v.other(); }))
      .def_property_readonly("count", reader([](const Categories& v) { return v.count(); }))
      .def_property_readonly("null_count",
                             reader([](const Categories& v) { return v.null_count(); }))
      .def_property_readonly("nan_count", reader([](const Categories& v) { return v.nan_count(); }))
      .def_property_readonly("missing", reader([](const Categories& v) { return v.missing(); }))
      .def_property_readonly("memory_bytes",
                             reader([](const Categories& v) { return v.memory_bytes(); }));
}

}  // namespace inlay::python
