#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// What a row of scores comes to, row after row in arrays. Of a row with a NaN `sum` is NaN and the
/// rest says nothing.
template <class T>
struct ScoreRows {
  T* top;              // the largest score
  T* low;              // the smallest
  T* own;              // the true class's
  double* sum;         // of the scores
  double* squares;     // of their squares
  std::int32_t* best;  // the class of the largest score, the first of equal ones
  std::int32_t* rank;  // of the true class, from 0: scores above its own, and equal ones before it
};

/// What the terms exp(score - top) of a row of logits come to. Terms below 2^-1021 count as that.
struct SoftmaxRows {
  double* sum;
  double* squares;  // of the terms' squares
  double* own;      // the true class's term
};

/// The loops over rows of scores, one set per instruction set, with the same results bit for bit.
/// Scores lie row by row, `columns` a row; labels within 0 to columns - 1.
///
/// | loop    | reads   | accumulates                                       | order |
/// |---------|---------|---------------------------------------------------|-------------------------|
/// | scan    | f32 f64 | extremes; sums of 16 classes as read, then in f64 | class by class; a row
/// a | | softmax | f32 f64 | f64                                               | lane | | logs    |
/// f64     | nothing; 4e-16 relative                           |                         |
struct ScoreKernels {
  void (*scan_f32)(const float* scores, const std::int32_t* labels, std::size_t rows,
                   std::size_t columns, const ScoreRows<float>& out) noexcept;
  void (*scan_f64)(const double* scores, const std::int32_t* labels, std::size_t rows,
                   std::size_t columns, const ScoreRows<double>& out) noexcept;
  /// `top` and `own` as scan() found them. Of a row that is not finite: anything.
  void (*softmax_f32)(const float* scores, const float* top, const float* own, std::size_t rows,
                      std::size_t columns, const SoftmaxRows& out) noexcept;
  void (*softmax_f64)(const double* scores, const double* top, const double* own, std::size_t rows,
                      std::size_t columns, const SoftmaxRows& out) noexcept;
  /// Natural logarithms of positive normal numbers.
  void (*logs)(const double* values, std::size_t size, double* out) noexcept;
};

extern const ScoreKernels kScoreKernelsScalar;
#if defined(__x86_64__)
extern const ScoreKernels kScoreKernelsAvx2;
#endif

/// The set that goes with summary_kernels(); AVX-512 has none of its own.
const ScoreKernels& score_kernels() noexcept;

}  // namespace inlay::detail
