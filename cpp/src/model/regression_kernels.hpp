#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// Sums over a block of rows. d = label - first label, e = prediction - label,
/// f = e - first e; each term times the row's weight.
struct RegressionTerms {
  double label;          // d
  double label_squares;  // d^2
  double error;          // f
  double error_squares;  // f^2
  double product;        // d f
  double absolute;       // |e|
  double fourth;         // e^4; not finite if any label or prediction is not, or overflows
  double max_absolute;   // of |e|, without a weight
};

struct RelativeTerms {
  double error;  // r = |e| / |label|, 0 where the label is 0
  double error_squares;
  double symmetric;  // s = 2 |e| / (|label| + |prediction|), 0 where both are 0
  double symmetric_squares;
  double zero_weight;      // of rows whose label is 0
  std::int64_t zero_rows;  // how many these are
};

/// The loops over rows, one set per instruction set, all with the same results bit for bit.
///
/// | loop     | reads   | accumulates          | order                                          |
/// |----------|---------|----------------------|------------------------------------------------|
/// | terms    | f64 f32 | f64, 4 lanes a sum   | row i to lane i % 4, lanes in pairs, then what |
/// | relative | f64 f32 | f64, 4 lanes a sum   | is left over of the rows one by one            |
///
/// `weights` null: all are 1. At least one row.
struct RegressionKernels {
  void (*terms_f64)(const double* labels, const double* predictions, const double* weights,
                    std::size_t size, RegressionTerms& out) noexcept;
  void (*terms_f32)(const float* labels, const float* predictions, const double* weights,
                    std::size_t size, RegressionTerms& out) noexcept;
  void (*relative_f64)(const double* labels, const double* predictions, const double* weights,
                       std::size_t size, RelativeTerms& out) noexcept;
  void (*relative_f32)(const float* labels, const float* predictions, const double* weights,
                       std::size_t size, RelativeTerms& out) noexcept;
};

extern const RegressionKernels kRegressionKernelsScalar;
#if defined(__x86_64__)
extern const RegressionKernels kRegressionKernelsAvx2;
#endif

/// The set that goes with summary_kernels(): wider registers than AVX2's would wait for memory.
const RegressionKernels& regression_kernels() noexcept;

}  // namespace inlay::detail
