#include <inlay/error.hpp>
#include <inlay/summary/edge_histogram.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"
#include "weights.hpp"

namespace inlay::python {
namespace {

using SharedEdges = Shared<EdgeHistogram>;

bool is_number(const py::handle& values) {
  return PyFloat_Check(values.ptr()) != 0 || PyLong_Check(values.ptr()) != 0;
}

// The valid values of a column, as doubles.
std::vector<double> doubles_of(const ColumnInput& input, std::size_t& nulls) {
  std::vector<double> out(input.size());
  std::size_t filled = 0;
  const auto read = [&] {
    return input.for_each_span([&](const auto* run, std::size_t size) {
      for (std::size_t i = 0; i < size; ++i) out[filled + i] = static_cast<double>(run[i]);
      filled += size;
    });
  };
  if (input.is_long()) {
    // Safe: the input holds the memory, and no Python object is touched until it is read.
    const py::gil_scoped_release release;
    nulls = read();
  } else {
    nulls = read();
  }
  out.resize(filled);
  return out;
}

std::vector<double> read_edges(const py::handle& edges) {
  std::size_t nulls = 0;
  const ColumnInput input(edges.ptr());
  std::vector<double> out = doubles_of(input, nulls);
  if (nulls != 0) {
    std::size_t valid = 0;  // up to the first null
    const ItemInput items(edges.ptr());
    items.for_each_placed_block([&valid](const auto*, std::size_t size, std::size_t at) {
      if (at == valid) valid += size;
    });
    throw InvalidArgument("edges must be finite; edge " + std::to_string(valid) + ": None");
  }
  if (input.rounded() != 0) warn_of_rounding(input.rounded());
  return out;
}

// What a block of weighted items counts; adds the integers that no double holds.
template <class Item>
void count_block(EdgeHistogram& histogram, const Item* items, std::size_t size,
                 const std::int64_t* weights, std::size_t& rounded) {
  if constexpr (std::is_same_v<Item, double>) {
    histogram.update(items, weights, size);
  } else if constexpr (std::is_arithmetic_v<Item>) {  // text was refused before
    constexpr std::size_t kBlock = 1024;
    double block[kBlock];
    for (std::size_t at = 0; at < size; at += kBlock) {
      const std::size_t length = size - at < kBlock ? size - at : kBlock;
      for (std::size_t i = 0; i < length; ++i) {
        block[i] = static_cast<double>(items[at + i]);
        rounded += static_cast<long double>(block[i]) != static_cast<long double>(items[at + i]);
      }
      histogram.update(block, weights + at, length);
    }
  }
}

void update_weighted(SharedEdges& histogram, const py::handle& values, const py::handle& weights) {
  if (!is_number(values)) {
    const ColumnInput numbers(values.ptr());  // refuses what without weights is refused
  }
  const ItemInput input(values.ptr());
  const Weights counts(weights.ptr(), input.size());
  std::size_t rounded = 0;
  bool fits = true;
  histogram.with_column(input, [&](EdgeHistogram& h) {
    fits = counts.total() <= h.room();
    if (!fits) return;  // else no update throws
    std::uint64_t nulls = counts.total();
    input.for_each_placed_block([&](const auto* items, std::size_t size, std::size_t at) {
      count_block(h, items, size, counts.data() + at, rounded);
      for (std::size_t i = at; i < at + size; ++i) {
        nulls -= static_cast<std::uint64_t>(counts.data()[i]);
      }
    });
    h.add_nulls(nulls);
  });
  if (!fits) {
    detail::fail<InvalidArgument>("counts must add up to less than 2^63; weights", counts.total());
  }
  if (rounded != 0) warn_of_rounding(rounded);
}

void update_edges(SharedEdges& histogram, const py::handle& values, const py::object& weights) {
  if (!weights.is_none()) return update_weighted(histogram, values, weights);
  const std::size_t nulls = histogram.read(
      values, [](EdgeHistogram& h, const auto* run, std::size_t size) { h.update(run, size); },
      [](EdgeHistogram& h, double value) { h.update(value); });
  if (nulls != 0) histogram.with([nulls](EdgeHistogram& h) { h.add_nulls(nulls); });
}

std::unique_ptr<SharedEdges> of_sample(const py::handle& values, std::size_t bins) {
  std::size_t nulls = 0;
  const ColumnInput input(values.ptr());
  const std::vector<double> sample = doubles_of(input, nulls);
  if (input.rounded() != 0) warn_of_rounding(input.rounded());
  std::unique_ptr<SharedEdges> out;
  {
    // Safe: these are our own values, no Python object is touched.
    const py::gil_scoped_release release;
    EdgeHistogram histogram(EdgeHistogram::quantile_edges(sample, bins));
    histogram.update(sample.data(), sample.size());
    histogram.add_nulls(nulls);
    out = std::make_unique<SharedEdges>(std::move(histogram));
  }
  return out;
}

template <class Read>
auto reader(Read read) {
  return [read](SharedEdges& self) { return self.with(read); };
}

}  // namespace

void register_edge_histogram(py::module_& m) {
  py::class_<SharedEdges>(m, "EdgeHistogram", "Counts between fixed edges.")
      .def(py::init([](const py::object& edges) {
             return std::make_unique<SharedEdges>(EdgeHistogram(read_edges(edges)));
           }),
           py::arg("edges"), py::pos_only())
      .def_static("of", &of_sample, py::arg("values"), py::pos_only(), py::kw_only(),
                  py::arg("bins"))
      .def_static("from_bytes", &from_bytes<EdgeHistogram>, py::arg("data"), py::pos_only())
      .def_static(
          "from_fields",
          [](std::vector<double> edges, std::vector<std::uint64_t> counts, std::uint64_t null_count,
             std::uint64_t nan_count, std::uint64_t pos_inf_count, std::uint64_t neg_inf_count) {
            EdgeHistogram::Fields fields;
            fields.edges = std::move(edges);
            fields.counts = std::move(counts);
            fields.null_count = null_count;
            fields.nan_count = nan_count;
            fields.pos_inf_count = pos_inf_count;
            fields.neg_inf_count = neg_inf_count;
            return std::make_unique<SharedEdges>(EdgeHistogram::from_fields(std::move(fields)));
          },
          py::kw_only(), py::arg("edges"), py::arg("counts"), py::arg("null_count"),
          py::arg("nan_count"), py::arg("pos_inf_count"), py::arg("neg_inf_count"))
      .def("update", &update_edges, py::arg("values"), py::pos_only(), py::kw_only(),
           py::arg("weights") = py::none())
      .def(
          "merge",
          [](SharedEdges& self, SharedEdges& other) {
            const EdgeHistogram added = other.copy();  // never two locks at once
            self.with([&](EdgeHistogram& h) { h.merge(added); });
          },
          py::arg("other"), py::pos_only())
      .def("reset", reader([](EdgeHistogram& v) { v.reset(); }))
      .def("copy", [](SharedEdges& self) { return std::make_unique<SharedEdges>(self.copy()); })
      .def("to_bytes", &to_bytes<EdgeHistogram>)
      .def(
          "equals",
          [](SharedEdges& self, SharedEdges& other) {
            const EdgeHistogram right = other.copy();
            return self.with([&](const EdgeHistogram& left) { return left == right; });
          },
          py::arg("other"), py::pos_only())
      .def(
          "cdf_bounds",
          [](SharedEdges& self, double x) -> std::optional<std::pair<double, double>> {
            const auto bounds = self.with([x](const EdgeHistogram& v) { return v.cdf_bounds(x); });
            if (!bounds) return std::nullopt;
            return std::pair(bounds->low, bounds->high);
          },
          py::arg("x"), py::pos_only())
      .def_property_readonly("edges", [](SharedEdges& self) { return self.copy().edges(); })
      .def_property_readonly("counts", [](SharedEdges& self) { return self.copy().counts(); })
      .def_property_readonly("count", reader([](const EdgeHistogram& v) { return v.count(); }))
      .def_property_readonly("null_count",
                             reader([](const EdgeHistogram& v) { return v.null_count(); }))
      .def_property_readonly("nan_count",
                             reader([](const EdgeHistogram& v) { return v.nan_count(); }))
      .def_property_readonly("pos_inf_count",
                             reader([](const EdgeHistogram& v) { return v.pos_inf_count(); }))
      .def_property_readonly("neg_inf_count",
                             reader([](const EdgeHistogram& v) { return v.neg_inf_count(); }))
      .def_property_readonly("memory_bytes",
                             reader([](const EdgeHistogram& v) { return v.memory_bytes(); }));
}

}  // namespace inlay::python
