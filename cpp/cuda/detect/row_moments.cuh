#pragma once

// What row_moments() takes beside the sums of row_sums.cuh.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include "detect/rows.cuh"
#include "detect/triangle_tiles.hpp"

namespace inlay::cuda {

inline constexpr unsigned kFourthBlocks = 64;
inline constexpr int kFourthThreads = 256;

/// parts[block] = the sum of the squares of squared lengths of rows less the mean. kFourthBlocks of
/// kFourthThreads; a warp for each row.
[[maybe_unused]] static __global__ void fourth_kernel(RowsSummed summed, const double* mean,
                                                      double* parts) {
  const Rows& rows = summed.rows;
  const unsigned lane = threadIdx.x % kWarp;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x / kWarp;
  double sum = 0.0;
#pragma unroll 1
  for (std::int64_t row =
           (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
       row < rows.count; row += step) {
    if (summed.bad[row] != 0) continue;
    double length = 0.0;
    for (std::int64_t dim = lane; dim < rows.dims; dim += kWarp) {
      const double apart = rows.at(row, dim) - mean[dim];
      length += apart * apart;
    }
    length = sum_of_lanes(length, kWarp);
    if (lane == 0) sum += length * length;
  }
  sum = sum_of_block<kFourthThreads>(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

/// scatter[dims][dims] = the sum of the parts, both halves. A block for each tile, any size.
[[maybe_unused]] static __global__ void finish_scatter_kernel(const double* parts,
                                                              std::int32_t count, std::int64_t dims,
                                                              double* scatter) {
  std::int64_t down = 0;
  std::int64_t across = 0;
  triangle_place(blockIdx.x, down, across);
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < kDoubleTile * kDoubleTile; i += blockDim.x) {
    const std::int64_t row = down * kDoubleTile + i / kDoubleTile;
    const std::int64_t column = across * kDoubleTile + i % kDoubleTile;
    if (row >= dims || column >= dims) continue;
    double sum = 0.0;
    for (std::int32_t part = 0; part < count; ++part) {
      sum += parts[(static_cast<std::int64_t>(part) * gridDim.x + blockIdx.x) *
                       (kDoubleTile * kDoubleTile) +
                   i];
    }
    scatter[row * dims + column] = sum;
    if (down != across) scatter[column * dims + row] = sum;
  }
}

}  // namespace inlay::cuda
