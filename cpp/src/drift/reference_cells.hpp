#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inlay::detail {

/// A reference's counts, and the few groups of cells that the e-process watches.
///
/// Its state holds about 50 rows of counts, so cells are joined into at most kMaxGroups; what is
/// lost is power against changes inside a group. Ordered cells are joined with their neighbours.
/// Names that the reference saw fewer than kRare times are joined with what is in no list, and so
/// are those of a list that was cut where they stand about as high as what was cut off: that a name
/// is listed because it was frequent makes its share too large, and this keeps the bias out. The
/// others are dealt out so that groups are about equally large. Plain values.
struct ReferenceCells {
  static constexpr std::size_t kMaxGroups = 16;
  static constexpr std::uint64_t kRare = 5;

  /// The last cell of unordered ones is that of names in no list.
  /// @throws InvalidArgument if there is no cell or the counts exceed 2^52.
  ReferenceCells(std::vector<std::uint64_t> cell_counts, bool exact, bool ordered);

  /// Adds up the cells of each group.
  std::vector<std::uint64_t> grouped(const std::uint64_t* cell_counts) const;

  /// Parameters of the shares of the groups: the spacings of the reference's order statistics where
  /// the cells are ordered, else counts with Jeffreys' half a row each.
  std::vector<double> alpha() const;

  std::vector<std::uint64_t> counts;
  std::vector<std::uint16_t> group;  // of each cell
  std::vector<std::uint64_t> group_counts;
  std::uint64_t rows = 0;
  bool is_exact = true;  // counts are of rows and edges are among their values
  bool is_ordered = true;
};

}  // namespace inlay::detail
