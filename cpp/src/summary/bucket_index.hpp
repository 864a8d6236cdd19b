#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace inlay::detail {

// Finding the bucket of a value without logarithms: one table entry, one addition, one shift.
//
// At the finest scale 8, bucket k of an octave begins above the mantissa 2^(k/256) - 1. An octave
// is cut into 512 equal cells, narrower than the narrowest bucket (2^(1/256) - 1 > 1/512), so a
// cell holds at most one boundary. The cell's entry moves the boundary to a multiple of 2^44 of the
// value's bits: after adding it, the bits above the 44th count the octaves' 256 buckets each and
// the boundaries below the value, which is the index. Within a cell the sum moves by less than 2^43
// either way, so it cannot reach another multiple. Boundaries with k > 0 are irrational: a value
// lies above one exactly when its mantissa exceeds the boundary's integer part. The octave's own
// beginning is the boundary k = 0 of cell 0, and since upper bounds belong to the bucket below,
// "exceeds" is right there too.
//
// Coarser scales are subsets: their index is the finest one shifted right, so the two shifts are
// one. The sign bit, if left in place, adds a constant to the index.

inline constexpr int kFinestScale = 8;
inline constexpr int kCellBits = kFinestScale + 1;
inline constexpr int kCells = 1 << kCellBits;
inline constexpr int kIndexShiftF64 = 52 - kFinestScale;
inline constexpr int kIndexShiftF32 = 23 - kFinestScale;

extern const std::array<std::uint64_t, kCells> kCellsF64;
extern const std::array<std::uint32_t, kCells> kCellsF32;

inline constexpr std::uint64_t kMagnitudeF64 = ~std::uint64_t{0} >> 1;
inline constexpr std::uint64_t kMinNormalF64 = std::uint64_t{1} << 52;
inline constexpr std::uint64_t kInfinityF64 = std::uint64_t{0x7FF} << 52;

// What indices from the tables are too high by: a float's, so that it stays above zero when its
// sign bit is left in place, and those of negative numbers whose sign bit was. Multiples of every
// power of two that a scale shifts by, so that they may be taken off after the shift.
inline constexpr std::int32_t kBiasF64 = 0;
inline constexpr std::int32_t kBiasF32 = 128 << kFinestScale;
inline constexpr std::int32_t kSignF64 = -(2048 << kFinestScale);
inline constexpr std::int32_t kSignF32 = 256 << kFinestScale;

/// Index at the scale kFinestScale - shift, plus kSignF64 >> shift if the sign bit is set. For bits
/// of normal numbers above the smallest in magnitude.
[[gnu::always_inline]] inline std::int64_t table_index(std::uint64_t bits,
                                                       const std::uint64_t* cells,
                                                       int shift) noexcept {
  const std::uint64_t cell = (bits >> (52 - kCellBits)) & (kCells - 1);
  return static_cast<std::int64_t>(bits + cells[cell]) >> (kIndexShiftF64 + shift);
}

/// The same for a float, plus kBiasF32 >> shift, and kSignF32 >> shift if the sign bit is set.
[[gnu::always_inline]] inline std::int64_t table_index(std::uint32_t bits,
                                                       const std::uint32_t* cells,
                                                       int shift) noexcept {
  const std::uint32_t cell = (bits >> (23 - kCellBits)) & (kCells - 1);
  return (bits + cells[cell]) >> (kIndexShiftF32 + shift);
}

/// Finest index of any finite magnitude but zero, given by its bits.
inline std::int32_t finest_index(std::uint64_t magnitude) noexcept {
  std::int32_t octaves = 0;
  if (magnitude <= kMinNormalF64) {
    // Subnormal, or the end of the first normal octave: times 2^64 is exact and far from the
    // limits.
    magnitude = std::bit_cast<std::uint64_t>(std::bit_cast<double>(magnitude) * 0x1p64);
    octaves = 64;
  }
  return static_cast<std::int32_t>(table_index(magnitude, kCellsF64.data(), 0)) -
         (octaves << kFinestScale);
}

}  // namespace inlay::detail
