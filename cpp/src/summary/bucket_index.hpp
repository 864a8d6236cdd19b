#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace inlay::detail {

// Finding the bucket of a value without logarithms.
//
// Take the bits of the magnitude less one. The subtraction makes upper bounds belong to their
// bucket: 2^e becomes the last value of the octave below. The exponent then names the octave, and
// the mantissa m is compared with 2^(k/256) - 1, of which only the integer part matters as all but
// k = 0 are irrational. An octave is cut into 512 equal cells, narrower than the narrowest bucket
// (2^(1/256) - 1 > 1/512), so a cell holds at most one boundary and one comparison decides. The
// comparison is an addition: adding ((k << 52) - boundary) carries into bit 52 exactly when
// m >= boundary. Coarser scales are subsets: their index is the finest one shifted right.

inline constexpr int kFinestScale = 8;
inline constexpr int kCellBits = kFinestScale + 1;
inline constexpr int kCells = 1 << kCellBits;

extern const std::array<std::uint64_t, kCells> kCellsF64;
extern const std::array<std::uint32_t, kCells> kCellsF32;

inline constexpr std::uint64_t kMantissaF64 = (std::uint64_t{1} << 52) - 1;
inline constexpr std::uint64_t kMagnitudeF64 = ~std::uint64_t{0} >> 1;
inline constexpr std::uint64_t kMinNormalF64 = std::uint64_t{1} << 52;
inline constexpr std::uint64_t kInfinityF64 = std::uint64_t{0x7FF} << 52;
inline constexpr std::uint32_t kMantissaF32 = (std::uint32_t{1} << 23) - 1;
inline constexpr std::uint32_t kMagnitudeF32 = ~std::uint32_t{0} >> 1;

// What the tables' octaves count from. Multiples of every power of two that a scale shifts by, so
// that they may be taken off after the shift.
inline constexpr std::int32_t kBiasF64 = 1024 << kFinestScale;
inline constexpr std::int32_t kBiasF32 = 128 << kFinestScale;

/// Finest index plus kBiasF64. `below` is the bits of a magnitude, less one, and at least
/// kMinNormalF64; the magnitude is finite.
[[gnu::always_inline]] inline std::int32_t biased_index_f64(std::uint64_t below,
                                                            const std::uint64_t* cells) noexcept {
  const std::uint64_t cell = (below >> (52 - kCellBits)) & (kCells - 1);
  const auto within = static_cast<std::int32_t>(((below & kMantissaF64) + cells[cell]) >> 52);
  return (static_cast<std::int32_t>(below >> 52) << kFinestScale) + within;
}

/// The same for a float: `below` is at least 2^23; the result is the finest index plus kBiasF32.
[[gnu::always_inline]] inline std::int32_t biased_index_f32(std::uint32_t below,
                                                            const std::uint32_t* cells) noexcept {
  const std::uint32_t cell = (below >> (23 - kCellBits)) & (kCells - 1);
  const auto within = static_cast<std::int32_t>(((below & kMantissaF32) + cells[cell]) >> 23);
  return (static_cast<std::int32_t>(below >> 23) << kFinestScale) + within;
}

/// Finest index of any finite magnitude but zero, given by its bits.
inline std::int32_t finest_index(std::uint64_t magnitude) noexcept {
  std::uint64_t below = magnitude - 1;
  std::int32_t octaves = 0;
  if (below < kMinNormalF64) {
    // Subnormal, or the smallest normal: times 2^64 is exact and far from the limits.
    below = std::bit_cast<std::uint64_t>(std::bit_cast<double>(magnitude) * 0x1p64) - 1;
    octaves = 64;
  }
  return biased_index_f64(below, kCellsF64.data()) - kBiasF64 - (octaves << kFinestScale);
}

}  // namespace inlay::detail
