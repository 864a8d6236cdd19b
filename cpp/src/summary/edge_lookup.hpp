#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inlay::detail {

// How a value finds its cell, that is the number of edges below it.
//
// A table maps the whole line onto at most kMaxTableCells cells by arithmetic that never decreases
// in the value, rounding included, so that all values of a lower cell are below all of a higher
// one. Once no two edges share a cell, comparing with the cell's own edge decides. Two maps are
// tried, and the one that needs fewer cells is kept: equal steps between the first and the last
// edge, and steps of the binary exponent with some bits of the significand, alike on both sides of
// a middle cell that holds everything smaller than the smallest edge. Edges spread so that neither
// fits are found by binary search.
//
// A float is above a double edge exactly if it is above the largest float that is not above that
// edge, so floats have edges of their own. Several may coincide there.

inline constexpr std::size_t kMaxTableCells = 2048;

/// What is known about the values of a table's cell: at most `edge`, they have `below` edges below
/// them, else `above`. Both are packed into one word, since a shift picks one without a branch.
template <class T>
struct TableCell {
  T edge;
  std::uint32_t below_and_above;  // the low and the high 16 bits
};

template <class T>
struct EdgeTable {
  std::vector<TableCell<T>> cells;  // empty: no map keeps the edges apart
  bool linear = true;
  // Equal steps.
  T origin = 0;
  T per_unit = 0;
  // Steps of the leading bits of the magnitude.
  int shift = 0;
  std::int32_t middle = 0;  // the leading bits that are counted as zero
  std::int32_t lowest = 0;  // the signed step of cell 0
  std::int32_t last = 0;    // number of the last cell
};

/// All that follows from the edges; shared by copies and never changed.
struct EdgeLookup {
  explicit EdgeLookup(std::vector<double> finite_increasing_edges);

  std::vector<double> edges;
  std::vector<float> edges_f32;  // the largest float not above each
  EdgeTable<double> table_f64;
  EdgeTable<float> table_f32;

  const std::vector<double>& edges_for(const double*) const noexcept { return edges; }
  const std::vector<float>& edges_for(const float*) const noexcept { return edges_f32; }
  const EdgeTable<double>& table_for(const double*) const noexcept { return table_f64; }
  const EdgeTable<float>& table_for(const float*) const noexcept { return table_f32; }
};

/// The largest float that is not above a finite value; negative infinity if there is none.
float float_not_above(double value) noexcept;

}  // namespace inlay::detail
