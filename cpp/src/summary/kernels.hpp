#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// Power sums of the distances of up to kBlockSize values from an origin, and their extremes.
struct BlockSums {
  double power1;
  double power2;
  double power3;
  double power4;
  double min;
  double max;
};

/// Values summed before their sums are merged into a state: long enough to hide the merge, short
/// enough for the first-level cache and for exact sums of integers.
inline constexpr std::size_t kBlockSize = 1024;

/// The loops over values, one set per instruction set, all with the same results bit for bit.
///
/// | loop      | reads   | accumulates                  | order                                  |
/// |-----------|---------|------------------------------|----------------------------------------|
/// | sums      | f64 f32 | f64, 16 lanes a power        | value i to lane i % 16, lanes in a tree |
/// | extent    | f64 f32 | f64                          | any: min and max are exact             |
/// | split     | f64     | int32 indices                | any: integers                          |
/// | scatter   | f64 f32 | u32 or u64 counts            | any: integers                          |
struct SummaryKernels {
  const char* name;

  /// Sums over 1 to kBlockSize values. Any NaN, infinity or overflow leaves power4 not finite.
  void (*sums_f64)(const double* values, std::size_t size, double origin, BlockSums& out) noexcept;
  void (*sums_f32)(const float* values, std::size_t size, double origin, BlockSums& out) noexcept;
  /// Extremes alone; power4 is 0, or NaN if any value is not finite.
  void (*extent_f64)(const double* values, std::size_t size, BlockSums& out) noexcept;
  void (*extent_f32)(const float* values, std::size_t size, BlockSums& out) noexcept;
  std::size_t (*zeros_f64)(const double* values, std::size_t size) noexcept;
  std::size_t (*zeros_f32)(const float* values, std::size_t size) noexcept;

  /// Finest biased indices (kBiasF64) of positive and of negative values; what is zero, subnormal
  /// or the smallest normal number is left out. Both outputs hold `size`. Values must be finite.
  void (*split)(const double* values, std::size_t size, std::int32_t* positive,
                std::size_t& num_positive, std::int32_t* negative,
                std::size_t& num_negative) noexcept;
  /// counts[(index >> shift) - first] += 1 for each; `first` includes the shifted bias.
  void (*scatter_indices)(const std::int32_t* indices, std::size_t size, int shift,
                          std::int32_t first, void* counts, bool wide) noexcept;
  /// The same from values all of one sign, finite, and of magnitudes above the smallest normal
  /// number of their type; `first` includes the shifted kBiasF64 or kBiasF32.
  void (*scatter_f64)(const double* values, std::size_t size, int shift, std::int32_t first,
                      void* counts, bool wide) noexcept;
  void (*scatter_f32)(const float* values, std::size_t size, int shift, std::int32_t first,
                      void* counts, bool wide) noexcept;
};

extern const SummaryKernels kSummaryKernelsScalar;

/// The set in use: the widest this machine has, or the one INLAY_FORCE_ISA names.
const SummaryKernels& summary_kernels() noexcept;

}  // namespace inlay::detail
