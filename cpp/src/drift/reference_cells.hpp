#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inlay::detail {

/// A reference's counts, and the few groups of cells that the e-process watches.
///
/// Its state holds about 50 rows of counts, so cells are joined into at most kMaxGroups; what is
/// lost is power against changes inside a group. Ordered cells are joined with their neighbours,
/// but for the outer two where these are bounded: they hold what lies beyond all of the reference.
/// Names that the reference saw fewer than kRare times are joined with what is in no list, and so
/// are those of a list that was cut where they stand about as high as what was cut off: that a name
/// is listed because it was frequent makes its share too large, and this keeps the bias out. The
/// others are dealt out so that groups are about equally large. Plain values.
struct ReferenceCells {
  static constexpr std::size_t kMaxGroups = 16;
  static constexpr std::uint64_t kRare = 5;

  /// What the cells are.
  enum class Kind : std::uint8_t {
    kNames,    ///< unordered, the last one of names in no list
    kOrdered,  ///< between edges that are values of the reference
    kBounded,  ///< the same, the first edge just below the least value and the last at the largest
  };

  /// @throws InvalidArgument if there is no cell, fewer than 3 are bounded, or the counts exceed
  /// 2^52.
  ReferenceCells(std::vector<std::uint64_t> cell_counts, bool exact, Kind kind_of_cells);

  /// Adds up the cells of each group.
  std::vector<std::uint64_t> grouped(const std::uint64_t* cell_counts) const;

  /// Parameters of the shares of the groups: the spacings of the reference's order statistics where
  /// the cells are ordered, else counts with Jeffreys' half a row each.
  std::vector<double> alpha() const;

  /// Whether the outer groups are those beyond all that the reference has.
  bool has_rare_ends() const { return kind == Kind::kBounded && group_counts.size() > 2; }

  bool is_ordered() const { return kind != Kind::kNames; }

  std::vector<std::uint64_t> counts;
  std::vector<std::uint16_t> group;  // of each cell
  std::vector<std::uint64_t> group_counts;
  std::uint64_t rows = 0;
  bool is_exact = true;  // counts are of rows and edges are among their values
  Kind kind = Kind::kOrdered;
};

}  // namespace inlay::detail
