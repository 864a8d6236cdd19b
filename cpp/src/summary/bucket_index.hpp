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
inline constexpr std::uint32_t kMagnitudeF32 = ~std::uint32_t{0} >> 1;
inline constexpr std::uint64_t kMinNormalF64 = std::uint64_t{1} << 52;
inline constexpr std::uint64_t kInfinityF64 = std::uint64_t{0x7FF} << 52;

/// Index at the scale kFinestScale - shift of a normal number above the smallest, given by the bits
/// of its magnitude.
[[gnu::always_inline]] inline std::int64_t table_index(std::uint64_t magnitude,
                                                       const std::uint64_t* cells,
                                                       int shift) noexcept {
  const std::uint64_t cell = (magnitude >> (52 - kCellBits)) & (kCells - 1);
  return static_cast<std::int64_t>(magnitude + cells[cell]) >> (kIndexShiftF64 + shift);
}

/// The same for a float.
[[gnu::always_inline]] inline std::int32_t table_index(std::uint32_t magnitude,
                                                       const std::uint32_t* cells,
                                                       int shift) noexcept {
  const std::uint32_t cell = (magnitude >> (23 - kCellBits)) & (kCells - 1);
  return static_cast<std::int32_t>(magnitude + cells[cell]) >> (kIndexShiftF32 + shift);
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
