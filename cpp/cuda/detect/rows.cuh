#pragma once

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"

namespace inlay::cuda {

/// One element as a double: every type's values but the largest 64-bit integers, exactly. The type
/// is the same for all threads of a launch, so that the choice costs little.
__device__ inline double element_at(const void* data, Element element, std::int64_t at) {
  switch (element) {
    case Element::kF64:
      return static_cast<const double*>(data)[at];
    case Element::kF32:
      return to_real(static_cast<const float*>(data)[at]);
    case Element::kF16:
      return to_real(static_cast<const Half*>(data)[at]);
    case Element::kBF16:
      return to_real(static_cast<const BFloat16*>(data)[at]);
    case Element::kF8E4M3:
      return to_real(static_cast<const Float8E4M3*>(data)[at]);
    case Element::kF8E5M2:
      return to_real(static_cast<const Float8E5M2*>(data)[at]);
    case Element::kI64:
      return to_real(static_cast<const std::int64_t*>(data)[at]);
    case Element::kI32:
      return to_real(static_cast<const std::int32_t*>(data)[at]);
    case Element::kI16:
      return to_real(static_cast<const std::int16_t*>(data)[at]);
    case Element::kI8:
      return to_real(static_cast<const std::int8_t*>(data)[at]);
    case Element::kU8:
      return to_real(static_cast<const std::uint8_t*>(data)[at]);
    default:
      return to_real(static_cast<const bool*>(data)[at]);
  }
}

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
