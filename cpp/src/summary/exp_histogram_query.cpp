#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <limits>

#include "summary/bucket_boundary.hpp"
#include "summary/bucket_index.hpp"

namespace inlay {
namespace {

using detail::boundary;

// The point with the same relative distance from both ends of bucket `index`: 2ab/(a+b).
double representative(std::int64_t index, int scale) {
  const double low = boundary(index, scale);
  const double growth = std::exp2(std::ldexp(1.0, -scale));
  const double middle = low * (2 / (1 + 1 / growth));
  if (low == 0 || middle < DBL_MIN) return boundary(index + 1, scale);  // subnormal: a few values
  return std::isfinite(middle) ? middle : DBL_MAX;
}

// As numpy's method "inverted_cdf" has it, rounding of the product included.
std::uint64_t rank_of(double q, std::uint64_t n) {
  const double size = static_cast<double>(n);
  const double rank = std::ceil(q * size);
  if (rank < 1) return 1;
  return rank >= size ? n : static_cast<std::uint64_t>(rank);
}

// Part of a bucket (low, high] at or below x, values spread evenly.
double share(double x, double low, double high) {
  if (!(high > low)) return 1;
  return std::clamp((x - low) / (high - low), 0.0, 1.0);
}

}  // namespace

std::optional<double> ExpHistogram::quantile(double q) const {
  if (!(q >= 0 && q <= 1)) detail::fail<InvalidArgument>("q must lie within 0 to 1", q);
  if (count_ == 0) return std::nullopt;
  std::uint64_t rank = rank_of(q, count_);
  const Buckets minus = negative();
  for (std::uint32_t i = minus.size(); i-- > 0;) {
    if (rank <= minus[i]) {
      return -representative(minus.offset() + static_cast<std::int64_t>(i), scale_);
    }
    rank -= minus[i];
  }
  if (rank <= zero_count_) return 0.0;
  rank -= zero_count_;
  const Buckets plus = positive();
  for (std::uint32_t i = 0; i < plus.size(); ++i) {
    if (rank <= plus[i]) {
      return representative(plus.offset() + static_cast<std::int64_t>(i), scale_);
    }
    rank -= plus[i];
  }
  return std::nullopt;  // not reached: the counts add up to count_
}

ExpHistogram::CountBounds ExpHistogram::count_at_most(double x) const {
  if (std::isnan(x)) detail::fail<InvalidArgument>("x must be a number", x);
  if (x == std::numeric_limits<double>::infinity()) {
    return {count_, static_cast<double>(count_), count_};
  }
  const std::uint64_t magnitude = std::bit_cast<std::uint64_t>(x) & detail::kMagnitudeF64;
  if (magnitude == detail::kInfinityF64) return {0, 0, 0};
  // The bucket x itself would go into decides on which side of x each other bucket lies.
  const std::int64_t own =
      magnitude == 0 ? 0 : std::int64_t{detail::finest_index(magnitude) >> shift_};
  std::uint64_t below = 0;
  std::uint64_t split = 0;
  const Buckets minus = negative();
  for (std::uint32_t i = 0; i < minus.size(); ++i) {
    const std::int64_t index = minus.offset() + static_cast<std::int64_t>(i);
    if (x >= 0 || index > own) {
      below += minus[i];
    } else if (index == own) {
      split = minus[i];
    }
  }
  if (x >= 0) below += zero_count_;
  const Buckets plus = positive();
  for (std::uint32_t i = 0; i < plus.size() && x > 0; ++i) {
    const std::int64_t index = plus.offset() + static_cast<std::int64_t>(i);
    if (index < own) {
      below += plus[i];
    } else if (index == own) {
      split = plus[i];
    }
  }
  const double low = boundary(own, scale_);
  const double high = boundary(own + 1, scale_);
  if (x > 0 && split != 0) {
    // Whether x is its bucket's upper bound is told by the indices, not by rounded boundaries.
    const std::uint64_t next = magnitude + 1;
    const bool ends =
        next >= detail::kInfinityF64 || std::int64_t{detail::finest_index(next) >> shift_} > own;
    if (ends) return {below + split, static_cast<double>(below + split), below + split};
  }
  const double part = x > 0 ? share(x, low, high) : 1 - share(-x, low, high);
  return {below, static_cast<double>(below) + part * static_cast<double>(split), below + split};
}

ExpHistogram::CountBounds ExpHistogram::count_between(double low, double high) const {
  if (std::isnan(low)) detail::fail<InvalidArgument>("low must be a number", low);
  if (std::isnan(high)) detail::fail<InvalidArgument>("high must be a number", high);
  if (low > high) {
    detail::fail<InvalidArgument>("low must not exceed high = " + detail::describe(high), low);
  }
  if (low == high) return {0, 0, 0};
  const CountBounds to_low = count_at_most(low);
  const CountBounds to_high = count_at_most(high);
  return {to_high.low > to_low.high ? to_high.low - to_low.high : 0,
          std::max(0.0, to_high.estimate - to_low.estimate), to_high.high - to_low.low};
}

std::optional<double> ExpHistogram::cdf(double x) const {
  if (count_ == 0) return std::nullopt;
  return count_at_most(x).estimate / static_cast<double>(count_);
}

}  // namespace inlay
