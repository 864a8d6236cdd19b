#include <algorithm>
#include <cmath>
#include <cstdint>
#include <inlay/detect/p_values.hpp>
#include <inlay/detect/two_sample.hpp>
#include <vector>

#include "summary/block_sort.hpp"

namespace inlay {
namespace {

double value_of(std::uint64_t key) noexcept { return detail::from_ordered_bits<double>(key); }

// What one walk over the distinct values of both samples adds up, of the difference n m (F - G).
struct Sums {
  std::int64_t ks = 0;  // the largest one
  std::uint64_t ks_key = 0;
  double squares = 0.0;      // its squares before and after each value, over all one by one
  double anderson = 0.0;     // Scholz and Stephens' eq. 7 but for its factors
  double area = 0.0;         // its area
  double square_area = 0.0;  // the area of its square
  bool has_ties = false;
};

// Both have values, and kEnd behind them.
Sums walk(const std::uint64_t* x, std::int64_t n, const std::uint64_t* y, std::int64_t m) noexcept {
  Sums sums;
  const auto total = static_cast<double>(n + m);
  std::int64_t difference = 0;
  double before = 0.0;  // the same
  double below = 0.0;   // values of either sample
  std::uint64_t key = std::min(*x, *y);
  double value = value_of(key);
  while (key != SortedSample::kEnd) {
    // Without a branch where there are no ties, which continuous data seldom have.
    const std::int64_t in_x = *x == key ? 1 : 0;
    const std::int64_t in_y = *y == key ? 1 : 0;
    x += in_x;
    y += in_y;
    std::uint64_t next = std::min(*x, *y);
    double ties = 1.0;
    if (in_x + in_y == 2 || next == key) {
      const std::uint64_t* const tie_x = x - in_x;
      const std::uint64_t* const tie_y = y - in_y;
      while (*x == key) ++x;
      while (*y == key) ++y;
      next = std::min(*x, *y);
      const std::int64_t a = x - tie_x;
      const std::int64_t b = y - tie_y;
      sums.has_ties = true;
      difference += a * m - b * n;
      ties = static_cast<double>(a + b);
    } else {
      difference += in_x != 0 ? m : -n;
    }
    const std::int64_t magnitude = difference < 0 ? -difference : difference;
    if (magnitude > sums.ks) {
      sums.ks = magnitude;
      sums.ks_key = key;
    }
    // By midranks: the difference halfway between those below and up to the value.
    const auto after = static_cast<double>(difference);
    const double halfway = (before + after) / 2;
    const double rank = below + ties / 2;
    sums.anderson += ties * halfway * halfway / (rank * (total - rank) - total * ties / 4);
    below += ties;
    const double square = after * after;
    sums.squares += ties * (before * before + square);
    before = after;
    if (next == SortedSample::kEnd) break;
    const double next_value = value_of(next);
    const double gap = next_value - value;
    sums.area += std::fabs(after) * gap;
    sums.square_area += square * gap;
    key = next;
    value = next_value;
  }
  return sums;
}

// T of Anderson (1962). Nothing is taken from anything of its size, so that no digits are lost.
double cramer_von_mises(const TwoSampleSums& sums) noexcept {
  const auto n = static_cast<double>(sums.n);
  const auto m = static_cast<double>(sums.m);
  return sums.squares / 2 / (n + m) / (n * m * (n + m));
}

// How many values of either sample are equal to each distinct one, in order.
template <class F>
void for_each_tie(const std::uint64_t* x, const std::uint64_t* y, F&& f) {
  for (std::uint64_t key = std::min(*x, *y); key != SortedSample::kEnd; key = std::min(*x, *y)) {
    std::uint64_t ties = 0;
    for (; *x == key; ++x) ++ties;
    for (; *y == key; ++y) ++ties;
    f(ties);
  }
}

void anderson_darling(const TwoSampleSums& sums, TwoSample& out) {
  if (sums.n + sums.m < 4) {
    out.anderson = Undefined::kTooFew;
    return;
  }
  if (sums.low == sums.high) {
    out.anderson = Undefined::kConstant;
    return;
  }
  const auto total = static_cast<double>(sums.n + sums.m);
  const double both = 1.0 / static_cast<double>(sums.n) + 1.0 / static_cast<double>(sums.m);
  const double statistic = sums.anderson * both * (total - 1.0) / (total * total);
  const double spread = sums.has_ties ? sums.ties.anderson_darling_spread() : 1.0;
  out.anderson = Undefined::kDefined;
  out.anderson_darling = (statistic - 1.0) / std::sqrt(anderson_darling_variance(sums.n, sums.m));
  out.anderson_darling_p_value = anderson_darling_p_value(out.anderson_darling / std::sqrt(spread));
}

}  // namespace

TwoSample two_sample_of(const TwoSampleSums& sums) {
  TwoSample out;
  out.n = sums.n;
  out.m = sums.m;
  if (out.n == 0 || out.m == 0) return out;
  const double product = static_cast<double>(out.n) * static_cast<double>(out.m);
  out.ranks = Undefined::kDefined;
  out.ks = static_cast<double>(sums.ks) / product;
  out.ks_location = sums.ks_location;
  out.ks_p_value = kolmogorov_p_value(out.ks, out.n, out.m);
  out.cramer_von_mises = cramer_von_mises(sums);
  if (!sums.has_ties) {
    out.cramer_von_mises_p_value = cramer_von_mises_p_value(out.cramer_von_mises, out.n, out.m);
  } else if (cramer_von_mises_is_exact(out.n, out.m)) {
    out.cramer_von_mises_p_value =
        tied_cramer_von_mises_p_value(out.cramer_von_mises, out.n, sums.runs);
  } else {
    out.cramer_von_mises_p_value =
        sums.ties.cramer_von_mises_p_value(out.cramer_von_mises, out.n, out.m);
  }
  anderson_darling(sums, out);
  if (std::isinf(sums.low) || std::isinf(sums.high)) {
    out.distances = Undefined::kInfinite;
    return out;
  }
  const double wasserstein = sums.area / product;
  const double energy = std::sqrt(2.0 * (sums.square_area / product / product));
  if (!std::isfinite(wasserstein) || !std::isfinite(energy)) {
    out.distances = Undefined::kOverflow;
    return out;
  }
  out.distances = Undefined::kDefined;
  out.wasserstein = wasserstein;
  out.energy = energy;
  return out;
}

TwoSample two_sample(const SortedSample& x, const SortedSample& y) {
  TwoSampleSums all;
  all.n = x.size();
  all.m = y.size();
  if (all.n == 0 || all.m == 0) return two_sample_of(all);
  const Sums sums =
      walk(x.keys(), static_cast<std::int64_t>(all.n), y.keys(), static_cast<std::int64_t>(all.m));
  all.ks = sums.ks;
  all.ks_location = sums.ks != 0 ? value_of(sums.ks_key) : x.value(0);
  all.squares = sums.squares;
  all.anderson = sums.anderson;
  all.area = sums.area;
  all.square_area = sums.square_area;
  all.low = std::min(x.value(0), y.value(0));
  all.high = std::max(x.value(x.size() - 1), y.value(y.size() - 1));
  all.has_ties = sums.has_ties;
  if (sums.has_ties) {
    const bool exact = cramer_von_mises_is_exact(all.n, all.m);
    all.ties = TieMoments(all.n + all.m);
    for_each_tie(x.keys(), y.keys(), [&](std::uint64_t count) {
      all.ties.add(count);
      if (exact) all.runs.push_back(count);
    });
  }
  return two_sample_of(all);
}

double quantile_distance(const SortedSample& x, const SortedSample& y, int p) noexcept {
  if (x.size() == 0 || y.size() == 0 || x.has_infinity() || y.has_infinity()) {
    return TwoSample::kNone;
  }
  const auto n = static_cast<std::int64_t>(x.size());
  const auto m = static_cast<std::int64_t>(y.size());
  std::size_t i = 0;
  std::size_t j = 0;
  std::int64_t at = 0;  // n m times the probability reached
  double sum = 0.0;
  while (i < x.size() && j < y.size()) {
    const std::int64_t end_x = static_cast<std::int64_t>(i + 1) * m;
    const std::int64_t end_y = static_cast<std::int64_t>(j + 1) * n;
    const std::int64_t end = std::min(end_x, end_y);
    const double distance = std::fabs(x.value(i) - y.value(j));
    sum += static_cast<double>(end - at) * (p == 1 ? distance : distance * distance);
    at = end;
    i += end == end_x ? 1U : 0U;
    j += end == end_y ? 1U : 0U;
  }
  return sum / (static_cast<double>(n) * static_cast<double>(m));
}

}  // namespace inlay
