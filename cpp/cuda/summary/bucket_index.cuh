#pragma once

#include <type_traits>

#include "runtime/element.cuh"

namespace inlay::cuda {

/// What is known about the bits of a float or a double.
template <class R>
struct RealBits;
template <>
struct RealBits<float> {
  using Bits = std::uint32_t;
  using Index = std::int32_t;
  static constexpr int kMantissa = 23;
  static constexpr Bits kMagnitude = 0x7FFFFFFFU;
  static constexpr Bits kInfinity = 0x7F800000U;
  static constexpr Bits kMinNormal = 0x00800000U;
  static constexpr int kMinExponent = -126;
  static constexpr int kMaxExponent = 128;  // of the first number that is too large
};
template <>
struct RealBits<double> {
  using Bits = std::uint64_t;
  using Index = std::int64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kMagnitude = ~std::uint64_t{0} >> 1;
  static constexpr Bits kInfinity = std::uint64_t{0x7FF} << 52;
  static constexpr Bits kMinNormal = std::uint64_t{1} << 52;
  static constexpr int kMinExponent = -1022;
  static constexpr int kMaxExponent = 1024;
};

INLAY_HOST_DEVICE inline double real_of_bits(std::uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
INLAY_HOST_DEVICE inline float real_of_bits(std::uint32_t bits) { return float_of_bits(bits); }

/// Bucket of a normal number above the smallest, at the scale (0 to 8) that `cells` was made for.
template <class Bits>
INLAY_HOST_DEVICE inline int normal_bucket(Bits magnitude, Bits cell_entry, int mantissa,
                                           int scale) {
  using Index = std::conditional_t<sizeof(Bits) == 4, std::int32_t, std::int64_t>;
  return static_cast<int>(static_cast<Index>(magnitude + cell_entry) >> (mantissa - scale));
}

/// Bucket of any finite magnitude but zero, given by its bits.
template <class R>
INLAY_HOST_DEVICE inline int bucket_of(typename RealBits<R>::Bits magnitude,
                                       const typename RealBits<R>::Bits* cells, int scale) {
  using K = RealBits<R>;
  using Bits = typename K::Bits;
  int octaves = 0;
  if (magnitude <= K::kMinNormal) {
    // Times 2^64 is exact, and far from the limits.
    magnitude = bits_of(static_cast<R>(real_of_bits(magnitude) * static_cast<R>(0x1p64)));
    octaves = 64;
  }
  const Bits cell = magnitude >> (K::kMantissa - scale - 1) & ((Bits{2} << scale) - 1);
  return normal_bucket(magnitude, cells[cell], K::kMantissa, scale) - (octaves << scale);
}

}  // namespace inlay::cuda
