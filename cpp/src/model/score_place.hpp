#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <inlay/model/score_histogram.hpp>
#include <utility>

// Where scores go in a ScoreHistogram: bins are numbered from 0 on each side of its middle, and a
// place is side, page and bin, doubled to leave room for the label.

namespace inlay::detail {

inline constexpr std::uint32_t kProbabilityBins = 39 * 128 + 1;
inline constexpr std::uint32_t kLogitBins = 2048 + 5 * 1024;

// Exponent and 7 bits of the fraction, of the bin numbered 0: the last one below 2^-40.
inline constexpr std::uint32_t kFirstProbabilityF64 = ((1023 - 40) << 7) - 1;
inline constexpr std::uint32_t kFirstProbabilityF32 = ((127 - 40) << 7) - 1;

/// Where the places of a side begin.
constexpr std::uint32_t upper_side(ScoreKind kind) {
  return static_cast<std::uint32_t>(ScoreHistogram::pages_per_side(kind) << 8);
}

inline std::uint16_t probability_place(double score) noexcept {
  const bool upper = score >= 0.5;
  const double low = upper ? 1.0 - score : score;  // exact from 1/2 on
  const auto bits = static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(low) >> 45);
  const std::uint32_t bin =
      std::min(std::max(bits, kFirstProbabilityF64) - kFirstProbabilityF64, kProbabilityBins - 1);
  return static_cast<std::uint16_t>(2 * bin + (upper ? upper_side(ScoreKind::kProbability) : 0));
}

inline std::uint16_t logit_place(double score) noexcept {
  const double size = std::fabs(score);
  std::uint32_t bin = 0;
  if (size < 16.0) {
    bin = static_cast<std::uint32_t>(size * 128.0);
  } else {
    const auto bits = static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(size) >> 42);
    bin = std::min(2048 + bits - ((1023U + 4U) << 10), kLogitBins - 1);
  }
  return static_cast<std::uint16_t>(2 * bin + (score >= 0.0 ? upper_side(ScoreKind::kLogit) : 0));
}

/// The scores of a bin, as Bin has them. The other side's are mirrored.
inline std::pair<double, double> score_range(ScoreKind kind, std::size_t bin, bool upper) noexcept {
  const auto edge = [&](std::size_t i) {
    if (kind == ScoreKind::kLogit) {
      if (i <= 2048) return static_cast<double>(i) / 128.0;
      return std::bit_cast<double>((i - 2048 + ((1023ULL + 4) << 10)) << 42);
    }
    if (i == 0) return 0.0;
    return std::bit_cast<double>((i + kFirstProbabilityF64) << 45);
  };
  const double near = edge(bin);
  double far = edge(bin + 1);
  if (kind == ScoreKind::kLogit) {
    if (bin + 1 == kLogitBins) far = INFINITY;
    return upper ? std::pair{near, far} : std::pair{-far, -near};
  }
  if (bin + 1 == kProbabilityBins) far = 0.5;
  return upper ? std::pair{1.0 - far, 1.0 - near} : std::pair{near, far};
}

}  // namespace inlay::detail
