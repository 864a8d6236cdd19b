// The loops of score_kernels.hpp, for one instruction set. No include guard: each kernel unit
// includes it once and is compiled for its instruction set.

#include <cstring>

#include "model/score_kernels.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kBytes = 32;    // of a group of rows, one score of each
constexpr std::size_t kClasses = 16;  // whose scores are turned at a time

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
  using Lanes = double __attribute__((vector_size(kBytes)));
  using Indices = std::int64_t __attribute__((vector_size(kBytes)));
};

template <class T>
void scan(const T* scores, const std::int32_t* labels, std::size_t rows, std::size_t columns,
          const ScoreRows<T>& out) noexcept {
  constexpr std::size_t kRows = kBytes / sizeof(T);
  using Index = typename GroupOf<T>::Index;
  using Lanes = typename GroupOf<T>::Lanes;
  using Indices = typename GroupOf<T>::Indices;
  for (std::size_t at = 0; at < rows; at += kRows) {
    const T* row[kRows];
    Lanes own;
    Indices label;
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::size_t i = at + r < rows ? at + r : rows - 1;  // the last one fills the group
      row[r] = scores + i * columns;
      label[r] = labels[i];
      own[r] = row[r][labels[i]];
    }
    Lanes top;
    for (std::size_t r = 0; r < kRows; ++r) top[r] = row[r][0];
    Lanes low = top;
    Indices best{};
    Indices rank{};
    double sum[kRows] = {};
    double squares[kRows] = {};
    for (std::size_t from = 0; from < columns; from += kClasses) {
      const std::size_t size = columns - from < kClasses ? columns - from : kClasses;
      T turned[kClasses][kRows];
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t c = 0; c < size; ++c) turned[c][r] = row[r][from + c];
      }
      Lanes part_sum{};
      Lanes part_squares{};
      for (std::size_t c = 0; c < size; ++c) {
        Lanes score;
        std::memcpy(&score, turned[c], sizeof(score));
        const Indices number = Indices{} + static_cast<Index>(from + c);
        const Indices higher = score > top;
        top = higher ? score : top;
        best = higher ? number : best;
        low = score < low ? score : low;
        rank -= (score > own) | ((score == own) & (number < label));
        part_sum += score;
        part_squares += score * score;
      }
      for (std::size_t r = 0; r < kRows; ++r) {
        sum[r] += static_cast<double>(part_sum[r]);
        squares[r] += static_cast<double>(part_squares[r]);
      }
    }
    const std::size_t size = rows - at < kRows ? rows - at : kRows;
    for (std::size_t r = 0; r < size; ++r) {
      out.top[at + r] = top[r];
      out.low[at + r] = low[r];
      out.own[at + r] = own[r];
      out.sum[at + r] = sum[r];
      out.squares[at + r] = squares[r];
      out.best[at + r] = static_cast<std::int32_t>(best[r]);
      out.rank[at + r] = static_cast<std::int32_t>(rank[r]);
    }
  }
}

constexpr ScoreKernels make_score_kernels() noexcept { return {&scan<float>, &scan<double>}; }

}  // namespace
}  // namespace inlay::detail
