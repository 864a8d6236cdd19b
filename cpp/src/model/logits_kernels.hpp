#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// Entries that the loops are given at a time: short enough for the first-level cache beside a
/// copy, long enough to hide what is done once a block.
inline constexpr std::size_t kLogitsBlock = 2048;
/// Blocks are padded with -infinity to a multiple of this.
inline constexpr std::size_t kLogitsLanes = 16;

/// What one look at a block tells. With a NaN among the entries it tells nothing.
template <class T>
struct LogitsScan {
  T top;
  T second;  // of the others; equal to top where that occurs twice
  T lowest;
  std::uint64_t above;  // entries greater than the chosen one
};

struct LogitsEntries {
  std::uint64_t nan;
  std::uint64_t pos_inf;
  std::uint64_t neg_inf;
};

/// The loops over the entries of a row, one set per instruction set, all with the same results bit
/// for bit. Sizes are multiples of kLogitsLanes.
///
/// | loop     | reads         | accumulates                   | order                           |
/// |----------|---------------|-------------------------------|---------------------------------|
/// | scan     | f32 f64       | extremes, integers            | any: exact                      |
/// | sum      | f32           | f32, 16 lanes, then f64       | entry i to lane i % 16, a tree  |
/// | count    | f32 f64       | integers                      | any: exact                      |
/// | widen    | f16 bf16      | nothing                       | exact                           |
/// | below    | f64 to f32    | nothing                       | rounded once                    |
struct LogitsKernels {
  /// `chosen` infinite: nothing is above it, and it is not looked for.
  void (*scan_f32)(const float* entries, std::size_t size, float chosen,
                   LogitsScan<float>& out) noexcept;
  void (*scan_f64)(const double* entries, std::size_t size, double chosen,
                   LogitsScan<double>& out) noexcept;
  /// Sums of 2^y and of y * 2^y with y = (entry - top) / ln 2, entries at most top. `weighted` is
  /// NaN if any entry is. Meanwhile `ahead`, as many floats, is brought into the cache; null: not.
  void (*sum)(const float* entries, std::size_t size, float top, const float* ahead, double& rest,
              double& weighted) noexcept;
  void (*count_f32)(const float* entries, std::size_t size, LogitsEntries& out) noexcept;
  void (*count_f64)(const double* entries, std::size_t size, LogitsEntries& out) noexcept;
  void (*widen_f16)(const std::uint16_t* entries, std::size_t size, float* out) noexcept;
  void (*widen_bf16)(const std::uint16_t* entries, std::size_t size, float* out) noexcept;
  void (*below)(const double* entries, std::size_t size, double top, float* out) noexcept;
};

extern const LogitsKernels kLogitsKernelsScalar;
#if defined(__x86_64__)
extern const LogitsKernels kLogitsKernelsAvx2;
extern const LogitsKernels kLogitsKernelsAvx512;
#endif

/// The set that goes with summary_kernels().
const LogitsKernels& logits_kernels() noexcept;

}  // namespace inlay::detail
