#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// Rows a loop is given at a time: short enough for the first-level cache, and for the plain sum of
/// integers of 53 bits to fit 64.
inline constexpr std::size_t kScanBlock = 1024;
/// Words of a block's bitmaps, bit i % 64 of word i / 64 for row i.
inline constexpr std::size_t kScanWords = kScanBlock / 64;

__extension__ typedef __int128 Wide;

/// What a block of floats holds. Sum and extremes are those of its finite values; of none, the sum
/// is 0 and min is above max. Zeros among the extremes have no sign.
struct RealScan {
  double sum;
  double min;
  double max;
  std::uint32_t nans;
  std::uint32_t pos_infs;
  std::uint32_t neg_infs;
};

/// What a block of integers holds; of no value, the sum is 0 and min is above max.
struct WholeScan {
  Wide sum;
  std::int64_t min;
  std::int64_t max;
};

/// The loops over blocks of a column, one set per instruction set, all with the same results bit
/// for bit.
///
/// | loop    | reads           | accumulates                 | order                            |
/// |---------|-----------------|-----------------------------|----------------------------------|
/// | scan    | f64 f32         | f64, 16 lanes               | row i to lane i % 16, then a tree |
/// | scan    | i64 u64 i32     | i64, split where it must be | any: exact                       |
/// | outside | f64 f32 i64 i32 | bits                        | any: exact                       |
/// | absent  | f64 f32 i64 i32 | bits                        | any: exact                       |
///
/// Unsigned integers are read as signed ones with the highest bit flipped, which keeps their order:
/// `flip` is that bit, or 0. All take up to kScanBlock rows, need no alignment, and write all words
/// that hold a row, the bits beyond the last one zero.
struct ScanKernels {
  /// `valid` has a bit for each row that is there, none beyond the last row; null if all are.
  void (*scan_f64)(const double* values, std::size_t size, const std::uint64_t* valid,
                   RealScan& out) noexcept;
  void (*scan_f32)(const float* values, std::size_t size, const std::uint64_t* valid,
                   RealScan& out) noexcept;
  /// The sum and extremes are those of the flipped values.
  void (*scan_i64)(const std::int64_t* values, std::size_t size, const std::uint64_t* valid,
                   std::uint64_t flip, WholeScan& out) noexcept;
  void (*scan_i32)(const std::int32_t* values, std::size_t size, const std::uint64_t* valid,
                   WholeScan& out) noexcept;

  /// Sets the bit of each value not in [low, high]. NaN is in none.
  void (*outside_f64)(const double* values, std::size_t size, double low, double high,
                      std::uint64_t* out) noexcept;
  void (*outside_f32)(const float* values, std::size_t size, double low, double high,
                      std::uint64_t* out) noexcept;
  void (*outside_i64)(const std::int64_t* values, std::size_t size, std::uint64_t flip,
                      std::int64_t low, std::int64_t high, std::uint64_t* out) noexcept;
  void (*outside_i32)(const std::int32_t* values, std::size_t size, std::int32_t low,
                      std::int32_t high, std::uint64_t* out) noexcept;

  /// Sets the bit of each value that equals none of a few members. NaN equals none.
  void (*absent_f64)(const double* values, std::size_t size, const double* members,
                     std::size_t num_members, std::uint64_t* out) noexcept;
  void (*absent_f32)(const float* values, std::size_t size, const double* members,
                     std::size_t num_members, std::uint64_t* out) noexcept;
  void (*absent_i64)(const std::int64_t* values, std::size_t size, const std::int64_t* members,
                     std::size_t num_members, std::uint64_t* out) noexcept;
  void (*absent_i32)(const std::int32_t* values, std::size_t size, const std::int32_t* members,
                     std::size_t num_members, std::uint64_t* out) noexcept;
};

extern const ScanKernels kScanKernelsScalar;
#if defined(__x86_64__)
extern const ScanKernels kScanKernelsAvx2;
extern const ScanKernels kScanKernelsAvx512;
#endif

/// The set that goes with summary_kernels().
const ScanKernels& scan_kernels() noexcept;

}  // namespace inlay::detail
