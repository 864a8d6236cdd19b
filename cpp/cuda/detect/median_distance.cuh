#pragma once

// The median distance between sampled rows and the middle of each column, in doubles: what the CPU
// takes for bandwidth and centre, by the same steps.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include <algorithm>

#include "detect/pool_rows.cuh"

namespace inlay::cuda {

inline constexpr int kSampleMost = 512;  // rows; sorted within a block
inline constexpr int kSortThreads = 256;

/// Sorts kSampleMost numbers in shared memory, ascending. A block of kSortThreads.
__device__ inline void sort_in_block(double* numbers) {
#pragma unroll 1
  for (unsigned size = 2; size <= kSampleMost; size *= 2) {
#pragma unroll 1
    for (unsigned by = size / 2; by > 0; by /= 2) {
      __syncthreads();
      const unsigned low = 2 * by * (threadIdx.x / by) + threadIdx.x % by;
      const bool ascending = (low & size) == 0;
      const double a = numbers[low];
      const double b = numbers[low + by];
      if ((a > b) == ascending) {
        numbers[low] = b;
        numbers[low + by] = a;
      }
    }
  }
  __syncthreads();
}

/// The median of `count` ascending numbers from `begin` on.
INLAY_HOST_DEVICE inline double sorted_median(const double* numbers, std::int64_t begin,
                                              std::int64_t count) {
  const std::int64_t at = begin + count / 2;
  return count % 2 == 1 ? numbers[at] : (numbers[at - 1] + numbers[at]) / 2.0;
}

/// The first of ascending numbers that is above 0, or `count`.
INLAY_HOST_DEVICE inline std::int64_t first_positive(const double* numbers, std::int64_t count) {
  std::int64_t low = 0;
  std::int64_t high = count;
  while (low < high) {
    const std::int64_t at = low + (high - low) / 2;
    if (numbers[at] > 0.0) {
      high = at;
    } else {
      low = at + 1;
    }
  }
  return low;
}

/// A row of the pooled sides, half of each value.
struct Sample {
  const std::int32_t* chosen;  // numbers of rows, ascending
  std::int32_t count;          // 1 to kSampleMost
  double* rows;                // [count][dims]
};

/// Fills sample.rows. Threads along the dimensions (x), rows (y).
[[maybe_unused]] static __global__ void gather_sample_kernel(Rows x, Rows y, Sample sample) {
  const std::int64_t dim = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const auto i = static_cast<std::int64_t>(blockIdx.y);
  if (dim >= x.dims) return;
  const std::int64_t row = sample.chosen[i];
  const double value = row < x.count ? x.at(row, dim) : y.at(row - x.count, dim);
  sample.rows[i * x.dims + dim] = value / 2.0;
}

/// middle[dim] = the median of its column. A block of kSortThreads each.
[[maybe_unused]] static __global__ void column_medians_kernel(Sample sample, std::int64_t dims,
                                                              double* middle) {
  __shared__ double column[kSampleMost];
  const auto dim = static_cast<std::int64_t>(blockIdx.x);
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < kSampleMost; i += kSortThreads) {
    column[i] = i < static_cast<unsigned>(sample.count)
                    ? sample.rows[static_cast<std::int64_t>(i) * dims + dim]
                    : static_cast<double>(INFINITY);
  }
  sort_in_block(column);
  if (threadIdx.x == 0) middle[dim] = sorted_median(column, 0, sample.count) * 2.0;
}

/// sizes[row] = the largest magnitude of the row less the middle, halved. A warp each.
[[maybe_unused]] static __global__ void sample_sizes_kernel(Sample sample, std::int64_t dims,
                                                            const double* middle, double* sizes) {
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  double size = 0.0;
#pragma unroll 1
  for (std::int64_t dim = threadIdx.x; dim < dims; dim += kWarp) {
    size = fmax(size, fabs(sample.rows[row * dims + dim] - middle[dim] / 2.0));
  }
#pragma unroll 1
  for (int by = kWarp / 2; by > 0; by /= 2) size = fmax(size, __shfl_xor_sync(kAllLanes, size, by));
  if (threadIdx.x == 0) sizes[row] = size;
}

/// The unit that squares are taken in: the median size, or that of the sizes above 0; 0 if there
/// are none. One block of kSortThreads.
[[maybe_unused]] static __global__ void sample_unit_kernel(const double* sizes, std::int32_t count,
                                                           double* unit) {
  __shared__ double sorted[kSampleMost];
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < kSampleMost; i += kSortThreads) {
    sorted[i] = i < static_cast<unsigned>(count) ? sizes[i] : static_cast<double>(INFINITY);
  }
  sort_in_block(sorted);
  if (threadIdx.x != 0) return;
  double found = sorted_median(sorted, 0, count);
  if (found == 0.0) {
    const std::int64_t first = first_positive(sorted, count);
    if (first < count) found = sorted_median(sorted, first, count - first);
  }
  *unit = found;
}

/// Rows in that unit, less the middle, and their squared lengths. A warp each.
[[maybe_unused]] static __global__ void scale_sample_kernel(Sample sample, std::int64_t dims,
                                                            const double* middle,
                                                            const double* unit, double* squares) {
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  double sum = 0.0;
#pragma unroll 1
  for (std::int64_t dim = threadIdx.x; dim < dims; dim += kWarp) {
    double& value = sample.rows[row * dims + dim];
    const double scaled =
        *unit == 0.0 ? 0.0 : fmin(fmax((value - middle[dim] / 2.0) / *unit, -kFar), kFar);
    value = scaled;
    sum += scaled * scaled;
  }
  sum = sum_of_lanes(sum, kWarp);
  if (threadIdx.x == 0) squares[row] = sum;
}

inline constexpr int kPairTile = 16;

/// Where the pair of i and j, i before j, lies among all pairs.
INLAY_HOST_DEVICE inline std::int64_t pair_place(std::int64_t i, std::int64_t j,
                                                 std::int64_t count) {
  return i * (2 * count - i - 1) / 2 + j - i - 1;
}

/// The squared distances of all pairs. A block of kPairTile^2 threads for each tile (x, y).
[[maybe_unused]] static __global__ void pair_distances_kernel(Sample sample, std::int64_t dims,
                                                              const double* squares,
                                                              double* pairs) {
  __shared__ double down[kPairTile][kPairTile + 1];
  __shared__ double across[kPairTile][kPairTile + 1];
  if (blockIdx.x < blockIdx.y) return;
  const int lane = static_cast<int>(threadIdx.x) % kPairTile;
  const int line = static_cast<int>(threadIdx.x) / kPairTile;
  const std::int64_t first_i = static_cast<std::int64_t>(blockIdx.y) * kPairTile;
  const std::int64_t first_j = static_cast<std::int64_t>(blockIdx.x) * kPairTile;
  double product = 0.0;
#pragma unroll 1
  for (std::int64_t at = 0; at < dims; at += kPairTile) {
    const std::int64_t dim = at + lane;
    const auto load = [&](std::int64_t row) {
      return row < sample.count && dim < dims ? sample.rows[row * dims + dim] : 0.0;
    };
    down[line][lane] = load(first_i + line);
    across[line][lane] = load(first_j + line);
    __syncthreads();
#pragma unroll 1
    for (int k = 0; k < kPairTile; ++k) product += down[line][k] * across[lane][k];
    __syncthreads();
  }
  const std::int64_t i = first_i + line;
  const std::int64_t j = first_j + lane;
  if (i >= j || j >= sample.count) return;
  const double sum = squares[i] + squares[j];
  const double distance = sum - 2.0 * product;
  // Equal rows come out as the rounding of their squares.
  pairs[pair_place(i, j, sample.count)] = distance <= 1e-14 * sum ? 0.0 : distance;
}

/// What is wanted of the median.
struct ScaleChoice {
  double bandwidth;  // of a Gaussian kernel; 0 for the median
  bool gaussian;     // else the distance itself, in units of the median
};

/// The scale, from all pairs in ascending order. One thread.
[[maybe_unused]] static __global__ void choose_scale_kernel(const double* pairs, std::int64_t count,
                                                            const double* unit, ScaleChoice choice,
                                                            KernelScale* out) {
  double median = count > 0 ? sorted_median(pairs, 0, count) : 0.0;
  if (median == 0.0) {
    const std::int64_t first = first_positive(pairs, count);
    if (first < count) median = sorted_median(pairs, first, count - first);
  }
  median = sqrt(median) * *unit * 2.0;
  out->median = median;
  const double sigma = choice.bandwidth > 0.0 ? choice.bandwidth : median;
  out->scale = choice.gaussian ? sigma * sqrt(2.0) : median;
  // The kernel of two rows that lie the median distance apart, which is about the mean.
  const double apart = median / out->scale;
  const double typical = choice.gaussian ? exp(-apart * apart) : -apart;
  out->offset = is_finite(typical) ? static_cast<float>(typical) : 0.0F;
}

}  // namespace inlay::cuda
