#pragma once

// From rows as they lie in two tensors to panels: centred, scaled, clipped, in float32.
//
// `#pragma unroll 1` keeps code small where it takes little of the time.

#include <algorithm>

#include "detect/kernel_tiles.cuh"

namespace inlay::cuda {

/// Beyond it a row is far from all others all the same; its square stays within a float.
inline constexpr double kFar = 1e15;

inline constexpr int kPoolWidth = 32;
inline constexpr int kPoolRows = 8;  // of a block at once

/// Writes (row - middle) / scale of both sides, the reference first; marks rows with a value that
/// is not finite. A block of kPoolWidth * kPoolRows threads for each 32 rows (x) and 32 dimensions
/// (y).
[[maybe_unused]] static __global__ void pool_rows_kernel(Rows x, Rows y, const double* middle,
                                                         const KernelScale* scale, Panels to,
                                                         std::uint8_t* bad) {
  __shared__ float tile[kPoolWidth][kPoolWidth + 1];
  const int lane = static_cast<int>(threadIdx.x) % kPoolWidth;
  const int line = static_cast<int>(threadIdx.x) / kPoolWidth;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * kPoolWidth;
  const std::int64_t first_dim = static_cast<std::int64_t>(blockIdx.y) * kPoolWidth;
  const double half_scale = scale->scale / 2.0;
#pragma unroll 1
  for (int i = line; i < kPoolWidth; i += kPoolRows) {
    const std::int64_t row = first_row + i;
    const std::int64_t dim = first_dim + lane;
    float pooled = 0.0F;
    if (row < to.rows && dim < x.dims) {
      const double value = row < x.count ? x.at(row, dim) : y.at(row - x.count, dim);
      if (!is_finite(value)) bad[row] = 1;
      // In halves, so that no difference overflows.
      const double scaled = (value / 2.0 - middle[dim] / 2.0) / half_scale;
      pooled = static_cast<float>(fmin(fmax(scaled, -kFar), kFar));
    }
    tile[i][lane] = pooled;
  }
  __syncthreads();
#pragma unroll 1
  for (int i = line; i < kPoolWidth; i += kPoolRows) {
    const std::int64_t row = first_row + lane;
    const std::int64_t dim = first_dim + i;
    if (dim >= to.depth) continue;
    to.values[(row / kTile * to.depth + dim) * kTile + row % kTile] = tile[lane][i];
  }
}

/// Lays signs[rows][splits] out as Splits wants them: to[group][padded][kTile], all of which it
/// writes. Any grid of one dimension.
[[maybe_unused]] static __global__ void spread_signs_kernel(const std::int8_t* signs,
                                                            std::int64_t rows, std::int32_t splits,
                                                            std::int64_t padded,
                                                            std::int32_t groups, std::int8_t* to) {
  const std::int64_t size = groups * padded * kTile;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    const std::int64_t row = i / kTile % padded;
    const std::int64_t place = i % kTile;
    const std::int64_t split = i / kTile / padded * (kTile - 1) + place - 1;
    std::int8_t sign = 0;
    if (row < rows) {
      if (place == 0) {
        sign = 1;
      } else if (split < splits) {
        sign = signs[row * splits + split];
      }
    }
    to[i] = sign;
  }
}

inline constexpr int kSquareParts = 8;

/// The squared lengths, and how many rows of either side are marked. A block of kTile *
/// kSquareParts threads for each panel.
[[maybe_unused]] static __global__ void squares_kernel(Panels panels, const std::uint8_t* bad,
                                                       std::int64_t x,
                                                       unsigned long long* left_out) {
  __shared__ float parts[kSquareParts][kTile];
  const int lane = static_cast<int>(threadIdx.x) % kTile;
  const int part = static_cast<int>(threadIdx.x) / kTile;
  const float* const values =
      panels.values + static_cast<std::int64_t>(blockIdx.x) * panels.depth * kTile + lane;
  float sum = 0.0F;
#pragma unroll 4
  for (std::int32_t k = part; k < panels.depth; k += kSquareParts) {
    const float value = values[static_cast<std::int64_t>(k) * kTile];
    sum = fmaf(value, value, sum);
  }
  parts[part][lane] = sum;
  __syncthreads();
  if (part != 0) return;
#pragma unroll 1
  for (int i = 1; i < kSquareParts; ++i) sum += parts[i][lane];
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kTile + lane;
  panels.squares[row] = sum;
  if (row < panels.rows && bad[row] != 0) atomicAdd(&left_out[row < x ? 0 : 1], 1ULL);
}

}  // namespace inlay::cuda
