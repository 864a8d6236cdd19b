#pragma once

// Include after "detect/two_sample.cuh".

#include <cstdint>
#include <inlay/detect/two_sample.hpp>

namespace inlay::cuda {

/// What a device found of two columns of so many values, NaN included, for two_sample_of().
inline TwoSampleSums sums_of(const TwoSampleResult& result, std::int64_t x, std::int64_t y) {
  TwoSampleSums sums;
  sums.n = static_cast<std::uint64_t>(x) - result.counts.nan[0];
  sums.m = static_cast<std::uint64_t>(y) - result.counts.nan[1];
  if (sums.n == 0 || sums.m == 0) return sums;
  sums.ks = result.sums.ks;
  sums.ks_location = result.ks_location;
  sums.squares = result.sums.squares;
  sums.anderson = result.sums.anderson;
  sums.area = result.sums.area;
  sums.square_area = result.sums.square_area;
  sums.low = result.low;
  sums.high = result.high;
  sums.has_ties = result.sums.ties != 0;
  sums.ties = TieMoments(sums.n + sums.m, result.sums.mean, result.sums.cramer,
                         result.sums.anderson_spread);
  sums.runs.assign(result.run_lengths, result.run_lengths + result.runs);
  return sums;
}

}  // namespace inlay::cuda
