#include <array>

#include "summary/bucket_index.hpp"

namespace inlay::detail {
namespace {

constexpr int kBoundaries = 1 << kFinestScale;

constexpr std::uint64_t kBoundary[kBoundaries] = {
#include "summary/bucket_boundaries.inc"
};

// Adds to a mantissa so that its high bits become 256 + the number of boundaries at or below it.
// The 256 makes up for the exponent's odd bias (1023, 127).
template <class Bits, int kMantissaBits>
constexpr std::array<Bits, kCells> make_cells() {
  std::array<Bits, kCells> cells{};
  for (int cell = 0; cell < kCells; ++cell) {
    const std::uint64_t begin = std::uint64_t(cell) << (52 - kCellBits);
    const std::uint64_t end = std::uint64_t(cell + 1) << (52 - kCellBits);
    int below = 0;  // boundaries before the cell, k = 0 aside
    std::uint64_t inside = std::uint64_t{1} << 52;
    for (int k = 1; k < kBoundaries; ++k) {
      if (kBoundary[k] < begin) ++below;
      if (kBoundary[k] >= begin && kBoundary[k] < end) inside = kBoundary[k];
    }
    // A float's mantissa less one is at or above the boundary's leading bits exactly when the
    // float lies above the boundary, since the boundary is irrational.
    const Bits threshold = static_cast<Bits>(inside >> (52 - kMantissaBits));
    cells[static_cast<std::size_t>(cell)] =
        static_cast<Bits>((Bits(kBoundaries + below + 1) << kMantissaBits) - threshold);
  }
  return cells;
}

constexpr bool cells_hold_one_boundary() {
  for (int k = 1; k < kBoundaries - 1; ++k) {
    if (kBoundary[k] >> (52 - kCellBits) == kBoundary[k + 1] >> (52 - kCellBits)) return false;
  }
  return true;
}
static_assert(cells_hold_one_boundary());

}  // namespace

constinit const std::array<std::uint64_t, kCells> kCellsF64 = make_cells<std::uint64_t, 52>();
constinit const std::array<std::uint32_t, kCells> kCellsF32 = make_cells<std::uint32_t, 23>();

}  // namespace inlay::detail
