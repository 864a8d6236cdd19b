#pragma once

#include <array>
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

/// Counts (uint16_t, uint32_t or uint64_t) of the buckets from index `first` on.
struct BucketRun {
  void* counts;
  std::int32_t first;
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
/// | near_zero | f64 f32 | f64, integers                | any: exact                             |
/// | scatter   | f64 f32 | u16, u32 or u64 counts       | any: integers                          |
struct SummaryKernels {
  const char* name;

  /// Sums over 1 to kBlockSize values. Any NaN, infinity or overflow leaves power4 not finite.
  void (*sums_f64)(const double* values, std::size_t size, double origin, BlockSums& out) noexcept;
  void (*sums_f32)(const float* values, std::size_t size, double origin, BlockSums& out) noexcept;
  /// Extremes alone; power4 is 0, or NaN if any value is not finite.
  void (*extent_f64)(const double* values, std::size_t size, BlockSums& out) noexcept;
  void (*extent_f32)(const float* values, std::size_t size, BlockSums& out) noexcept;
  /// Counts zeros and finds the smallest magnitude that is none; infinite if all are. Finite
  /// values.
  std::size_t (*near_zero_f64)(const double* values, std::size_t size, double& smallest) noexcept;
  std::size_t (*near_zero_f32)(const float* values, std::size_t size, double& smallest) noexcept;

  /// Adds 1 to the bucket of each of up to kBlockSize values:
  /// to_side[0].counts[index - to_side[0].first] if positive, to_side[1] if negative, at the scale
  /// kFinestScale - shift. Values must be zero or above the smallest normal number of their type in
  /// magnitude, and finite; zeros, allowed if `zeros`, are passed over. All buckets must lie within
  /// the runs. A count takes `width` bytes.
  void (*scatter_f64)(const double* values, std::size_t size, int shift, const BucketRun* to_side,
                      bool zeros, unsigned width) noexcept;
  void (*scatter_f32)(const float* values, std::size_t size, int shift, const BucketRun* to_side,
                      bool zeros, unsigned width) noexcept;
  /// The same if all values have one sign, which is quicker.
  void (*scatter_one_side_f64)(const double* values, std::size_t size, int shift, BucketRun to,
                               bool minus, unsigned width) noexcept;
  void (*scatter_one_side_f32)(const float* values, std::size_t size, int shift, BucketRun to,
                               bool minus, unsigned width) noexcept;
};

extern const SummaryKernels kSummaryKernelsScalar;
#if defined(__x86_64__)
extern const SummaryKernels kSummaryKernelsAvx2;
extern const SummaryKernels kSummaryKernelsAvx512;
#endif

/// All sets of this build, the widest first; null where the architecture has fewer.
std::array<const SummaryKernels*, 3> all_summary_kernels() noexcept;

/// The set in use: the widest this machine has, or the one INLAY_FORCE_ISA names.
const SummaryKernels& summary_kernels() noexcept;

/// Uses a set from here on, for tests; false if this machine cannot run it. Not while others sum.
bool use_summary_kernels(const SummaryKernels& kernels) noexcept;

}  // namespace inlay::detail
