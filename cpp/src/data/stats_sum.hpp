#pragma once

#include <inlay/data/check_plan.hpp>

#include "data/block.hpp"

namespace inlay::detail {

/// What scan_block() found: `real` of floats, `whole` of integers, the rest of wide ones.
struct BlockScan {
  RealScan real;
  WholeScan whole;
  Wide256 min;
  Wide256 max;
  Wide256 sum;
  bool overflowed = false;

  bool all_finite() const noexcept {
    return real.nans == 0 && real.pos_infs == 0 && real.neg_infs == 0;
  }
};

/// Finds extremes, sum and what is not finite among the rows that are there. Whole numbers are
/// flipped.
void scan_block(const Block& block, std::uint64_t flip, BlockScan& out) noexcept;

/// Adds a number to a sum of two parts, exactly but for what the lower part rounds off (Neumaier
/// 1974). A sum that leaves the range of doubles stays infinite.
void add_exactly(double value, double& high, double& low) noexcept;

/// Gathers the stats of a leaf from its blocks.
class StatsSum {
 public:
  explicit StatsSum(const LeafType& type) noexcept;

  /// Without a scan the values are no numbers.
  void add(const Block& block, const LeafType& type, const BlockScan* scan) noexcept;
  const CheckStats& stats() const noexcept { return stats_; }

 private:
  CheckStats stats_;
};

}  // namespace inlay::detail
