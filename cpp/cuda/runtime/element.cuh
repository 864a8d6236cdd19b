#pragma once

// Plain C++ too: host code reads tensors by it.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inlay/host_device.hpp>

namespace inlay::cuda {

/// The types a tensor's elements may have.
enum class Element : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3,  // "fn": no infinities, one NaN
  kF8E5M2,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,
};

INLAY_HOST_DEVICE constexpr std::size_t size_of(Element element) {
  switch (element) {
    case Element::kF64:
    case Element::kI64:
      return 8;
    case Element::kF32:
    case Element::kI32:
      return 4;
    case Element::kF16:
    case Element::kBF16:
    case Element::kI16:
      return 2;
    default:
      return 1;
  }
}

INLAY_HOST_DEVICE constexpr bool is_float(Element element) {
  return element == Element::kF64 || element == Element::kF32 || element == Element::kF16 ||
         element == Element::kBF16 || element == Element::kF8E4M3 || element == Element::kF8E5M2;
}

// Storage types: the bits as they lie in memory. `Real` is what arithmetic on them uses: every
// value of the narrow types is a float, and float keeps them exactly.
struct Half {
  using Real = float;
  std::uint16_t bits;
};
struct BFloat16 {
  using Real = float;
  std::uint16_t bits;
};
struct Float8E4M3 {
  using Real = float;
  std::uint8_t bits;
};
struct Float8E5M2 {
  using Real = float;
  std::uint8_t bits;
};

template <class T>
struct RealOf {
  using type = typename T::Real;
};
template <>
struct RealOf<float> {
  using type = float;
};
template <>
struct RealOf<double> {
  using type = double;
};
// 8 and 16 bits fit a float, wider integers a double (int64 beyond 53 bits rounded to nearest).
template <>
struct RealOf<std::int8_t> {
  using type = float;
};
template <>
struct RealOf<std::uint8_t> {
  using type = float;
};
template <>
struct RealOf<std::int16_t> {
  using type = float;
};
template <>
struct RealOf<std::int32_t> {
  using type = double;
};
template <>
struct RealOf<std::int64_t> {
  using type = double;
};
template <>
struct RealOf<bool> {
  using type = float;
};
template <class T>
using Real = typename RealOf<T>::type;

INLAY_HOST_DEVICE inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
INLAY_HOST_DEVICE inline std::uint64_t bits_of(double value) {
  std::uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
INLAY_HOST_DEVICE inline float float_of_bits(std::uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

INLAY_HOST_DEVICE inline double double_of_bits(std::uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

INLAY_HOST_DEVICE inline double to_real(double v) { return v; }
INLAY_HOST_DEVICE inline float to_real(float v) { return v; }
INLAY_HOST_DEVICE inline float to_real(std::int8_t v) { return static_cast<float>(v); }
INLAY_HOST_DEVICE inline float to_real(std::uint8_t v) { return static_cast<float>(v); }
INLAY_HOST_DEVICE inline float to_real(std::int16_t v) { return static_cast<float>(v); }
INLAY_HOST_DEVICE inline double to_real(std::int32_t v) { return static_cast<double>(v); }
INLAY_HOST_DEVICE inline double to_real(std::int64_t v) { return static_cast<double>(v); }
INLAY_HOST_DEVICE inline float to_real(bool v) { return v ? 1.0F : 0.0F; }

INLAY_HOST_DEVICE inline float to_real(BFloat16 v) {
  return float_of_bits(static_cast<std::uint32_t>(v.bits) << 16);
}

/// IEEE half: 5 bits of exponent, 10 of mantissa.
INLAY_HOST_DEVICE inline float to_real(Half v) {
  const std::uint32_t sign = static_cast<std::uint32_t>(v.bits & 0x8000U) << 16;
  const std::uint32_t magnitude = v.bits & 0x7FFFU;
  if (magnitude >= 0x7C00U) return float_of_bits(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13));
  // Placed 112 octaves too low, subnormal ones included; the product is exact.
  return float_of_bits(sign | (magnitude << 13)) * 0x1p112F;
}

/// E5M2 is the upper byte of a half.
INLAY_HOST_DEVICE inline float to_real(Float8E5M2 v) {
  return to_real(Half{static_cast<std::uint16_t>(v.bits << 8)});
}

/// E4M3: bias 7, no infinities, NaN where all seven bits of the magnitude are set.
INLAY_HOST_DEVICE inline float to_real(Float8E4M3 v) {
  const std::uint32_t sign = static_cast<std::uint32_t>(v.bits & 0x80U) << 24;
  const std::uint32_t magnitude = v.bits & 0x7FU;
  if (magnitude == 0x7FU) return float_of_bits(sign | 0x7FC00000U);
  return float_of_bits(sign | (magnitude << 20)) * 0x1p120F;
}

/// One element as a double: every type's values but the largest 64-bit integers, exactly. The type
/// is the same for all threads of a launch, so that the choice costs little.
INLAY_HOST_DEVICE inline double element_at(const void* data, Element element, std::int64_t at) {
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

}  // namespace inlay::cuda
