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

__device__ inline bool is_finite(double value) { return (bits_of(value) >> 52 & 0x7FFU) != 0x7FFU; }

/// Sums over the lanes that differ in the bits below `lanes`, a power of two; the same in all.
template <class T>
__device__ T sum_of_lanes(T value, int lanes) {
  for (int by = lanes / 2; by > 0; by /= 2) value += __shfl_xor_sync(kAllLanes, value, by);
  return value;
}

}  // namespace inlay::cuda
