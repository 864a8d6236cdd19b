#pragma once

// How finished rows are counted in a window's state.

#include "model/logits_state.hpp"
#include "model/logits_terms.cuh"

namespace inlay::cuda {

// floor(2^52 * (2^(k/256) - 1)), the mantissas that begin the finest buckets of an octave.
static __device__ const std::uint64_t kLogitsBoundaries[256] = {
#include "summary/bucket_boundaries.inc"
};

/// Bucket of a positive finite number at a scale of -4 to 8, upper bounds included.
__device__ inline int logits_bucket(double value, int scale) {
  const std::uint64_t bits = bits_of(value);
  const std::uint64_t mantissa = bits & 0xFFFFFFFFFFFFFU;
  const int exponent = static_cast<int>(bits >> 52) - 1023;  // of a float: never subnormal here
  const int steps = scale > 0 ? scale : 0;
  // How many of the octave's boundaries lie below.
  unsigned below = 0;
#pragma unroll 1
  for (int step = steps - 1; step >= 0; --step) {
    const unsigned next = below + (1U << step);
    if (kLogitsBoundaries[next << (8 - steps)] < mantissa) below = next;
  }
  const int bucket = exponent * (1 << steps) + static_cast<int>(below) - (mantissa == 0 ? 1 : 0);
  return scale >= 0 ? bucket : bucket >> -scale;
}

/// Rows that are finished at a time: one a thread.
inline constexpr unsigned kLogitsChunk = kLogitsThreads;

template <class R>
struct LogitsRows {
  LogitsPart<R> parts[kLogitsChunk];
  float values[kLogitsStatistics][kLogitsChunk];
  unsigned valid[kLogitsChunk];  // bit 0: defined, bit 1: chosen as well
};

__device__ inline unsigned highest_of_lanes(unsigned value) {
#pragma unroll 1
  for (unsigned by = kWarp / 2; by > 0; by /= 2) {
    const unsigned other = __shfl_down_sync(kAllLanes, value, by);
    value = other > value ? other : value;
  }
  return value;
}
__device__ inline void add_count(unsigned long long& to, unsigned long long by) {
  if (by != 0) atomicAdd(&to, by);
}

/// Counts the values of one statistic, by one warp; lane 0 knows the origin, if there is one.
template <class R>
__device__ inline void count_values(const LogitsRows<R>& rows, unsigned size, unsigned statistic,
                                    int scale, unsigned long long origin, LogitsState* state) {
  const unsigned lane = threadIdx.x % kWarp;
  LogitsSums& sums = state->sums[statistic];
  auto* const buckets = reinterpret_cast<unsigned long long*>(state + 1) +
                        static_cast<std::size_t>(statistic) * bucket_count(scale);
  const unsigned wanted = statistic < kLogitsLogProb ? 1U : 2U;
  const float* const values = rows.values[statistic];
  const auto counted = [&](unsigned i) {
    return i < size && (rows.valid[i] & wanted) != 0 && values[i] >= -Finite<float>::kMost;
  };

  // Any of the window's values will do as the origin, but all must have the same.
  if (__shfl_sync(kAllLanes, origin, 0) == 0) {
    unsigned first = size;
#pragma unroll 1
    for (unsigned i = lane; i < size && first == size; i += kWarp) first = counted(i) ? i : size;
    first = ~highest_of_lanes(~first);
    if (lane == 0 && first < size) {
      const unsigned long long mine = (1ULL << 32) | bits_of(values[first]);
      const unsigned long long before = atomicCAS(&sums.origin, 0ULL, mine);
      origin = before == 0 ? mine : before;
    }
  }
  const double from = static_cast<double>(
      float_of_bits(__shfl_sync(kAllLanes, static_cast<std::uint32_t>(origin), 0)));

  unsigned count = 0;
  unsigned zeros = 0;
  unsigned neg_infs = 0;
  unsigned highest = 0;
  unsigned lowest = 0;
  double powers[4] = {0, 0, 0, 0};
#pragma unroll 1
  for (unsigned i = lane; i < size; i += kWarp) {
    if ((rows.valid[i] & wanted) == 0) continue;
    const float value = values[i];
    if (!(value >= -Finite<float>::kMost)) {
      ++neg_infs;
      continue;
    }
    ++count;
    const double distance = static_cast<double>(value) - from;
    const double square = distance * distance;
    powers[0] += distance;
    powers[1] += square;
    powers[2] += square * distance;
    powers[3] += square * square;
    const unsigned key = ordered_key(bits_of(value));
    highest = key > highest ? key : highest;
    lowest = ~key > lowest ? ~key : lowest;
    if (value == 0) {
      ++zeros;
    } else {
      const double magnitude = statistic == kLogitsLogProb ? -value : value;
      atomicAdd(&buckets[logits_bucket(magnitude, scale) - first_bucket(scale)], 1ULL);
    }
  }
  highest = highest_of_lanes(highest);
  lowest = highest_of_lanes(lowest);
#pragma unroll 1
  for (unsigned by = kWarp / 2; by > 0; by /= 2) {
    count += __shfl_down_sync(kAllLanes, count, by);
    zeros += __shfl_down_sync(kAllLanes, zeros, by);
    neg_infs += __shfl_down_sync(kAllLanes, neg_infs, by);
    for (double& power : powers) power += __shfl_down_sync(kAllLanes, power, by);
  }
  if (lane != 0) return;
  add_count(sums.neg_infs, neg_infs);
  if (count == 0) return;
  add_count(sums.count, count);
  add_count(sums.zeros, zeros);
  for (unsigned k = 0; k < 4; ++k) atomicAdd(&sums.powers[k], powers[k]);
  atomicMax(&sums.highest, highest);
  atomicMax(&sums.lowest, lowest);
}

/// Counts the rows themselves, by one warp.
template <class R>
__device__ inline void count_rows(const LogitsRows<R>& rows, unsigned size, unsigned columns,
                                  LogitsState* state) {
  unsigned masked_rows = 0;
  unsigned nonfinite_rows = 0;
  unsigned chosen_rows = 0;
  unsigned out_of_range_rows = 0;
  unsigned long long masked = 0;
  unsigned long long nonfinite = 0;
  const unsigned lane = threadIdx.x % kWarp;
#pragma unroll 1
  for (unsigned i = lane; i < size; i += kWarp) {
    const LogitsPart<R>& part = rows.parts[i];
    masked += part.counts.masked;
    nonfinite += part.counts.nonfinite;
    if (part.counts.nonfinite != 0) {
      ++nonfinite_rows;
    } else if (part.counts.masked == columns) {
      ++masked_rows;
    }
    chosen_rows += part.kind == 1 ? 1U : 0U;
    out_of_range_rows += part.kind == 2 ? 1U : 0U;
  }
#pragma unroll 1
  for (unsigned by = kWarp / 2; by > 0; by /= 2) {
    masked_rows += __shfl_down_sync(kAllLanes, masked_rows, by);
    nonfinite_rows += __shfl_down_sync(kAllLanes, nonfinite_rows, by);
    chosen_rows += __shfl_down_sync(kAllLanes, chosen_rows, by);
    out_of_range_rows += __shfl_down_sync(kAllLanes, out_of_range_rows, by);
    masked += __shfl_down_sync(kAllLanes, masked, by);
    nonfinite += __shfl_down_sync(kAllLanes, nonfinite, by);
  }
  if (lane != 0) return;
  add_count(state->rows, size);
  add_count(state->entries, static_cast<unsigned long long>(columns) * size);
  add_count(state->masked_rows, masked_rows);
  add_count(state->nonfinite_rows, nonfinite_rows);
  add_count(state->nonfinite_count, nonfinite);
  add_count(state->masked_count, masked);
  add_count(state->chosen_rows, chosen_rows);
  add_count(state->out_of_range_rows, out_of_range_rows);
}

/// Finishes the `size` rows that rows.parts hold and counts them. Every thread of the block calls
/// it, after a barrier; row i is number first + i * step, whose results go to `out` if there is
/// one.
template <class R>
__device__ __noinline__ void finish_rows(LogitsRows<R>& rows, unsigned size, unsigned columns,
                                         int scale, LogitsState* state, float* out,
                                         std::int64_t first, std::int64_t step) {
  const unsigned warp = warp_number();
  unsigned long long origin = 0;  // read ahead of its use
  if (warp < kLogitsStatistics && threadIdx.x % kWarp == 0) origin = state->sums[warp].origin;
  const unsigned i = threadIdx.x;
  if (i < size) {
    const LogitsPart<R>& part = rows.parts[i];
    float results[kLogitsOut];
    const float none = float_of_bits(0x7FC00000U);
    for (unsigned k = 0; k < 5; ++k) results[k] = none;
    results[5] = 0.0F;
    results[6] = static_cast<float>(part.counts.masked);
    results[7] = static_cast<float>(part.counts.nonfinite);
    unsigned valid = 0;
    if (part.counts.nonfinite == 0 && part.counts.masked != columns) {
      const detail::SoftmaxTerms terms = {part.terms.top, part.terms.second, part.terms.rest,
                                          part.terms.weighted};
      const detail::SoftmaxRow row = detail::row_of(terms);
      results[0] = row.entropy;
      results[1] = row.top1;
      results[2] = row.top2;
      results[3] = row.margin;
      valid = 1;
      if (part.kind == 1) {
        results[4] = detail::log_probability(terms.top, row.log_sum, part.chosen);
        results[5] = static_cast<float>(part.counts.above + 1);
        valid = 3;
      }
    }
    rows.valid[i] = valid;
    for (unsigned s = 0; s < kLogitsStatistics; ++s) rows.values[s][i] = results[s];
    if (out != nullptr) {
      float* const to = out + (first + i * step) * kLogitsOut;
      for (unsigned k = 0; k < kLogitsOut; ++k) to[k] = results[k];
    }
  }
  __syncthreads();
  if (warp < kLogitsStatistics) {
    count_values(rows, size, warp, scale, origin, state);
  } else if (warp == kLogitsStatistics) {
    count_rows(rows, size, columns, state);
  }
  __syncthreads();
}

}  // namespace inlay::cuda
