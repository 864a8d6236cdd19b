#include <gtest/gtest.h>

#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/regression_states.hpp>
#include <limits>
#include <random>
#include <vector>

#include "model/regression_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay {
namespace {

struct Rows {
  std::vector<double> labels;
  std::vector<double> predictions;
  std::vector<double> weights;
};

Rows rows_of(std::size_t size, double offset = 0) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  Rows rows;
  for (std::size_t i = 0; i < size; ++i) {
    rows.labels.push_back(offset + normal(random));
    rows.predictions.push_back(rows.labels.back() + 0.5 * normal(random));
    rows.weights.push_back(std::abs(normal(random)));
  }
  return rows;
}

TEST(RegressionStates, SumsAreThoseOfTwoPassesInLongDoubles) {
  const RegressionSettings settings;
  for (const std::size_t size : {1U, 3U, 2048U, 5001U}) {
    const Rows rows = rows_of(size, 1e6);
    RegressionState state(settings);
    state.update(settings, rows.labels.data(), rows.predictions.data(), rows.weights.data(), size);
    long double weight = 0;
    long double label = 0;
    long double absolute = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const long double w = rows.weights[i];
      weight += w;
      label += w * rows.labels[i];
      absolute += w * std::abs(static_cast<long double>(rows.predictions[i]) - rows.labels[i]);
    }
    label /= weight;
    long double m2 = 0;
    for (std::size_t i = 0; i < size; ++i) {
      m2 += rows.weights[i] * (rows.labels[i] - label) * (rows.labels[i] - label);
    }
    EXPECT_NEAR(state.sums().weight, static_cast<double>(weight), 1e-9);
    EXPECT_NEAR(state.sums().label_mean, static_cast<double>(label), 1e-8);
    EXPECT_NEAR(state.sums().label_m2, static_cast<double>(m2), 1e-7 * static_cast<double>(size));
    EXPECT_NEAR(state.sums().absolute, static_cast<double>(absolute), 1e-6);
  }
}

TEST(RegressionStates, FloatsAreCountedAsTheDoublesTheyAre) {
  const RegressionSettings settings;
  const Rows rows = rows_of(4099);
  const std::vector<float> labels(rows.labels.begin(), rows.labels.end());
  const std::vector<float> predictions(rows.predictions.begin(), rows.predictions.end());
  const std::vector<double> wide_labels(labels.begin(), labels.end());
  const std::vector<double> wide_predictions(predictions.begin(), predictions.end());
  RegressionState narrow(settings);
  RegressionState wide(settings);
  narrow.update(settings, labels.data(), predictions.data(), labels.size());
  wide.update(settings, wide_labels.data(), wide_predictions.data(), nullptr, labels.size());
  EXPECT_EQ(narrow, wide);
}

TEST(RegressionStates, EveryInstructionSetGivesTheSame) {
  const detail::SummaryKernels& before = detail::summary_kernels();
  for (const std::size_t size : {1U, 2U, 5U, 4U, 1023U}) {
    const Rows rows = rows_of(size);
    const std::vector<float> labels(rows.labels.begin(), rows.labels.end());
    for (const double* weights : {static_cast<const double*>(nullptr), rows.weights.data()}) {
      detail::RegressionTerms scalar;
      detail::RelativeTerms scalar_relative;
      const detail::RegressionKernels& baseline = detail::kRegressionKernelsScalar;
      baseline.terms_f64(rows.labels.data(), rows.predictions.data(), weights, size, scalar);
      baseline.relative_f64(rows.labels.data(), rows.predictions.data(), weights, size,
                            scalar_relative);
      for (const detail::SummaryKernels* kernels : detail::all_summary_kernels()) {
        if (kernels == nullptr || !detail::use_summary_kernels(*kernels)) continue;
        detail::RegressionTerms terms;
        detail::RelativeTerms relative;
        const detail::RegressionKernels& used = detail::regression_kernels();
        used.terms_f64(rows.labels.data(), rows.predictions.data(), weights, size, terms);
        used.relative_f64(rows.labels.data(), rows.predictions.data(), weights, size, relative);
        EXPECT_EQ(terms.label_squares, scalar.label_squares) << kernels->name << " " << size;
        EXPECT_EQ(terms.fourth, scalar.fourth);
        EXPECT_EQ(terms.product, scalar.product);
        EXPECT_EQ(terms.max_absolute, scalar.max_absolute);
        EXPECT_EQ(relative.error_squares, scalar_relative.error_squares);
        EXPECT_EQ(relative.symmetric, scalar_relative.symmetric);
        EXPECT_EQ(relative.zero_rows, scalar_relative.zero_rows);
      }
    }
  }
  detail::use_summary_kernels(before);
}

TEST(RegressionStates, BadRowsAreCountedUnderTheFirstFault) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const RegressionSettings settings;
  RegressionState state(settings);
  const double labels[] = {1, nan, 2, 3, 4, inf};
  const double predictions[] = {1, nan, nan, -inf, 4, 1};
  const double weights[] = {1, -1, -1, 1, nan, 1};
  state.update(settings, labels, predictions, weights, 6);
  EXPECT_EQ(state.rows(), 1);
  EXPECT_EQ(state.faults(), (RowFaults{2, 1, 1, 1}));
}

TEST(RegressionStates, SegmentsAreKeptApartAndBytesGiveThemBack) {
  const Rows rows = rows_of(20'000);
  std::vector<std::uint32_t> segments;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    segments.push_back(static_cast<std::uint32_t>(i % 3));
  }
  RegressionStates states{RegressionSettings{}};
  update(states, {rows.labels.data(), rows.predictions.data(), nullptr, segments.data(),
                  rows.labels.size()});
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(states.find(2)->rows(), 6666);
  EXPECT_EQ(states.find(3), nullptr);
  const auto bytes = states.to_bytes();
  EXPECT_EQ(RegressionStates::from_bytes(bytes.data(), bytes.size()), states);
  const auto one = states.to_bytes(1);
  EXPECT_EQ(*RegressionStates::from_bytes(one.data(), one.size()).find(0), *states.find(1));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(RegressionStates::from_bytes(bytes.data(), size), SerializationError);
  }
  EXPECT_THROW(states.at(kMaxSegments), InvalidArgument);
  EXPECT_THROW(states.merge(RegressionStates{RegressionSettings{{0.5}, true, true}}),
               InvalidArgument);
}

}  // namespace
}  // namespace inlay
