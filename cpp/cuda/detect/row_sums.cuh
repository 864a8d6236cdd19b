#pragma once

// Mean and scatter of rows in doubles: first the mean, then the outer products of what rows lack to
// it. Parts of the rows are summed apart and added in their order. Rows that are marked count for
// nothing.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include <algorithm>

#include "detect/double_tile.cuh"
#include "detect/triangle_tiles.hpp"

namespace inlay::cuda {

/// Marks rows with a value that is not finite, and 0 the others. A warp each, grid-stride.
[[maybe_unused]] static __global__ void mark_rows_kernel(Rows rows, std::uint8_t* bad,
                                                         unsigned long long* marked) {
  const unsigned lane = threadIdx.x % kWarp;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x / kWarp;
  for (std::int64_t row =
           (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
       row < rows.count; row += step) {
    int odd = 0;
#pragma unroll 1
    for (std::int64_t dim = lane; dim < rows.dims; dim += kWarp) {
      odd |= is_finite(rows.at(row, dim)) ? 0 : 1;
    }
    odd = __any_sync(kAllLanes, odd);
    if (lane == 0) {
      bad[row] = odd != 0 ? 1 : 0;
      if (odd != 0) atomicAdd(marked, 1ULL);
    }
  }
}

/// parts[part][dim] = the sum over the part's rows. A block of kSumWidth * kSumLines threads for
/// each 32 dimensions (x) and part (y).
[[maybe_unused]] static __global__ void column_sums_kernel(RowsSummed summed,
                                                           std::int64_t part_rows, double* parts) {
  __shared__ double sums[kSumLines][kSumWidth];
  const Rows& rows = summed.rows;
  const int lane = static_cast<int>(threadIdx.x) % kSumWidth;
  const int line = static_cast<int>(threadIdx.x) / kSumWidth;
  const std::int64_t dim = static_cast<std::int64_t>(blockIdx.x) * kSumWidth + lane;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * part_rows;
  const std::int64_t end = std::min(begin + part_rows, rows.count);
  double sum = 0.0;
  if (dim < rows.dims) {
    for (std::int64_t row = begin + line; row < end; row += kSumLines) {
      if (summed.bad[row] == 0) sum += rows.at(row, dim);
    }
  }
  sums[line][lane] = sum;
  __syncthreads();
  if (line != 0 || dim >= rows.dims) return;
#pragma unroll 1
  for (int i = 1; i < kSumLines; ++i) sum += sums[i][lane];
  parts[static_cast<std::int64_t>(blockIdx.y) * rows.dims + dim] = sum;
}

/// mean[dim] = the sum of the parts over the rows that are not marked. A thread each.
[[maybe_unused]] static __global__ void column_means_kernel(const double* parts, std::int32_t count,
                                                            std::int64_t dims, std::int64_t rows,
                                                            const unsigned long long* marked,
                                                            double* mean) {
  const std::int64_t dim = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (dim >= dims) return;
  double sum = 0.0;
  for (std::int32_t part = 0; part < count; ++part) {
    sum += parts[static_cast<std::int64_t>(part) * dims + dim];
  }
  const std::int64_t n = rows - static_cast<std::int64_t>(*marked);
  mean[dim] = n > 0 ? sum / static_cast<double>(n) : 0.0;
}

/// parts[part][tile][64][64] = the sum of the outer products of the part's rows less the mean, tile
/// by tile of the upper triangle. A block of kDoubleThreads for each tile (x) and part (y).
[[maybe_unused]] static __global__ void __launch_bounds__(kDoubleThreads)
    scatter_kernel(RowsSummed summed, const double* mean, std::int64_t part_rows, double* parts) {
  __shared__ DoubleSlices slices;
  const Rows& rows = summed.rows;
  std::int64_t down = 0;
  std::int64_t across = 0;
  triangle_place(blockIdx.x, down, across);
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * part_rows;
  const std::int64_t end = std::min(begin + part_rows, rows.count);
  double products[4][4] = {};
  const auto centred = [&](std::int64_t dim, std::int64_t row) {
    return dim < rows.dims && summed.bad[row] == 0 ? rows.at(row, dim) - mean[dim] : 0.0;
  };
  multiply_doubles<false, false>(
      slices, begin, end,
      [&](int i, std::int64_t row) { return centred(down * kDoubleTile + i, row); },
      [&](int i, std::int64_t row) { return centred(across * kDoubleTile + i, row); }, products);
  double* const tile = parts + (static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) *
                                   (kDoubleTile * kDoubleTile);
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      tile[double_place(ty, i) * kDoubleTile + double_place(tx, j)] = products[i][j];
    }
  }
}

/// parts[part][dim] = the sum of the squares of the part's rows less the mean. As
/// column_sums_kernel.
[[maybe_unused]] static __global__ void column_squares_kernel(RowsSummed summed, const double* mean,
                                                              std::int64_t part_rows,
                                                              double* parts) {
  __shared__ double sums[kSumLines][kSumWidth];
  const Rows& rows = summed.rows;
  const int lane = static_cast<int>(threadIdx.x) % kSumWidth;
  const int line = static_cast<int>(threadIdx.x) / kSumWidth;
  const std::int64_t dim = static_cast<std::int64_t>(blockIdx.x) * kSumWidth + lane;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * part_rows;
  const std::int64_t end = std::min(begin + part_rows, rows.count);
  double sum = 0.0;
  if (dim < rows.dims) {
    for (std::int64_t row = begin + line; row < end; row += kSumLines) {
      if (summed.bad[row] != 0) continue;
      const double apart = rows.at(row, dim) - mean[dim];
      sum += apart * apart;
    }
  }
  sums[line][lane] = sum;
  __syncthreads();
  if (line != 0 || dim >= rows.dims) return;
#pragma unroll 1
  for (int i = 1; i < kSumLines; ++i) sum += sums[i][lane];
  parts[static_cast<std::int64_t>(blockIdx.y) * rows.dims + dim] = sum;
}

}  // namespace inlay::cuda
