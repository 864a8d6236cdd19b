#include <cstddef>

#include "summary/bucket_index.hpp"

namespace inlay::detail {
namespace {

constexpr int kBoundaries = 1 << kFinestScale;

constexpr std::uint64_t kBoundary[kBoundaries] = {
#include "summary/bucket_boundaries.inc"
};

constexpr bool cells_hold_one_boundary() {
  for (int k = 0; k < kBoundaries - 1; ++k) {
    if (kBoundary[k] >> (52 - kCellBits) == kBoundary[k + 1] >> (52 - kCellBits)) return false;
  }
  return true;
}
static_assert(cells_hold_one_boundary());

// Indices count from the octave of exponent 0, whose bits are kExponentBias.
template <class Bits, int kMantissaBits, int kExponentBias>
constexpr std::array<Bits, kCells> make_cells() {
  constexpr int kIndexShift = kMantissaBits - kFinestScale;
  std::array<Bits, kCells> cells{};
  int next = 0;  // the first boundary not below the cell
  for (int cell = 0; cell < kCells; ++cell) {
    const std::uint64_t begin = static_cast<std::uint64_t>(cell) << (52 - kCellBits);
    const std::uint64_t end = static_cast<std::uint64_t>(cell + 1) << (52 - kCellBits);
    const bool cut = next < kBoundaries && kBoundary[next] < end;
    // Aligned is the mantissa that index `target` begins at: behind the boundary, or, without one,
    // the whole cell belongs to the bucket that the last boundary began.
    const std::uint64_t aligned =
        cut ? (kBoundary[next] >> (52 - kMantissaBits)) + 1 : begin >> (52 - kMantissaBits);
    const int target = (cut ? next : next - 1) - kExponentBias * kBoundaries;
    cells[static_cast<std::size_t>(cell)] =
        static_cast<Bits>((static_cast<Bits>(target) << kIndexShift) - static_cast<Bits>(aligned));
    if (cut) ++next;
  }
  return cells;
}

}  // namespace

constinit const std::array<std::uint64_t, kCells> kCellsF64 = make_cells<std::uint64_t, 52, 1023>();
constinit const std::array<std::uint32_t, kCells> kCellsF32 = make_cells<std::uint32_t, 23, 127>();

}  // namespace inlay::detail
