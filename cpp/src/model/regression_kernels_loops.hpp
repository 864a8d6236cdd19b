// The loops of regression_kernels.hpp, for one instruction set. No include guard: each kernel unit
// includes it once, after defining INLAY_KERNEL_WIDTH (doubles in a register: 2 or 4).

#include "model/regression_kernels.hpp"
#include "vector_lanes.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kRows = 4;  // at a time, one lane each
constexpr std::size_t kParts = kRows / kWidth;

inline Vector magnitude(Vector x) noexcept {
  const Integers bits = Integers(x) & 0x7FFFFFFFFFFFFFFF;
  return Vector(bits);
}

struct Lanes {
  Vector part[kParts] = {};

  double sum() const noexcept {
    double lanes[kRows];
    for (std::size_t i = 0; i < kParts; ++i) store(lanes + i * kWidth, part[i]);
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  }
  double highest() const noexcept {
    double lanes[kRows];
    for (std::size_t i = 0; i < kParts; ++i) store(lanes + i * kWidth, part[i]);
    double out = lanes[0];
    for (std::size_t i = 1; i < kRows; ++i) out = lanes[i] > out ? lanes[i] : out;
    return out;
  }
};

template <bool kWeighted, class T>
void terms_of(const T* labels, const T* predictions, const double* weights, std::size_t size,
              RegressionTerms& out) noexcept {
  const double first_label = static_cast<double>(labels[0]);
  const double first_error = static_cast<double>(predictions[0]) - first_label;
  const Vector label_origin = Vector{} + first_label;
  const Vector error_origin = Vector{} + first_error;
  Lanes label;
  Lanes label_squares;
  Lanes error;
  Lanes error_squares;
  Lanes product;
  Lanes absolute;
  Lanes fourth;
  Lanes top;
  const std::size_t whole = size - size % kRows;
  for (std::size_t at = 0; at < whole; at += kRows) {
    for (std::size_t i = 0; i < kParts; ++i) {
      const Vector y = load(labels + at + i * kWidth);
      const Vector e = load(predictions + at + i * kWidth) - y;
      const Vector d = y - label_origin;
      const Vector f = e - error_origin;
      const Vector square = e * e;
      const Vector size_of_e = magnitude(e);
      top.part[i] = higher_of(top.part[i], size_of_e);
      if constexpr (kWeighted) {
        const Vector w = load(weights + at + i * kWidth);
        label.part[i] += w * d;
        label_squares.part[i] += w * (d * d);
        error.part[i] += w * f;
        error_squares.part[i] += w * (f * f);
        product.part[i] += w * (d * f);
        absolute.part[i] += w * size_of_e;
        fourth.part[i] += w * (square * square);
      } else {
        label.part[i] += d;
        label_squares.part[i] += d * d;
        error.part[i] += f;
        error_squares.part[i] += f * f;
        product.part[i] += d * f;
        absolute.part[i] += size_of_e;
        fourth.part[i] += square * square;
      }
    }
  }
  out.label = label.sum();
  out.label_squares = label_squares.sum();
  out.error = error.sum();
  out.error_squares = error_squares.sum();
  out.product = product.sum();
  out.absolute = absolute.sum();
  out.fourth = fourth.sum();
  out.max_absolute = top.highest();
  for (std::size_t at = whole; at < size; ++at) {
    const double y = static_cast<double>(labels[at]);
    const double e = static_cast<double>(predictions[at]) - y;
    const double d = y - first_label;
    const double f = e - first_error;
    const double w = kWeighted ? weights[at] : 1.0;
    const double size_of_e = e < 0 ? -e : e;
    out.max_absolute = size_of_e > out.max_absolute ? size_of_e : out.max_absolute;
    out.label += w * d;
    out.label_squares += w * (d * d);
    out.error += w * f;
    out.error_squares += w * (f * f);
    out.product += w * (d * f);
    out.absolute += w * size_of_e;
    out.fourth += w * ((e * e) * (e * e));
  }
}

template <class T>
void terms(const T* labels, const T* predictions, const double* weights, std::size_t size,
           RegressionTerms& out) noexcept {
  if (weights == nullptr) {
    terms_of<false>(labels, predictions, weights, size, out);
  } else {
    terms_of<true>(labels, predictions, weights, size, out);
  }
}

template <class T>
void relative(const T* labels, const T* predictions, const double* weights, std::size_t size,
              RelativeTerms& out) noexcept {
  Lanes error;
  Lanes error_squares;
  Lanes symmetric;
  Lanes symmetric_squares;
  Lanes zero_weight;
  Integers zeros[kParts] = {};
  const Vector one = Vector{} + 1.0;
  const std::size_t whole = size - size % kRows;
  for (std::size_t at = 0; at < whole; at += kRows) {
    for (std::size_t i = 0; i < kParts; ++i) {
      const Vector y = load(labels + at + i * kWidth);
      const Vector p = load(predictions + at + i * kWidth);
      const Vector w = weights == nullptr ? one : load(weights + at + i * kWidth);
      const Vector size_of_y = magnitude(y);
      const Vector size_of_e = magnitude(p - y);
      const Vector both = size_of_y + magnitude(p);
      const Integers is_zero = size_of_y == 0.0;
      const Integers neither = both == 0.0;
      // The numerator is 0 there in the second, and is made 0 in the first.
      const Vector r = Vector(Integers(size_of_e / (is_zero ? one : size_of_y)) & ~is_zero);
      const Vector s = (size_of_e + size_of_e) / (neither ? one : both);
      error.part[i] += w * r;
      error_squares.part[i] += w * (r * r);
      symmetric.part[i] += w * s;
      symmetric_squares.part[i] += w * (s * s);
      zero_weight.part[i] += Vector(Integers(w) & is_zero);
      zeros[i] -= is_zero;
    }
  }
  out.error = error.sum();
  out.error_squares = error_squares.sum();
  out.symmetric = symmetric.sum();
  out.symmetric_squares = symmetric_squares.sum();
  out.zero_weight = zero_weight.sum();
  out.zero_rows = 0;
  for (const Integers& part : zeros) {
    for (std::size_t lane = 0; lane < kWidth; ++lane) out.zero_rows += part[lane];
  }
  for (std::size_t at = whole; at < size; ++at) {
    const double y = static_cast<double>(labels[at]);
    const double p = static_cast<double>(predictions[at]);
    const double w = weights == nullptr ? 1.0 : weights[at];
    const double size_of_y = y < 0 ? -y : y;
    const double size_of_e = p < y ? y - p : p - y;
    const double both = size_of_y + (p < 0 ? -p : p);
    const double r = y == 0 ? 0.0 : size_of_e / size_of_y;
    const double s = both == 0 ? 0.0 : (size_of_e + size_of_e) / both;
    out.error += w * r;
    out.error_squares += w * (r * r);
    out.symmetric += w * s;
    out.symmetric_squares += w * (s * s);
    out.zero_weight += y == 0 ? w : 0.0;
    out.zero_rows += y == 0 ? 1 : 0;
  }
}

constexpr RegressionKernels make_regression_kernels() noexcept {
  return {&terms<double>, &terms<float>, &relative<double>, &relative<float>};
}

}  // namespace
}  // namespace inlay::detail
