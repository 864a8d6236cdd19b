#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/data/tally.hpp>
#include <inlay/drift/distances.hpp>
#include <inlay/export.hpp>
#include <optional>
#include <string>
#include <vector>

namespace inlay {

/// The counts of one column of a tally, with infinite values in the outer cells. A plain value.
struct ColumnCells {
  std::string path;
  std::string reference_id;  ///< of the edges or names; empty without cells
  std::vector<double> edges;
  std::vector<std::uint64_t> counts;  ///< of names, the last is that of all others
  std::optional<double> lowest;       ///< from the moments
  std::optional<double> highest;
  bool has_infinity = false;
};

/// What of a tally's columns is compared, in their order.
INLAY_API std::vector<ColumnCells> column_cells(const Tally& tally);

/// The value of a distance alone, without its p-value; NaN where it is not defined.
/// @throws InvalidArgument as cell_distances().
INLAY_API double cell_distance(CellDistance kind, const std::uint64_t* reference,
                               const std::uint64_t* current, std::size_t cells);

/// Distances of one column; nothing where neither cells nor their order give one. A plain value.
struct ColumnDistances {
  std::string path;
  std::vector<double> values;  ///< one of each kind asked for
};

/// Compares the columns that both have with the same cells, in the reference's order. `ordered`
/// values are those at the edges, as ordered_distances() has them.
INLAY_API std::vector<ColumnDistances> column_distances(
    const std::vector<ColumnCells>& reference, const std::vector<ColumnCells>& current,
    const std::vector<CellDistance>& kinds, const std::vector<OrderedDistance>& ordered);

}  // namespace inlay
