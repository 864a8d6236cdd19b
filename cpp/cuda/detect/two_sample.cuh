#pragma once

// Statistics of two samples from their pooled, sorted values.
//
// Keys of 32 bits where every value of both sides is a float, else of 64. Three launches over the
// sorted keys: what each tile of 2,048 does to the progress of the walk, the progress before each
// tile, and the sums of each tile; a fourth adds the tiles in their order. Counts are integers, so
// that Kolmogorov-Smirnov is exact; sums are doubles, added in an order that depends on the sizes
// alone.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include <algorithm>

#include "detect/rows.cuh"
#include "detect/sample_key.cuh"

namespace inlay::cuda {

/// One side of a comparison.
struct Column {
  const void* data = nullptr;
  Element element = Element::kF32;
  std::int64_t size = 0;
  std::int64_t stride = 1;
};

/// What the first pass counts, of either side.
struct SampleCounts {
  unsigned long long nan[2];
  unsigned long long rounded;  // integers that no double holds
};

template <class Key>
inline constexpr Key kEndKey = static_cast<Key>(~Key{0});  // of NaN, above all others

/// Writes the keys of x and behind them those of y, and which side each is of; counts NaN.
template <class Key>
__global__ void sample_keys_kernel(Column x, Column y, Key* keys, std::uint8_t* sides,
                                   SampleCounts* counts) {
  unsigned nan[2] = {0, 0};
  unsigned rounded = 0;
  const std::int64_t total = x.size + y.size;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total;
       i += step) {
    const bool in_y = i >= x.size;
    const Column& side = in_y ? y : x;
    const std::int64_t at = (in_y ? i - x.size : i) * side.stride;
    const double value = element_at(side.data, side.element, at);
    if (side.element == Element::kI64) {
      const std::int64_t whole = static_cast<const std::int64_t*>(side.data)[at];
      rounded += value == 0x1p63 || static_cast<std::int64_t>(value) != whole ? 1U : 0U;
    }
    const bool is_nan = value != value;
    nan[in_y ? 1 : 0] += is_nan ? 1U : 0U;
    keys[i] = is_nan ? kEndKey<Key> : sample_key<Key>(value);
    sides[i] = in_y ? 1 : 0;
  }
  const unsigned sums[3] = {sum_of_lanes(nan[0], kWarp), sum_of_lanes(nan[1], kWarp),
                            sum_of_lanes(rounded, kWarp)};
  if (threadIdx.x % kWarp == 0) {
    for (int side = 0; side < 2; ++side) {
      if (sums[side] != 0)
        atomicAdd(&counts->nan[side], static_cast<unsigned long long>(sums[side]));
    }
    if (sums[2] != 0) atomicAdd(&counts->rounded, static_cast<unsigned long long>(sums[2]));
  }
}

/// How far the walk over the sorted values has come. Positions fit 31 bits: a side has fewer than
/// 2^30 values.
struct Progress {
  std::int32_t x = 0;          // values of x so far
  std::int32_t head = -1;      // where the run of equal values at hand began
  std::int32_t before = 0;     // values of x before it
  std::int32_t previous = -1;  // where the run before it began
};

/// What two stretches of the walk make, the earlier one first.
INLAY_HOST_DEVICE inline Progress followed_by(const Progress& a, const Progress& b) {
  Progress both;
  both.x = a.x + b.x;
  both.head = b.head >= 0 ? b.head : a.head;
  both.before = b.head >= 0 ? a.x + b.before : a.before;
  both.previous = b.previous >= 0 ? b.previous : (b.head >= 0 ? a.head : a.previous);
  return both;
}

__device__ inline void advance(Progress& progress, std::int32_t at, bool is_head, bool in_x) {
  if (is_head) {
    progress.previous = progress.head;
    progress.head = at;
    progress.before = progress.x;
  }
  progress.x += in_x ? 1 : 0;
}

inline constexpr int kWalkThreads = 256;
inline constexpr int kWalkItems = 8;  // of a thread, one after the other
inline constexpr int kWalkTile = kWalkThreads * kWalkItems;

__device__ inline Progress from_lane_below(const Progress& mine, unsigned by) {
  Progress theirs;
  theirs.x = __shfl_up_sync(kAllLanes, mine.x, by);
  theirs.head = __shfl_up_sync(kAllLanes, mine.head, by);
  theirs.before = __shfl_up_sync(kAllLanes, mine.before, by);
  theirs.previous = __shfl_up_sync(kAllLanes, mine.previous, by);
  return theirs;
}

/// What the threads before this one make, and in `all` what all of a block of kWalkThreads do.
__device__ inline Progress before_thread(const Progress& mine, Progress& all) {
  constexpr unsigned kWarps = kWalkThreads / kWarp;
  // Bare numbers: shared memory is not initialised.
  __shared__ std::int32_t of_warps[kWarps][4];
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  Progress upto = mine;
#pragma unroll 1
  for (unsigned by = 1; by < kWarp; by *= 2) {
    const Progress earlier = from_lane_below(upto, by);
    if (lane >= by) upto = followed_by(earlier, upto);
  }
  if (lane == kWarp - 1) {
    of_warps[warp][0] = upto.x;
    of_warps[warp][1] = upto.head;
    of_warps[warp][2] = upto.before;
    of_warps[warp][3] = upto.previous;
  }
  const Progress below = from_lane_below(upto, 1);
  __syncthreads();
  Progress before;
  all = Progress();
#pragma unroll 1
  for (unsigned w = 0; w < kWarps; ++w) {
    if (w == warp) before = all;
    const Progress next{of_warps[w][0], of_warps[w][1], of_warps[w][2], of_warps[w][3]};
    all = followed_by(all, next);
  }
  if (lane != 0) before = followed_by(before, below);
  __syncthreads();
  return before;
}

/// Values of both sides that are no NaN.
__device__ inline std::int32_t values_of(const SampleCounts* counts, std::int64_t x,
                                         std::int64_t y) {
  return static_cast<std::int32_t>(x + y - static_cast<std::int64_t>(counts->nan[0]) -
                                   static_cast<std::int64_t>(counts->nan[1]));
}

template <class Key>
__device__ Progress walk_items(const Key* keys, const std::uint8_t* sides, std::int32_t begin,
                               std::int32_t end) {
  Progress progress;
  for (std::int32_t i = begin; i < end; ++i) {
    advance(progress, i, i == 0 || keys[i] != keys[i - 1], sides[i] == 0);
  }
  return progress;
}

/// The progress over each tile. A block of kWalkThreads each.
template <class Key>
__global__ void tile_progress_kernel(const Key* keys, const std::uint8_t* sides,
                                     const SampleCounts* counts, std::int64_t x, std::int64_t y,
                                     Progress* tiles) {
  const std::int32_t total = values_of(counts, x, y);
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * kWalkTile + threadIdx.x * kWalkItems;
  Progress mine;
  if (first < total) {
    const auto begin = static_cast<std::int32_t>(first);
    mine = walk_items(keys, sides, begin, std::min(begin + kWalkItems, total));
  }
  Progress all;
  before_thread(mine, all);
  if (threadIdx.x == 0) tiles[blockIdx.x] = all;
}

/// From the progress over each tile that before it. One block of kWalkThreads.
[[maybe_unused]] static __global__ void tile_starts_kernel(Progress* tiles, std::int32_t count) {
  Progress carry;
  for (std::int32_t at = 0; at < count; at += kWalkThreads) {
    const std::int32_t i = at + static_cast<std::int32_t>(threadIdx.x);
    const Progress mine = i < count ? tiles[i] : Progress();
    Progress all;
    const Progress before = before_thread(mine, all);
    if (i < count) tiles[i] = followed_by(carry, before);
    carry = followed_by(carry, all);
  }
}

/// What a stretch of the walk adds up; plain numbers, so that shared memory holds it.
struct WalkSums {
  std::int64_t ks;       // the largest difference n m |F - G|
  std::uint64_t ks_key;  // and the first key that has it
  double squares;        // n m (F - G) before and after each value, squared, over all values
  double anderson;       // by midranks, but for its factors
  double area;           // of n m |F - G|
  double square_area;    // of its square
  std::int64_t ties;     // values that are not the first of their run
  // What TieMoments adds up: sums that later runs are multiplied with, those that earlier ones are,
  // and their products.
  double mean;
  double cramer_earlier;
  double cramer_later;
  double cramer;
  double anderson_earlier;
  double anderson_later;
  double anderson_spread;
};

INLAY_HOST_DEVICE inline WalkSums no_sums() {
  return WalkSums{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
}

/// Adds what a later stretch adds up.
INLAY_HOST_DEVICE inline void append(WalkSums& a, const WalkSums& b) {
  if (b.ks > a.ks) {
    a.ks = b.ks;
    a.ks_key = b.ks_key;
  }
  a.squares += b.squares;
  a.anderson += b.anderson;
  a.area += b.area;
  a.square_area += b.square_area;
  a.ties += b.ties;
  a.mean += b.mean;
  a.cramer += b.cramer + a.cramer_earlier * b.cramer_later;
  a.cramer_earlier += b.cramer_earlier;
  a.cramer_later += b.cramer_later;
  a.anderson_spread += b.anderson_spread + a.anderson_earlier * b.anderson_later;
  a.anderson_earlier += b.anderson_earlier;
  a.anderson_later += b.anderson_later;
}

/// Adds a run of equal values that ends at `at`. `n` of `total` values are of x; `gap` is the
/// distance to the next value.
template <class Key>
__device__ void add_run(WalkSums& sums, const Progress& progress, std::int32_t at, std::int64_t n,
                        std::int64_t total, Key key, double gap) {
  const std::int64_t difference = progress.x * total - (at + std::int64_t{1}) * n;
  const std::int64_t magnitude = difference < 0 ? -difference : difference;
  if (magnitude > sums.ks) {
    sums.ks = magnitude;
    sums.ks_key = key;
  }
  const auto after = static_cast<double>(difference);
  const auto before = static_cast<double>(progress.before * total - progress.head * n);
  const auto ties = static_cast<double>(at + 1 - progress.head);
  const auto below = static_cast<double>(progress.head);
  const auto all = static_cast<double>(total);
  sums.ties += at - progress.head;
  const double halfway = (before + after) / 2;
  const double rank = below + ties / 2;
  sums.anderson += ties * halfway * halfway / (rank * (all - rank) - all * ties / 4);
  sums.squares += ties * (before * before + after * after);
  sums.area += fabs(after) * gap;
  sums.square_area += after * after * gap;
  // As TieMoments::add.
  const double share = ties / all;
  WalkSums run = no_sums();
  if (progress.previous >= 0) {
    const double last = static_cast<double>(progress.head - progress.previous) / all;
    const double w = (last + share) / 2;
    const double p = below / all;
    run.mean = w * p * (1.0 - p);
    run.cramer_earlier = w * p * p;
    run.cramer_later = w * (1.0 - p) * (1.0 - p);
    run.cramer = run.cramer_later * run.cramer_earlier / 2;
  }
  const double b = (below + ties / 2) / all;
  const double v = b * (1.0 - b) - share / 4;
  if (v > 0.0) {
    run.anderson_earlier = share * b * b / v;
    run.anderson_later = share * (1.0 - b) * (1.0 - b) / v;
    run.anderson_spread = share * share / 2;
  }
  append(sums, run);
}

/// Adds up a block's sums in the order of its threads, by halves; thread 0 has them.
__device__ inline WalkSums sums_of_block(const WalkSums& mine) {
  __shared__ WalkSums sums[kWalkThreads];
  sums[threadIdx.x] = mine;
#pragma unroll 1
  for (unsigned by = 1; by < kWalkThreads; by *= 2) {
    __syncthreads();
    if (threadIdx.x % (2 * by) == 0) append(sums[threadIdx.x], sums[threadIdx.x + by]);
  }
  __syncthreads();
  const WalkSums all = sums[0];
  __syncthreads();
  return all;
}

/// The sums of each tile, given the progress before it. A block of kWalkThreads each.
template <class Key>
__global__ void __launch_bounds__(kWalkThreads)
    tile_sums_kernel(const Key* keys, const std::uint8_t* sides, const SampleCounts* counts,
                     std::int64_t x, std::int64_t y, const Progress* starts, WalkSums* tiles) {
  const std::int32_t total = values_of(counts, x, y);
  const std::int64_t n = x - static_cast<std::int64_t>(counts->nan[0]);
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * kWalkTile + threadIdx.x * kWalkItems;
  const std::int32_t begin = first < total ? static_cast<std::int32_t>(first) : total;
  const std::int32_t end = std::min(begin + kWalkItems, total);
  Progress all;
  const Progress inside = before_thread(walk_items(keys, sides, begin, end), all);
  Progress progress = followed_by(starts[blockIdx.x], inside);
  WalkSums sums = no_sums();
  for (std::int32_t i = begin; i < end; ++i) {
    const Key key = keys[i];
    advance(progress, i, i == 0 || key != keys[i - 1], sides[i] == 0);
    const bool is_last = i + 1 == total;
    if (!is_last && keys[i + 1] == key) continue;
    const double gap = is_last ? 0.0 : key_value(keys[i + 1]) - key_value(key);
    add_run(sums, progress, i, n, total, key, gap);
  }
  const WalkSums of_block = sums_of_block(sums);
  if (threadIdx.x == 0) tiles[blockIdx.x] = of_block;
}

/// All that the host needs of two samples.
struct TwoSampleResult {
  static constexpr int kFew = 40;  // values up to which exact p-values need the runs

  WalkSums sums;
  SampleCounts counts;
  double low, high, ks_location;
  unsigned runs;  // of at most kFew values; else 0
  unsigned run_lengths[kFew];
};

/// Adds the tiles in order. One block of kWalkThreads.
template <class Key>
__global__ void __launch_bounds__(kWalkThreads)
    finish_two_sample_kernel(const Key* keys, const SampleCounts* counts, std::int64_t x,
                             std::int64_t y, const WalkSums* tiles, std::int32_t count,
                             TwoSampleResult* result) {
  const std::int32_t per_thread = (count + kWalkThreads - 1) / kWalkThreads;
  const std::int32_t begin = std::min(static_cast<std::int32_t>(threadIdx.x) * per_thread, count);
  const std::int32_t end = std::min(begin + per_thread, count);
  WalkSums sums = no_sums();
#pragma unroll 1
  for (std::int32_t i = begin; i < end; ++i) append(sums, tiles[i]);
  sums = sums_of_block(sums);
  if (threadIdx.x != 0) return;
  const std::int32_t total = values_of(counts, x, y);
  result->sums = sums;
  result->counts = *counts;
  result->runs = 0;
  if (total == 0) return;
  result->low = key_value(keys[0]);
  result->high = key_value(keys[total - 1]);
  // Without a difference the first value of x is the first of all.
  result->ks_location = sums.ks != 0 ? key_value(static_cast<Key>(sums.ks_key)) : result->low;
  if (total > TwoSampleResult::kFew) return;
  for (std::int32_t i = 0; i < total; ++i) {
    if (i == 0 || keys[i] != keys[i - 1]) result->run_lengths[result->runs++] = 0;
    ++result->run_lengths[result->runs - 1];
  }
}

}  // namespace inlay::cuda
