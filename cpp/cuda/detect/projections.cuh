#pragma once

// Rows seen from directions, and the distance of two sorted samples by quantiles. All in doubles.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include <algorithm>

#include "detect/double_tile.cuh"
#include "detect/sample_key.cuh"

namespace inlay::cuda {

/// keys[p][row] = that of the product of direction p and the row; marks rows with a value that is
/// not finite. A block of kDoubleThreads for each 64 rows (x) and 64 directions (y).
[[maybe_unused]] static __global__ void __launch_bounds__(kDoubleThreads)
    project_rows_kernel(Rows rows, const double* directions, std::int32_t count,
                        std::uint64_t* keys, std::uint8_t* bad) {
  __shared__ DoubleSlices slices;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * kDoubleTile;
  const std::int64_t first_direction = static_cast<std::int64_t>(blockIdx.y) * kDoubleTile;
  double products[4][4] = {};
  multiply_doubles<true, true>(
      slices, 0, rows.dims,
      [&](int i, std::int64_t k) {
        const std::int64_t direction = first_direction + i;
        return direction < count ? directions[direction * rows.dims + k] : 0.0;
      },
      [&](int i, std::int64_t k) {
        const std::int64_t row = first_row + i;
        if (row >= rows.count) return 0.0;
        const double value = rows.at(row, k);
        if (!is_finite(value)) bad[row] = 1;
        return value;
      },
      products);
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;
  for (int i = 0; i < 4; ++i) {
    const std::int64_t direction = first_direction + double_place(ty, i);
    for (int j = 0; j < 4; ++j) {
      const std::int64_t row = first_row + double_place(tx, j);
      if (direction < count && row < rows.count) {
        keys[direction * rows.count + row] = sample_key<std::uint64_t>(products[i][j]);
      }
    }
  }
}

/// How many rows are marked. Any grid.
[[maybe_unused]] static __global__ void count_marked_kernel(const std::uint8_t* bad,
                                                            std::int64_t count,
                                                            unsigned long long* marked) {
  unsigned sum = 0;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    sum += bad[i];
  }
  sum = sum_of_lanes(sum, kWarp);
  if (threadIdx.x % kWarp == 0 && sum != 0) {
    atomicAdd(marked, static_cast<unsigned long long>(sum));
  }
}

inline constexpr int kQuantileBlocks = 64;
inline constexpr int kQuantileThreads = 256;

/// partial[block] = its share of n m times the mean p-th power (1 or 2) of the distance between
/// equal quantiles of two samples, of which x and y are the ascending keys. kQuantileBlocks of
/// kQuantileThreads.
[[maybe_unused]] static __global__ void quantile_distance_kernel(const std::uint64_t* x,
                                                                 std::int64_t n,
                                                                 const std::uint64_t* y,
                                                                 std::int64_t m, int p,
                                                                 double* partial) {
  if (n < m) {  // a thread takes a value of the larger side, which meets at most two of the other
    std::swap(x, y);
    std::swap(n, m);
  }
  double sum = 0.0;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += step) {
    // In units of 1 / (n m), value i is the quantiles from i m on, value j those from j n on.
    const std::int64_t begin = i * m;
    const std::int64_t end = begin + m;
    std::int64_t at = begin;
#pragma unroll 1
    for (std::int64_t j = begin / n; at < end; ++j) {
      const std::int64_t next = std::min(end, (j + 1) * n);
      const double distance = fabs(key_value(x[i]) - key_value(y[j]));
      sum += static_cast<double>(next - at) * (p == 1 ? distance : distance * distance);
      at = next;
    }
  }
  sum = sum_of_block<kQuantileThreads>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// powers[i] = the sum of its kQuantileBlocks parts over n m. A thread each.
[[maybe_unused]] static __global__ void finish_quantiles_kernel(const double* partial,
                                                                std::int32_t count, double nm,
                                                                double* powers) {
  const auto i = static_cast<std::int32_t>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  double sum = 0.0;
#pragma unroll 1
  for (int b = 0; b < kQuantileBlocks; ++b) sum += partial[i * kQuantileBlocks + b];
  powers[i] = sum / nm;
}

}  // namespace inlay::cuda
