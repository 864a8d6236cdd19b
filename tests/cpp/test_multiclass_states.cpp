#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/multiclass_states.hpp>
#include <limits>
#include <random>
#include <vector>

#include "model/score_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay {
namespace {

std::vector<std::int32_t> classes_of(std::size_t size, std::int32_t classes, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> out(size);
  for (std::int32_t& one : out) one = static_cast<std::int32_t>(random() % classes);
  return out;
}

TEST(ConfusionCells, ATableAndAMapCountTheSame) {
  for (const std::int32_t classes : {2, 10, 32, 33, 100, 600}) {
    const auto labels = classes_of(20'000, classes, 1);
    const auto predicted = classes_of(20'000, classes, 2);
    ConfusionCells at_once(classes);
    ConfusionCells one_by_one(classes);
    at_once.update(labels.data(), predicted.data(), nullptr, labels.size());
    std::vector<std::int64_t> expected(static_cast<std::size_t>(classes * classes));
    for (std::size_t i = 0; i < labels.size(); ++i) {
      one_by_one.update(&labels[i], &predicted[i], nullptr, 1);
      ++expected[static_cast<std::size_t>(labels[i] * classes + predicted[i])];
    }
    EXPECT_EQ(at_once, one_by_one) << classes;
    for (const ConfusionCells::Cell& cell : at_once.cells()) {
      EXPECT_EQ(cell.rows, expected[cell.index]);
      EXPECT_EQ(cell.weight, static_cast<double>(cell.rows));
    }
  }
}

TEST(ConfusionCells, RowsBeforeTheFirstWeightsWeighOne) {
  for (const std::int32_t classes : {4, 1000}) {
    const auto labels = classes_of(100, classes, 1);
    const std::vector<double> weights(100, 0.25);
    ConfusionCells cells(classes);
    cells.update(labels.data(), labels.data(), nullptr, 100);
    ConfusionCells later(classes);
    later.update(labels.data(), labels.data(), weights.data(), 100);
    cells.merge(later);
    EXPECT_TRUE(cells.weighted());
    for (const ConfusionCells::Cell& cell : cells.cells()) {
      EXPECT_EQ(cell.weight, 1.25 * static_cast<double>(cell.rows) / 2);
    }
  }
}

template <class T>
void expect_scan(std::size_t rows, std::size_t columns, const detail::ScoreKernels& kernels) {
  std::mt19937 random(5);
  std::vector<T> scores(rows * columns);
  for (T& score : scores) score = static_cast<T>(random() % 7) / 7;  // many are equal
  const auto labels = classes_of(rows, static_cast<std::int32_t>(columns), 3);
  std::vector<T> top(rows), low(rows), own(rows);
  std::vector<double> sum(rows), squares(rows);
  std::vector<std::int32_t> best(rows), rank(rows);
  const detail::ScoreRows<T> out{top.data(),     low.data(),  own.data(), sum.data(),
                                 squares.data(), best.data(), rank.data()};
  if constexpr (std::is_same_v<T, float>) {
    kernels.scan_f32(scores.data(), labels.data(), rows, columns, out);
  } else {
    kernels.scan_f64(scores.data(), labels.data(), rows, columns, out);
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const T* row = scores.data() + i * columns;
    const T* highest = std::max_element(row, row + columns);
    EXPECT_EQ(best[i], highest - row) << i;
    EXPECT_EQ(top[i], *highest);
    EXPECT_EQ(low[i], *std::min_element(row, row + columns));
    EXPECT_EQ(own[i], row[labels[i]]);
    double total = 0;
    double of_squares = 0;
    std::int32_t before = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      total += row[c];
      of_squares += static_cast<double>(row[c]) * row[c];
      const bool first = row[c] == own[i] && static_cast<std::int32_t>(c) < labels[i];
      before += row[c] > own[i] || first ? 1 : 0;
    }
    EXPECT_EQ(rank[i], before);
    const double tolerance = 16 * std::numeric_limits<T>::epsilon();
    EXPECT_NEAR(sum[i], total, tolerance * total);
    EXPECT_NEAR(squares[i], of_squares, tolerance * of_squares);
  }
}

TEST(ScoreKernels, RowsAreReadAsPlainLoopsReadThem) {
  const detail::SummaryKernels& before = detail::summary_kernels();
  for (const detail::SummaryKernels* kernels : detail::all_summary_kernels()) {
    if (kernels == nullptr || !detail::use_summary_kernels(*kernels)) continue;
    for (const std::size_t columns : {2U, 10U, 16U, 17U, 100U}) {
      for (const std::size_t rows : {1U, 7U, 8U, 35U}) {
        expect_scan<float>(rows, columns, detail::score_kernels());
        expect_scan<double>(rows, columns, detail::score_kernels());
      }
    }
  }
  detail::use_summary_kernels(before);
}

TEST(ScoreKernels, LogarithmsAndExponentialsAreWithinAFewUnitsAndTheSameEverywhere) {
  std::mt19937_64 random(9);
  std::vector<double> values{1.0, 0x1p-53, 4096.0, std::sqrt(2.0), std::sqrt(0.5), 0.9999999999};
  for (int i = 0; i < 1001; ++i) {
    values.push_back(std::ldexp(1.0 + static_cast<double>(random() % 4096) / 4096,
                                static_cast<int>(random() % 70) - 53));
  }
  const std::size_t size = values.size();
  std::vector<double> logs(size);
  detail::kScoreKernelsScalar.logs(values.data(), size, logs.data());
  for (std::size_t i = 0; i < size; ++i) {
    const double right = std::log(values[i]);
    EXPECT_NEAR(logs[i], right, 8e-16 * std::fabs(right)) << values[i];
  }
  constexpr std::size_t kRows = 7;
  constexpr std::size_t kColumns = 5;
  std::vector<float> logits(kRows * kColumns);
  for (float& logit : logits) logit = static_cast<float>(random() % 4000) / 50 - 40;
  logits[3] = -3e38F;
  const std::vector<float> top(kRows, 40.0F);
  std::vector<float> own;
  for (std::size_t i = 0; i < kRows; ++i) own.push_back(logits[i * kColumns]);
  std::vector<double> sums(3 * kRows);
  const detail::SoftmaxRows out{sums.data(), sums.data() + kRows, sums.data() + 2 * kRows};
  detail::kScoreKernelsScalar.softmax_f32(logits.data(), top.data(), own.data(), kRows, kColumns,
                                          out);
  for (std::size_t i = 0; i < kRows; ++i) {
    double right = 0;
    for (std::size_t c = 0; c < kColumns; ++c) {
      right += std::exp(static_cast<double>(logits[i * kColumns + c]) - 40.0);
    }
    EXPECT_NEAR(out.sum[i], right, 4e-14 * right);  // exp of up to 80 halves of units
    EXPECT_NEAR(out.own[i], std::exp(static_cast<double>(own[i]) - 40.0), 4e-14 * out.own[i]);
  }
  const detail::SummaryKernels& before = detail::summary_kernels();
  for (const detail::SummaryKernels* kernels : detail::all_summary_kernels()) {
    if (kernels == nullptr || !detail::use_summary_kernels(*kernels)) continue;
    std::vector<double> again(size);
    detail::score_kernels().logs(values.data(), size, again.data());
    EXPECT_EQ(again, logs) << kernels->name;
    std::vector<double> found(3 * kRows);
    detail::score_kernels().softmax_f32(
        logits.data(), top.data(), own.data(), kRows, kColumns,
        {found.data(), found.data() + kRows, found.data() + 2 * kRows});
    EXPECT_EQ(found, sums) << kernels->name;
  }
  detail::use_summary_kernels(before);
}

TEST(MulticlassStates, AScoreOfExactlyOneIsInTheLastBin) {
  const MulticlassSettings settings{2, {1}, 15, ScoreKind::kProbability};
  MulticlassState state(settings);
  const std::int32_t labels[] = {0, 0, 0};
  const double scores[] = {1.0, 0.0, 14.0 / 15.0, 1.0 / 15.0, 0.6, 0.4};
  state.update_scores(settings, labels, scores, nullptr, 3);
  EXPECT_EQ(state.bins()[14].rows, 2);
  EXPECT_EQ(state.bins()[9].rows, 1);
  EXPECT_EQ(state.bins()[14].hits, 2);
}

TEST(MulticlassStates, BadRowsAreCountedUnderTheFirstFault) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const ScoreKind kind : {ScoreKind::kProbability, ScoreKind::kLogit}) {
    const MulticlassSettings settings{2, {1}, 15, kind};
    MulticlassState state(settings);
    const std::int32_t labels[] = {MulticlassState::kNullClass, 2, 1, 1, 0, 0, 0};
    const double scores[] = {nan, nan, 0.5, 0.5, nan, 0.5, inf, -inf, 1, 0, nan, inf, 0, 1};
    const double weights[] = {-1, 1, 1, 1, -1, 1, 0};
    state.update_scores(settings, labels, scores, weights, 7);
    EXPECT_EQ(state.rows(), 1);
    EXPECT_EQ(state.faults(), (RowFaults{2, 2, 1, 1})) << static_cast<int>(kind);
  }
}

TEST(MulticlassStates, BytesGiveTheStatesBackAndAnythingElseIsRefused) {
  MulticlassStates states({5, {1, 3}, 4, ScoreKind::kProbability});
  std::vector<double> scores;
  std::mt19937 random(1);
  for (int i = 0; i < 200 * 5; ++i) scores.push_back(static_cast<double>(random() % 100) / 100);
  const auto labels = classes_of(200, 5, 4);
  std::vector<std::uint32_t> segments;
  for (std::uint32_t i = 0; i < 200; ++i) segments.push_back(i % 7);
  update(states, {labels.data(), nullptr, scores.data(), nullptr, segments.data(), 200});
  EXPECT_EQ(states.size(), 7U);
  EXPECT_EQ(states.find(6)->rows(), 28);
  const auto bytes = states.to_bytes();
  EXPECT_EQ(MulticlassStates::from_bytes(bytes.data(), bytes.size()), states);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(MulticlassStates::from_bytes(bytes.data(), size), SerializationError);
  }
  EXPECT_THROW(MulticlassStates({1, {}, 15, ScoreKind::kLabel}), InvalidArgument);
  EXPECT_THROW(MulticlassStates({3, {4}, 15, ScoreKind::kLabel}), InvalidArgument);
  EXPECT_THROW(MulticlassStates({3, {2, 1}, 15, ScoreKind::kLabel}), InvalidArgument);
  EXPECT_THROW(MulticlassStates({3, {}, 0, ScoreKind::kLabel}), InvalidArgument);
}

}  // namespace
}  // namespace inlay
