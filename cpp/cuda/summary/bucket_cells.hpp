#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace inlay::cuda {

// The integer table of cpp/src/summary/bucket_index.hpp, made for one scale: a table for scale s
// needs but 2^(s+1) cells an octave, since the narrowest bucket, 2^(2^-s) - 1, is wider than such a
// cell. At the default scale that is 256 bytes of floats, so shared memory holds a copy per bank.

inline constexpr int kFinestTableScale = 8;

/// floor(2^52 * (2^(k/256) - 1)), the mantissas that begin the finest buckets of an octave.
inline constexpr std::uint64_t kOctaveBoundaries[1 << kFinestTableScale] = {
#include "summary/bucket_boundaries.inc"
};

template <class Bits>
struct MantissaOf;
template <>
struct MantissaOf<std::uint32_t> {
  static constexpr int kBits = 23;
  static constexpr int kBias = 127;
};
template <>
struct MantissaOf<std::uint64_t> {
  static constexpr int kBits = 52;
  static constexpr int kBias = 1023;
};

/// Entries such that (magnitude + cells[cell]) >> (mantissa bits - scale) is the bucket of a normal
/// number above the smallest, its cell being the leading scale + 1 bits of the mantissa. `scale`
/// lies within 0 to 8.
template <class Bits>
std::vector<Bits> make_bucket_cells(int scale) {
  constexpr int kMantissa = MantissaOf<Bits>::kBits;
  const int boundaries = 1 << scale;
  const int cell_bits = scale + 1;
  std::vector<Bits> cells(std::size_t{1} << cell_bits);
  int next = 0;  // the first boundary not below the cell
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    const std::uint64_t begin = static_cast<std::uint64_t>(cell) << (52 - cell_bits);
    const std::uint64_t end = static_cast<std::uint64_t>(cell + 1) << (52 - cell_bits);
    const auto boundary = [&](int k) {
      return kOctaveBoundaries[k << (kFinestTableScale - scale)];
    };
    const bool cut = next < boundaries && boundary(next) < end;
    // The mantissa that index `target` begins at: behind the boundary, or the whole cell.
    const std::uint64_t aligned =
        cut ? (boundary(next) >> (52 - kMantissa)) + 1 : begin >> (52 - kMantissa);
    const int target = (cut ? next : next - 1) - MantissaOf<Bits>::kBias * boundaries;
    cells[cell] = static_cast<Bits>((static_cast<Bits>(target) << (kMantissa - scale)) -
                                    static_cast<Bits>(aligned));
    if (cut) ++next;
  }
  return cells;
}

}  // namespace inlay::cuda
