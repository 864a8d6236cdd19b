#pragma once

#include <cstddef>
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

  std::vector<double> cuts;        ///< rising
  std::vector<float> cuts_f32;     ///< the lowest float that is not below the cut
  std::vector<std::size_t> first;  ///< of a threshold: the first cell predicted positive
  std::vector<std::size_t> bin;    ///< of a cell: its row of the reliability table
};

}  // namespace inlay::detail
