#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// Rows that the loops are given at a time: their scratch fits the cache, and sums over them are
/// exact.
inline constexpr std::size_t kBinaryBlock = 2048;

/// What a score is rounded to a multiple of in sums: 2048 of them add up without rounding.
inline constexpr int kScoreBits = 40;

struct BinaryCounts {
  std::uint64_t predicted;      // rows from the threshold on
  std::uint64_t true_positive;  // of these, positives
};

struct BinaryLosses {
  double squared_errors;  // a multiple of 2^-kScoreBits
  double log_loss;
  std::uint64_t clipped;
};

/// The loops over up to kBinaryBlock rows, one set per instruction set, all with the same results
/// bit for bit. Scores are in range and labels 0 or 1 but for the first two.
///
/// | loop   | reads        | accumulates          | order                                       |
/// |--------|--------------|----------------------|---------------------------------------------|
/// | labels | i64          | u8                   | any: exact                                  |
/// | within | f32 f64      | bits                 | any: exact                                  |
/// | count  | f32 f64, u8  | integers             | any: exact                                  |
/// | places | f32 f64, u8  | nothing              | any: exact                                  |
/// | losses | f64, u8      | f64                  | squares exact; p of row i to lane i % 16    |
struct BinaryKernels {
  /// Writes labels as bytes; false if any is neither 0 nor 1, and what was written is worthless.
  bool (*labels)(const std::int64_t* labels, std::size_t size, std::uint8_t* out) noexcept;
  /// Whether all scores lie from low to high.
  bool (*within_f32)(const float* scores, std::size_t size, float low, float high) noexcept;
  bool (*within_f64)(const double* scores, std::size_t size, double low, double high) noexcept;
  void (*count_f32)(const float* scores, const std::uint8_t* labels, std::size_t size,
                    float threshold, BinaryCounts& out) noexcept;
  void (*count_f64)(const double* scores, const std::uint8_t* labels, std::size_t size,
                    double threshold, BinaryCounts& out) noexcept;
  /// Places of probabilities in a ScoreHistogram, plus the label.
  void (*places_f32)(const float* scores, const std::uint8_t* labels, std::size_t size,
                     std::uint16_t* out) noexcept;
  void (*places_f64)(const double* scores, const std::uint8_t* labels, std::size_t size,
                     std::uint16_t* out) noexcept;
  /// Losses, and each score in units of 2^-kScoreBits plus 2^52: in a sum of these the rows are
  /// counted from bit 52 on.
  void (*losses_f32)(const float* scores, const std::uint8_t* labels, std::size_t size,
                     std::uint64_t* units, BinaryLosses& out) noexcept;
  /// `others` are 1 - score.
  void (*losses_f64)(const double* scores, const double* others, const std::uint8_t* labels,
                     std::size_t size, std::uint64_t* units, BinaryLosses& out) noexcept;
};

extern const BinaryKernels kBinaryKernelsScalar;
#if defined(__x86_64__)
extern const BinaryKernels kBinaryKernelsAvx2;
#endif

/// The set that goes with summary_kernels().
const BinaryKernels& binary_kernels() noexcept;

}  // namespace inlay::detail
