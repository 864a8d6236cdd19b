#pragma once

#include <cstring>

#include "runtime/device_code.cuh"
#include "runtime/element.cuh"

// Integers that order as values do: what sorts take.

namespace inlay::cuda {

/// A key that orders as the values do; zeros of either sign are one value.
template <class Key>
INLAY_HOST_DEVICE inline Key sample_key(double value) {
  if constexpr (sizeof(Key) == 4) {
    const std::uint32_t bits = bits_of(static_cast<float>(value) + 0.0F);
    return bits ^ ((0U - (bits >> 31)) | 0x80000000U);
  } else {
    const std::uint64_t bits = bits_of(value + 0.0);
    return bits ^ ((std::uint64_t{0} - (bits >> 63)) | std::uint64_t{1} << 63);
  }
}

template <class Key>
INLAY_HOST_DEVICE inline double key_value(Key key) {
  if constexpr (sizeof(Key) == 4) {
    return float_of_bits(key ^ (((key >> 31) - 1U) | 0x80000000U));
  } else {
    const std::uint64_t bits = key ^ (((key >> 63) - 1U) | std::uint64_t{1} << 63);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
  }
}

}  // namespace inlay::cuda
