#include "drift/dispersion_test.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "drift/tail_probability.hpp"

namespace inlay::detail {
namespace {

constexpr double kExponents[2] = {2, 16};
constexpr double kAlarm = 7.6;   // log 2000: level 0.001, shared by the two bets
constexpr double kLeast = -6.9;  // log 0.001
constexpr double kMost = 9.2;    // log 10000
// Cells in which both windows together have fewer rows are added up: chi-squared is no good there.
constexpr std::uint64_t kFewRows = 10;

}  // namespace

void DispersionTest::update(const std::vector<std::uint64_t>& counts) {
  if (state_.pending.empty()) {
    state_.pending = counts;
    return;
  }
  const std::vector<std::uint64_t> first = std::move(state_.pending);
  state_.pending.clear();
  double n = 0;
  double m = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    n += static_cast<double>(first[i]);
    m += static_cast<double>(counts[i]);
  }
  double chi2 = 0;
  int cells = 0;
  std::uint64_t rest_first = 0;
  std::uint64_t rest = 0;
  const auto add = [&](std::uint64_t a, std::uint64_t b) {
    const double difference = static_cast<double>(a) / n - static_cast<double>(b) / m;
    chi2 += difference * difference / (static_cast<double>(a) + static_cast<double>(b)) * n * m;
    ++cells;
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (first[i] + counts[i] >= kFewRows) {
      add(first[i], counts[i]);
    } else {
      rest_first += first[i];
      rest += counts[i];
    }
  }
  if (rest_first + rest >= kFewRows) add(rest_first, rest);
  if (cells < 2) return;
  const double quantile = 1 - chi2_tail(chi2, cells - 1);
  for (std::size_t j = 0; j < 2; ++j) {
    double& log_bet = state_.log_bets[j];
    const double gain = quantile > 0
                            ? std::log(kExponents[j]) + (kExponents[j] - 1) * std::log(quantile)
                            : kLeast - kMost;
    log_bet = std::clamp(log_bet + gain, kLeast, kMost);
  }
}

bool DispersionTest::is_correlated() const noexcept {
  return std::max(state_.log_bets[0], state_.log_bets[1]) >= kAlarm;
}

bool DispersionTest::is_valid(const State& state) noexcept {
  return std::all_of(std::begin(state.log_bets), std::end(state.log_bets),
                     [](double bet) { return bet >= kLeast && bet <= kMost; });
}

}  // namespace inlay::detail
