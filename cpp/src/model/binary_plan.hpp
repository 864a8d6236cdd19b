#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/model/binary_states.hpp>
#include <vector>

namespace inlay::detail {

/// What follows from settings: the range of scores is cut at the thresholds and, with scores, at
/// the edges of the reliability table, and rows are counted by the cell between two cuts.
class BinaryPlan {
 public:
  /// @throws InvalidArgument as BinaryStates says.
  explicit BinaryPlan(BinarySettings settings);

  const BinarySettings settings;

  std::size_t num_cells() const noexcept { return cuts.size() + 1; }
  bool same_as(const BinaryPlan& other) const noexcept;

  /// Cells of up to kGrid equal parts of 0 to 1 begin where a score's cell is looked for.
  static constexpr std::size_t kGrid = 1024;
  /// Cuts for one type of scores.
  template <class T>
  struct Search {
    std::vector<T> cuts;              ///< the lowest number not below each, and infinity
    std::vector<std::uint8_t> begin;  ///< of each part of the grid: the cell of its lowest score
    int steps = 0;                    ///< cuts in one part of the grid, at most
  };

  std::vector<double> cuts;  ///< rising
  Search<float> search_f32;
  Search<double> search_f64;
  std::vector<std::size_t> first;  ///< of a threshold: the first cell predicted positive
  std::vector<std::size_t> bin;    ///< of a cell: its row of the reliability table
};

}  // namespace inlay::detail
