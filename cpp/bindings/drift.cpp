#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <inlay/drift/distances.hpp>
#include <inlay/drift/tally_distances.hpp>
#include <inlay/error.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "components.hpp"
#include "shared_summary.hpp"

namespace py = pybind11;

namespace inlay::python {

void register_drift_judge(py::module_& m);  // in drift_judge.cpp

namespace {

using Counts = std::vector<std::uint64_t>;
// value, low, high, p-value and reason of a distance.
using Fields = std::tuple<std::optional<double>, std::optional<double>, std::optional<double>,
                          std::optional<double>, std::optional<std::string>>;
// Those by kind, degrees of freedom, Cramér's V, rows and rows of the reference.
using CellFields =
    std::tuple<std::vector<Fields>, double, std::optional<double>, std::uint64_t, std::uint64_t>;

Fields fields_of(const Distance& distance) {
  if (distance.reason != nullptr) return {{}, {}, {}, {}, distance.reason};
  return {distance.value, distance.low, distance.high, distance.p_value, {}};
}

template <class Distances>
std::vector<Fields> all_fields(const Distances& distances) {
  std::vector<Fields> out;
  for (const Distance& distance : distances.each) out.push_back(fields_of(distance));
  return out;
}

void check_sizes(const Counts& reference, const Counts& current, std::size_t cells) {
  for (const Counts* counts : {&reference, &current}) {
    if (counts->size() != cells) {
      detail::fail<InvalidArgument>(
          "both sides must have the same cells (" + std::to_string(cells) + "); counts",
          counts->size());
    }
  }
}

CellFields cell_fields(const Counts& reference, const Counts& current, bool is_ordered) {
  check_sizes(reference, current, reference.size());
  const CellDistances found =
      cell_distances(reference.data(), current.data(), reference.size(), is_ordered);
  std::optional<double> v;
  if (found.cramers_v == found.cramers_v) v = found.cramers_v;
  return {all_fields(found), found.chi2_dof, v, found.n, found.n_reference};
}

std::vector<double> parts(std::size_t kind, const Counts& reference, const Counts& current) {
  check_sizes(reference, current, reference.size());
  if (kind >= kCellDistances) detail::fail<InvalidArgument>("there is no such distance", kind);
  return cell_parts(static_cast<CellDistance>(kind), reference.data(), current.data(),
                    reference.size());
}

std::vector<Fields> ordered_fields(const std::vector<double>& edges, const Counts& reference,
                                   const Counts& current, std::optional<double> lowest,
                                   std::optional<double> highest, bool has_infinity) {
  check_sizes(reference, current, edges.size() + 1);
  OrderedCells cells;
  cells.edges = edges.data();
  cells.num_edges = edges.size();
  cells.reference = reference.data();
  cells.current = current.data();
  cells.lowest = lowest;
  cells.highest = highest;
  cells.has_infinity = has_infinity;
  return all_fields(ordered_distances(cells));
}

template <class T>
std::vector<Fields> sketch_fields(Shared<Kll<T>>& reference, Shared<Kll<T>>& current) {
  // Copies, since never two locks are held at once.
  return all_fields(sketch_distances(reference.copy(), current.copy()));
}

// Distances of the buckets, and the joined cells: edges and both counts.
std::tuple<std::vector<Fields>, std::vector<double>, Counts, Counts> bucket_fields(
    Shared<ExpHistogram>& reference, Shared<ExpHistogram>& current, std::size_t cells) {
  const CommonCells fine = bucket_cells(reference.copy(), current.copy());
  CommonCells joined = join_cells(fine, cells);
  return {all_fields(ordered_distances(fine.ordered())), std::move(joined.edges),
          std::move(joined.reference), std::move(joined.current)};
}

// For each column that both have: its path, and the distances of the kinds asked for, by number;
// those of ordered values go on from those of cells.
std::vector<std::pair<std::string, std::vector<std::optional<double>>>> tally_fields(
    Shared<Tally>& reference, Shared<Tally>& current, const std::vector<std::size_t>& kinds) {
  std::vector<CellDistance> of_cells;
  std::vector<OrderedDistance> of_order;
  for (const std::size_t kind : kinds) {
    if (kind >= kCellDistances + kOrderedDistances) {
      detail::fail<InvalidArgument>("there is no such distance", kind);
    }
    if (kind < kCellDistances) {
      if (!of_order.empty()) {
        detail::fail<InvalidArgument>("distances of cells come before those of order", kind);
      }
      of_cells.push_back(static_cast<CellDistance>(kind));
    } else {
      of_order.push_back(static_cast<OrderedDistance>(kind - kCellDistances));
    }
  }
  // One after the other, since never two locks are held at once.
  const auto ours = reference.with([](const Tally& tally) { return column_cells(tally); });
  const auto theirs = current.with([](const Tally& tally) { return column_cells(tally); });
  std::vector<std::pair<std::string, std::vector<std::optional<double>>>> out;
  for (ColumnDistances& column : column_distances(ours, theirs, of_cells, of_order)) {
    std::vector<std::optional<double>> values;
    for (const double value : column.values) {
      values.push_back(value == value ? std::optional(value) : std::nullopt);
    }
    out.emplace_back(std::move(column.path), std::move(values));
  }
  return out;
}

}  // namespace

void register_drift(py::module_& m) {
  m.def("cell_distances", &cell_fields, py::arg("reference"), py::arg("current"), py::pos_only(),
        py::kw_only(), py::arg("is_ordered"));
  m.def("cell_parts", &parts, py::arg("kind"), py::arg("reference"), py::arg("current"),
        py::pos_only());
  m.def("ordered_distances", &ordered_fields, py::arg("edges"), py::arg("reference"),
        py::arg("current"), py::pos_only(), py::kw_only(), py::arg("lowest"), py::arg("highest"),
        py::arg("has_infinity"));
  m.def("sketch_distances", &sketch_fields<float>, py::arg("reference"), py::arg("current"),
        py::pos_only());
  m.def("sketch_distances", &sketch_fields<double>, py::arg("reference"), py::arg("current"),
        py::pos_only());
  m.def("bucket_distances", &bucket_fields, py::arg("reference"), py::arg("current"),
        py::pos_only(), py::kw_only(), py::arg("cells"));
  m.def("tally_distances", &tally_fields, py::arg("reference"), py::arg("current"),
        py::arg("kinds"), py::pos_only());
  register_drift_judge(m);
}

}  // namespace inlay::python
