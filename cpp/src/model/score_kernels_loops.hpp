// The loops of score_kernels.hpp, for one instruction set. No include guard: each kernel unit
// includes it once and is compiled for its instruction set.

#include <cstring>

#include "model/score_kernels.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kBytes = 32;    // of a group of rows, one score of each
constexpr std::size_t kClasses = 16;  // whose scores are turned at a time
constexpr std::size_t kWide = kBytes / sizeof(double);

using Doubles = double __attribute__((vector_size(kBytes)));
using Wholes = std::int64_t __attribute__((vector_size(kBytes)));
using Naturals = std::uint64_t __attribute__((vector_size(kBytes)));

// One score of each row of a group, and as many integers.
template <class T>
struct GroupOf;
template <>
struct GroupOf<float> {
  using Index = std::int32_t;
  using Lanes = float __attribute__((vector_size(kBytes)));
  using Indices = std::int32_t __attribute__((vector_size(kBytes)));
};
template <>
struct GroupOf<double> {
  using Index = std::int64_t;
  using Lanes = Doubles;
  using Indices = Wholes;
};

// Writes the first `size` of a group's values; a constant number of bytes is written at once.
template <class T>
[[gnu::always_inline]] inline void put(T* to, const void* group, std::size_t size,
                                       std::size_t whole) noexcept {
  if (size == whole) {
    std::memcpy(to, group, kBytes);
  } else {
    std::memcpy(to, group, size * sizeof(T));
  }
}

template <class T>
void scan(const T* scores, const std::int32_t* labels, std::size_t rows, std::size_t columns,
          const ScoreRows<T>& out) noexcept {
  constexpr std::size_t kRows = kBytes / sizeof(T);
  using Index = typename GroupOf<T>::Index;
  using Lanes = typename GroupOf<T>::Lanes;
  using Indices = typename GroupOf<T>::Indices;
  for (std::size_t at = 0; at < rows; at += kRows) {
    const T* row[kRows];
    T firsts[kRows];
    T owns[kRows];
    Index numbers[kRows];
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::size_t i = at + r < rows ? at + r : rows - 1;  // the last one fills the group
      row[r] = scores + i * columns;
      firsts[r] = row[r][0];
      owns[r] = row[r][labels[i]];
      numbers[r] = labels[i];
    }
    Lanes own;
    Indices label;
    Lanes top;
    std::memcpy(&own, owns, kBytes);
    std::memcpy(&label, numbers, kBytes);
    std::memcpy(&top, firsts, kBytes);
    Lanes low = top;
    Indices best{};
    Indices rank{};
    double sums[kRows] = {};
    double squares[kRows] = {};
    for (std::size_t from = 0; from < columns; from += kClasses) {
      const std::size_t size = columns - from < kClasses ? columns - from : kClasses;
      T turned[kClasses][kRows];
      for (std::size_t r = 0; r < kRows; ++r) {
        const T* const part = row[r] + from;
        for (std::size_t c = 0; c < size; ++c) turned[c][r] = part[c];
      }
      Lanes part_sum{};
      Lanes part_squares{};
      Indices number = Indices{} + static_cast<Index>(from);
      for (std::size_t c = 0; c < size; ++c) {
        Lanes score;
        std::memcpy(&score, turned[c], kBytes);
        const Indices higher = score > top;
        top = higher ? score : top;
        best = higher ? number : best;
        low = score < low ? score : low;
        rank -= (score > own) | ((score == own) & (number < label));
        part_sum += score;
        part_squares += score * score;
        number += 1;
      }
      T parts[2][kRows];
      std::memcpy(parts[0], &part_sum, kBytes);
      std::memcpy(parts[1], &part_squares, kBytes);
      for (std::size_t r = 0; r < kRows; ++r) sums[r] += static_cast<double>(parts[0][r]);
      for (std::size_t r = 0; r < kRows; ++r) squares[r] += static_cast<double>(parts[1][r]);
    }
    const std::size_t size = rows - at < kRows ? rows - at : kRows;
    Index bests[kRows];
    Index ranks[kRows];
    std::memcpy(bests, &best, kBytes);
    std::memcpy(ranks, &rank, kBytes);
    put(out.top + at, &top, size, kRows);
    put(out.low + at, &low, size, kRows);
    put(out.own + at, &own, size, kRows);
    // Of a constant size where it can be: copies of any size are slow to begin.
    if (size == kRows) {
      std::memcpy(out.sum + at, sums, sizeof(sums));
      std::memcpy(out.squares + at, squares, sizeof(squares));
      for (std::size_t r = 0; r < kRows; ++r) {
        out.best[at + r] = static_cast<std::int32_t>(bests[r]);
        out.rank[at + r] = static_cast<std::int32_t>(ranks[r]);
      }
      continue;
    }
    for (std::size_t r = 0; r < size; ++r) {
      out.sum[at + r] = sums[r];
      out.squares[at + r] = squares[r];
      out.best[at + r] = static_cast<std::int32_t>(bests[r]);
      out.rank[at + r] = static_cast<std::int32_t>(ranks[r]);
    }
  }
}

// exp(x) of x <= 0 in place, to 4e-16 relative, 2^-1021 below that.
[[gnu::always_inline]] inline void exponentials(Doubles& x) noexcept {
  const Doubles y = x * 1.4426950408889634;
  const Doubles clipped = y < -1021.0 ? Doubles{} - 1021.0 : y;
  // Its lowest bits are the nearest whole number's.
  const Doubles shifted = clipped + 0x1.8p52;
  const Doubles t = (clipped - (shifted - 0x1.8p52)) * 0.6931471805599453;
  // 1 + t + t^2 / 2! + ... + t^13 / 13!, in pairs, so that few terms wait for each other.
  const Doubles t2 = t * t;
  const Doubles t4 = t2 * t2;
  const Doubles p0 = t + 1.0;
  const Doubles p2 = t * 0x1.5555555555555p-3 + 0.5;
  const Doubles p4 = t * 0x1.1111111111111p-7 + 0x1.5555555555555p-5;
  const Doubles p6 = t * 0x1.a01a01a01a01ap-13 + 0x1.6c16c16c16c17p-10;
  const Doubles p8 = t * 0x1.71de3a556c734p-19 + 0x1.a01a01a01a01ap-16;
  const Doubles p10 = t * 0x1.ae64567f544e4p-26 + 0x1.27e4fb7789f5cp-22;
  const Doubles p12 = t * 0x1.6124613a86d09p-33 + 0x1.1eed8eff8d898p-29;
  const Doubles low = p2 * t2 + p0;
  const Doubles middle = p6 * t2 + p4;
  const Doubles high = p10 * t2 + p8;
  const Doubles p = (p12 * t4 + high) * (t4 * t4) + (middle * t4 + low);
  x = p * Doubles((Wholes(shifted) << 52) + 0x3FF0000000000000);
}

template <class T>
void softmax(const T* scores, const T* top, const T* own, std::size_t rows, std::size_t columns,
             const SoftmaxRows& out) noexcept {
  for (std::size_t at = 0; at < rows; at += kWide) {
    const T* row[kWide];
    double tops[kWide];
    double owns[kWide];
    for (std::size_t r = 0; r < kWide; ++r) {
      const std::size_t i = at + r < rows ? at + r : rows - 1;  // the last one fills the group
      row[r] = scores + i * columns;
      tops[r] = static_cast<double>(top[i]);
      owns[r] = static_cast<double>(own[i]) - tops[r];
    }
    Doubles high;
    std::memcpy(&high, tops, kBytes);
    Doubles sum{};
    Doubles squares{};
    for (std::size_t c = 0; c < columns; ++c) {
      // Not by way of memory, which a wider read would wait for.
      Doubles term = {static_cast<double>(row[0][c]), static_cast<double>(row[1][c]),
                      static_cast<double>(row[2][c]), static_cast<double>(row[3][c])};
      term -= high;
      exponentials(term);
      sum += term;
      squares += term * term;
    }
    Doubles own_term;
    std::memcpy(&own_term, owns, kBytes);
    exponentials(own_term);
    const std::size_t size = rows - at < kWide ? rows - at : kWide;
    put(out.sum + at, &sum, size, kWide);
    put(out.squares + at, &squares, size, kWide);
    put(out.own + at, &own_term, size, kWide);
  }
}

// With x = m 2^e and m from sqrt(1/2) to sqrt(2): e ln 2 + 2 atanh((m - 1) / (m + 1)).
inline void logs(const double* values, std::size_t size, double* out) noexcept {
  for (std::size_t at = 0; at < size; at += kWide) {
    const std::size_t count = size - at < kWide ? size - at : kWide;
    Doubles x = Doubles{} + 1.0;
    put(reinterpret_cast<double*>(&x), values + at, count, kWide);
    const Naturals bits = Naturals(x);
    // Halves of numbers above sqrt(2) are taken with an exponent one higher.
    const Naturals raised = bits + (0x3FF0000000000000 - 0x3FE6A09E667F3BCD);
    const Naturals exponent = (raised >> 52) - 1023;
    const Doubles m = Doubles(bits - (exponent << 52));
    // A whole number added to the bits of 1.5 * 2^52 makes that number plus it.
    const Doubles e = Doubles(exponent + 0x4338000000000000) - 0x1.8p52;
    const Doubles f = m - 1.0;
    const Doubles z = f / (f + 2.0);
    const Doubles w = z * z;
    Doubles p = w * (1.0 / 21.0) + 1.0 / 19.0;
    p = p * w + 1.0 / 17.0;
    p = p * w + 1.0 / 15.0;
    p = p * w + 1.0 / 13.0;
    p = p * w + 1.0 / 11.0;
    p = p * w + 1.0 / 9.0;
    p = p * w + 1.0 / 7.0;
    p = p * w + 1.0 / 5.0;
    p = p * w + 1.0 / 3.0;
    p = p * w + 1.0;
    const Doubles log = e * 0.6931471805599453 + 2.0 * z * p;
    put(out + at, &log, count, kWide);
  }
}

constexpr ScoreKernels make_score_kernels() noexcept {
  return {&scan<float>, &scan<double>, &softmax<float>, &softmax<double>, &logs};
}

}  // namespace
}  // namespace inlay::detail
