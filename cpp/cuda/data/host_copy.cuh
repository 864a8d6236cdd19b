#pragma once

// Columns of a tensor, side by side: what is copied to the host for what no kernel computes.
// Elements of 8 bits of floats and bfloat16 become floats, which the host has.

#include "data/elements.hpp"
#include "runtime/device_code.cuh"

namespace inlay::cuda {

/// Bytes of what the host gets for an element.
INLAY_HOST_DEVICE constexpr std::size_t host_size_of(Element element) {
  return is_float(element) && element != Element::kF64 && element != Element::kF16
             ? sizeof(float)
             : size_of(element);
}

template <class T>
__device__ __forceinline__ void copy_bits(const void* from, std::int64_t at, void* to,
                                          std::int64_t i) {
  static_cast<T*>(to)[i] = static_cast<const T*>(from)[at];
}

template <class T>
__device__ __forceinline__ void copy_float(const void* from, std::int64_t at, void* to,
                                           std::int64_t i) {
  static_cast<float*>(to)[i] = to_real(static_cast<const T*>(from)[at]);
}

/// Copies element `at` to place i of what the host gets. The element's type is the same for all
/// threads of a launch.
__device__ inline void copy_element(Element element, const void* from, std::int64_t at, void* to,
                                    std::int64_t i) {
  switch (element) {
    case Element::kF64:
    case Element::kI64:
      return copy_bits<std::uint64_t>(from, at, to, i);
    case Element::kF32:
    case Element::kI32:
      return copy_bits<std::uint32_t>(from, at, to, i);
    case Element::kF16:
    case Element::kI16:
      return copy_bits<std::uint16_t>(from, at, to, i);
    case Element::kBF16:
      return copy_float<BFloat16>(from, at, to, i);
    case Element::kF8E4M3:
      return copy_float<Float8E4M3>(from, at, to, i);
    case Element::kF8E5M2:
      return copy_float<Float8E5M2>(from, at, to, i);
    case Element::kBool:  // any byte but 0 is true
      static_cast<bool*>(to)[i] = static_cast<const std::uint8_t*>(from)[at] != 0;
      return;
    default:
      return copy_bits<std::uint8_t>(from, at, to, i);
  }
}

/// Writes place column * rows + row of `to`, shared out among all threads of the launch.
[[maybe_unused]] static __global__ void gather_columns_kernel(
    Element element, const void* data, std::int64_t rows, std::int64_t columns,
    std::int64_t row_stride, std::int64_t column_stride, void* to) {
  const std::int64_t threads = std::int64_t{gridDim.x} * blockDim.x;
  const std::int64_t first = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
#pragma unroll 1
  for (std::int64_t i = first; i < rows * columns; i += threads) {
    const std::int64_t column = i / rows;
    const std::int64_t row = i - column * rows;
    copy_element(element, data, row * row_stride + column * column_stride, to, i);
  }
}

}  // namespace inlay::cuda
