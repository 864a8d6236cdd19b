#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace inlay::detail {

/// Tests whether the rows of a window are drawn independently, from how much the counts of
/// neighbouring windows differ.
///
/// Independent rows make the chi-squared statistic of two neighbouring windows chi-squared
/// distributed; rows that are correlated within a window, as in batches of one user or one moment,
/// make it larger. Windows are taken in pairs, and each pair's quantile p of its statistic is bet
/// on: b p^(b-1) for b = 2 and 16, which has expectation 1 where p is uniform. A change of the
/// stream itself, however large, spoils one pair and multiplies by b at most. Each product is kept
/// within a range, so that a long calm past does not outweigh what comes later, and the test also
/// takes its word back. From the lower end of that range a million pairs pass on average before a
/// calm stream is called correlated.
class DispersionTest {
 public:
  /// Adds the counts of a window, always as many.
  void update(const std::vector<std::uint64_t>& counts);
  bool is_correlated() const noexcept;

  // The state, for serialising.
  struct State {
    // The second begins in doubt: a first pair that differs beyond its 99.9 % quantile is enough,
    // and any calm one dispels it. Strong correlation shows before it is taken for drift.
    double log_bets[2] = {0, 4.84};
    std::vector<std::uint64_t> pending;  // the first window of a pair
  };
  const State& state() const noexcept { return state_; }
  static bool is_valid(const State& state) noexcept;
  void restore(State state) { state_ = std::move(state); }

 private:
  State state_;
};

}  // namespace inlay::detail
