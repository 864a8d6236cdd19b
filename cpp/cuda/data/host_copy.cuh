#pragma once

// Columns of a tensor, side by side: what is copied to the host for what no kernel computes.
// Elements of 8 bits of floats and bfloat16 become floats, which the host has.

#include <type_traits>

#include "data/elements.hpp"
#include "runtime/device_code.cuh"

namespace inlay::cuda {

/// A boolean as it lies in memory: any byte but 0 is true.
struct BoolByte {
  std::uint8_t byte;
};

/// The type in which a kernel reads elements: bool of a foreign byte would be undefined.
template <class T>
struct StoredAs {
  using type = T;
};
template <>
struct StoredAs<bool> {
  using type = BoolByte;
};

/// What the host gets for an element.
template <class T>
struct HostElement {
  using type = T;
};
template <>
struct HostElement<BFloat16> {
  using type = float;
};
template <>
struct HostElement<Float8E4M3> {
  using type = float;
};
template <>
struct HostElement<Float8E5M2> {
  using type = float;
};
template <>
struct HostElement<BoolByte> {
  using type = bool;
};

/// Writes to[column * rows + row], shared out among all threads of the launch.
template <class T>
__global__ void gather_columns_kernel(const T* data, std::int64_t rows, std::int64_t columns,
                                      std::int64_t row_stride, std::int64_t column_stride,
                                      typename HostElement<T>::type* to) {
  const std::int64_t threads = std::int64_t{gridDim.x} * blockDim.x;
  const std::int64_t first = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (std::int64_t i = first; i < rows * columns; i += threads) {
    const std::int64_t row = i % rows;
    const std::int64_t column = i / rows;
    const T value = data[row * row_stride + column * column_stride];
    if constexpr (std::is_same_v<T, BoolByte>) {
      to[i] = value.byte != 0;
    } else if constexpr (std::is_same_v<T, typename HostElement<T>::type>) {
      to[i] = value;
    } else {
      to[i] = to_real(value);
    }
  }
}

}  // namespace inlay::cuda
