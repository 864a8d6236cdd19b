#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <inlay/summary/fused.hpp>
#include <limits>
#include <random>
#include <vector>

#include "summary/kernels.hpp"

namespace {

using inlay::detail::SummaryKernels;

// Everything data can be, at sizes round the widths, lanes and blocks.
template <class T>
std::vector<T> values_of(int kind, std::size_t size) {
  std::mt19937_64 random(static_cast<std::uint64_t>(kind) * 7919 + size);
  std::normal_distribution<double> normal(0, 1);
  std::vector<T> values(size);
  for (T& value : values) {
    const double x = normal(random);
    double y = std::exp(x);
    if (kind == 1) y = -y;
    if (kind == 2) y = x;
    if (kind == 3) y = x < 0 ? 0.0 : x;
    if (kind == 4) y = 1e8 + x;
    if (kind == 5) y = random() % 9 == 0 ? std::numeric_limits<double>::quiet_NaN() : x * 1e30;
    if (kind == 6) y = random() % 9 == 0 ? std::numeric_limits<double>::infinity() : x;
    if (kind == 7) y = x * static_cast<double>(std::numeric_limits<T>::min());
    if (kind == 8) y = x * static_cast<double>(std::numeric_limits<T>::max()) / 8;
    if (kind == 9) y = -0.0;
    value = static_cast<T>(y);
  }
  return values;
}

struct Outcome {
  std::vector<std::uint8_t> moments;
  std::vector<std::uint8_t> histogram;
  std::vector<std::uint8_t> moments_alone;
  std::vector<std::uint8_t> histogram_alone;
  bool operator==(const Outcome&) const = default;
};

template <class T>
Outcome outcome_of(const std::vector<T>& values) {
  inlay::Moments moments, moments_alone;
  inlay::ExpHistogram histogram, histogram_alone;
  EXPECT_EQ(inlay::update(moments, histogram, values.data(), values.size()), values.size());
  moments_alone.update(values.data(), values.size());
  EXPECT_EQ(histogram_alone.update(values.data(), values.size()), values.size());
  return {moments.to_bytes(), histogram.to_bytes(), moments_alone.to_bytes(),
          histogram_alone.to_bytes()};
}

template <class T>
void compare_all() {
  const SummaryKernels& before = inlay::detail::summary_kernels();
  for (int kind = 0; kind < 10; ++kind) {
    for (const std::size_t size : {1U, 7U, 16U, 17U, 31U, 40U, 255U, 1023U, 1024U, 1041U, 5000U}) {
      const std::vector<T> values = values_of<T>(kind, size);
      ASSERT_TRUE(inlay::detail::use_summary_kernels(inlay::detail::kSummaryKernelsScalar));
      const Outcome expected = outcome_of(values);
      EXPECT_EQ(expected.moments, expected.moments_alone);
      EXPECT_EQ(expected.histogram, expected.histogram_alone);
      for (const SummaryKernels* kernels : inlay::detail::all_summary_kernels()) {
        if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
        EXPECT_EQ(outcome_of(values), expected)
            << kernels->name << ", " << size << " values of kind " << kind;
      }
    }
  }
  inlay::detail::use_summary_kernels(before);
}

TEST(SummaryKernels, EverySetMakesTheSameStatesOfDoubles) { compare_all<double>(); }

TEST(SummaryKernels, EverySetMakesTheSameStatesOfFloats) { compare_all<float>(); }

TEST(SummaryKernels, TheOneInUseRunsHereAndIsNamed) {
  RecordProperty("isa", inlay::detail::summary_kernels().name);
  EXPECT_TRUE(inlay::detail::use_summary_kernels(inlay::detail::summary_kernels()));
}

}  // namespace
