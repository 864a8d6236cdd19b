#pragma once

#include <cstdint>

namespace inlay::detail {

/// Capacities of a KLL sketch's levels, as in Apache DataSketches: k at the top, 2/3 of it,
/// rounded, for each level below, at least 8. Readers derive the place of the items from them.
inline constexpr unsigned kKllMinLevelCapacity = 8;

/// k * (2/3)^depth, rounded to nearest, for depth up to 60; in two steps beyond 30, as there.
constexpr std::uint32_t kll_scaled_down(std::uint64_t k, unsigned depth) noexcept {
  if (depth > 30) return kll_scaled_down(kll_scaled_down(k, depth / 2), depth - depth / 2);
  std::uint64_t power_of_3 = 1;
  for (unsigned i = 0; i < depth; ++i) power_of_3 *= 3;
  return static_cast<std::uint32_t>((((k << 1) << depth) / power_of_3 + 1) >> 1);
}

constexpr std::uint32_t kll_level_capacity(unsigned k, unsigned levels, unsigned level) noexcept {
  const std::uint32_t scaled = kll_scaled_down(k, levels - 1 - level);
  return scaled < kKllMinLevelCapacity ? kKllMinLevelCapacity : scaled;
}

constexpr std::uint32_t kll_capacity(unsigned k, unsigned levels) noexcept {
  std::uint32_t total = 0;
  for (unsigned level = 0; level < levels; ++level) total += kll_level_capacity(k, levels, level);
  return total;
}

/// What a level may hold in our bytes: no more than above, and one item alone from the ninth below
/// the top down, so that bytes stop growing with the number of values. One compaction there weighs
/// 2^-18 of one at the top.
constexpr std::uint32_t kll_sealed_capacity(unsigned k, unsigned levels, unsigned level) noexcept {
  const std::uint32_t scaled = kll_scaled_down(k, levels - 1 - level);
  if (scaled >= kKllMinLevelCapacity) return scaled;
  return levels - 1 - level < 9 ? kKllMinLevelCapacity : 1;
}

}  // namespace inlay::detail
