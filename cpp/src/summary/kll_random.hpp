#pragma once

#include <cstdint>

namespace inlay::detail {

/// The step and the output function of SplitMix64 (Steele, Lea, Flood, "Fast Splittable
/// Pseudorandom Number Generators", OOPSLA 2014).
inline constexpr std::uint64_t kRandomStep = 0x9E3779B97F4A7C15;

constexpr std::uint64_t mixed(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace inlay::detail
