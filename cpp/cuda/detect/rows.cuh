#pragma once

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"

namespace inlay::cuda {

/// Whether all values of a type are floats, exactly.
INLAY_HOST_DEVICE constexpr bool fits_float(Element element) {
  return element != Element::kF64 && element != Element::kI64 && element != Element::kI32;
}

/// Rows of numbers in device memory, of any strides; of some of them only, if `kept` is given.
struct Rows {
  const void* data = nullptr;
  Element element = Element::kF32;
  std::int64_t count = 0;
  std::int64_t dims = 1;
  std::int64_t row_stride = 0;
  std::int64_t dim_stride = 0;
  const std::int32_t* kept = nullptr;  // `count` of their numbers

  __device__ double at(std::int64_t row, std::int64_t dim) const {
    if (kept != nullptr) row = kept[row];
    return element_at(data, element, row * row_stride + dim * dim_stride);
  }
};

/// What is summed over.
struct RowsSummed {
  Rows rows;
  const std::uint8_t* bad;  // 1 for rows to leave out
};

// What a block of column_sums_kernel has: dimensions, and rows of them at once.
inline constexpr int kSumWidth = 32;
inline constexpr int kSumLines = 8;

__device__ inline bool is_finite(double value) { return (bits_of(value) >> 52 & 0x7FFU) != 0x7FFU; }

/// Sums over the lanes that differ in the bits below `lanes`, a power of two; the same in all.
template <class T>
__device__ T sum_of_lanes(T value, int lanes) {
  for (int by = lanes / 2; by > 0; by /= 2) value += __shfl_xor_sync(kAllLanes, value, by);
  return value;
}

/// Adds up a block's numbers in the order of its threads, by halves; all have the sum.
template <int kThreads>
__device__ double sum_of_block(double mine) {
  __shared__ double sums[kThreads];
  sums[threadIdx.x] = mine;
#pragma unroll 1
  for (unsigned by = 1; by < kThreads; by *= 2) {
    __syncthreads();
    if (threadIdx.x % (2 * by) == 0) sums[threadIdx.x] += sums[threadIdx.x + by];
  }
  __syncthreads();
  const double all = sums[0];
  __syncthreads();
  return all;
}

}  // namespace inlay::cuda
