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
  for (int step = steps - 1; step >= 0; --step) {
    const unsigned next = below + (1U << step);
    if (kLogitsBoundaries[next << (8 - steps)] < mantissa) below = next;
  }
  const int bucket = exponent * (1 << steps) + static_cast<int>(below) - (mantissa == 0 ? 1 : 0);
  return scale >= 0 ? bucket : bucket >> -scale;
}

/// A row, or a block's part of one, with what it needs to be finished.
template <class R>
struct alignas(16) LogitsPart {
  Terms<R> terms;
  R chosen;  // the chosen token's entry
  EntryCounts counts;
  unsigned kind;  // of the chosen token: 0 none, 1 given, 2 out of range
};

/// Rows that are finished at a time: one a thread.
inline constexpr unsigned kLogitsChunk = kLogitsThreads;

template <class R>
struct LogitsRows {
  LogitsPart<R> parts[kLogitsChunk];
  float values[kLogitsStatistics][kLogitsChunk];
  unsigned valid[kLogitsChunk];  // bit 0: defined, bit 1: chosen as well
};

template <class T>
__device__ inline T sum_of_lanes(T value) {
  for (unsigned by = kWarp / 2; by > 0; by /= 2) value += __shfl_down_sync(kAllLanes, value, by);
  return value;
}
__device__ inline unsigned highest_of_lanes(unsigned value) {
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
  double power1 = 0;
  double power2 = 0;
  double power3 = 0;
  double power4 = 0;
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
    power1 += distance;
    power2 += square;
    power3 += square * distance;
    power4 += square * square;
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
  count = sum_of_lanes(count);
  zeros = sum_of_lanes(zeros);
  neg_infs = sum_of_lanes(neg_infs);
  power1 = sum_of_lanes(power1);
  power2 = sum_of_lanes(power2);
  power3 = sum_of_lanes(power3);
  power4 = sum_of_lanes(power4);
  highest = highest_of_lanes(highest);
  lowest = highest_of_lanes(lowest);
  if (lane != 0) return;
  add_count(sums.neg_infs, neg_infs);
  if (count == 0) return;
  add_count(sums.count, count);
  add_count(sums.zeros, zeros);
  atomicAdd(&sums.powers[0], power1);
  atomicAdd(&sums.powers[1], power2);
  atomicAdd(&sums.powers[2], power3);
  atomicAdd(&sums.powers[3], power4);
  atomicMax(&sums.highest, highest);
  atomicMax(&sums.lowest, lowest);
}

/// Finishes the `size` rows that rows.parts hold and counts them. Every thread of the block calls
/// it, after a barrier; row i is number first + i * step, whose results go to `out` if there is
/// one.
template <class R>
__device__ __noinline__ void finish_rows(LogitsRows<R>& rows, unsigned size, std::int64_t columns,
                                         int scale, LogitsState* state, float* out,
                                         std::int64_t first, std::int64_t step) {
  __shared__ unsigned long long totals[6];
  const unsigned warp = threadIdx.x / kWarp;
  unsigned long long origin = 0;  // read ahead of its use
  if (warp < kLogitsStatistics && threadIdx.x % kWarp == 0) origin = state->sums[warp].origin;
  if (threadIdx.x < 6) totals[threadIdx.x] = 0;
  __syncthreads();
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
    if (part.counts.nonfinite != 0) {
      atomicAdd(&totals[1], 1ULL);
    } else if (part.counts.masked == columns) {
      atomicAdd(&totals[0], 1ULL);
    } else {
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
    if (part.counts.nonfinite != 0) atomicAdd(&totals[2], 0ULL + part.counts.nonfinite);
    if (part.counts.masked != 0) atomicAdd(&totals[3], 0ULL + part.counts.masked);
    if (part.kind != 0) atomicAdd(&totals[part.kind == 1 ? 4 : 5], 1ULL);
    rows.valid[i] = valid;
    for (unsigned s = 0; s < kLogitsStatistics; ++s) rows.values[s][i] = results[s];
    if (out != nullptr) {
      float* const to = out + (first + i * step) * kLogitsOut;
      for (unsigned k = 0; k < kLogitsOut; ++k) to[k] = results[k];
    }
  }
  __syncthreads();
  if (warp < kLogitsStatistics) count_values(rows, size, warp, scale, origin, state);
  if (threadIdx.x == kLogitsStatistics * kWarp) {
    add_count(state->rows, size);
    add_count(state->entries, static_cast<unsigned long long>(columns) * size);
    add_count(state->masked_rows, totals[0]);
    add_count(state->nonfinite_rows, totals[1]);
    add_count(state->nonfinite_count, totals[2]);
    add_count(state->masked_count, totals[3]);
    add_count(state->chosen_rows, totals[4]);
    add_count(state->out_of_range_rows, totals[5]);
  }
  __syncthreads();
}

}  // namespace inlay::cuda
