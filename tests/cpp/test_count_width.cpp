// The counts of an ExpHistogram take 16, 32 or 64 bits, whichever the total needs: however values
// come, nothing shows of where one width ends.

#include <gtest/gtest.h>

#include <cstdint>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/fused.hpp>
#include <inlay/summary/moments.hpp>
#include <vector>

#include "summary/kernels.hpp"

namespace {

using inlay::ExpHistogram;

/// So many values of 1.5 and of -3, as from_fields() makes it.
ExpHistogram made_of(std::uint64_t positive, std::uint64_t negative) {
  ExpHistogram::Fields fields;
  fields.scale = 0;
  fields.positive = {0, {positive}};
  fields.negative = {1, {negative}};
  return ExpHistogram::from_fields(fields);
}

void expect_counts(const ExpHistogram& histogram, std::uint64_t positive, std::uint64_t negative) {
  EXPECT_EQ(histogram.count(), positive + negative);
  ASSERT_EQ(histogram.positive().size(), 1U);
  ASSERT_EQ(histogram.negative().size(), 1U);
  EXPECT_EQ(histogram.positive()[0], positive);
  EXPECT_EQ(histogram.negative()[0], negative);
  EXPECT_EQ(histogram, made_of(positive, negative));
  EXPECT_EQ(histogram.to_bytes(), made_of(positive, negative).to_bytes());
}

class CountWidth : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CountWidth, IsPassedByValuesOneAtATime) {
  ExpHistogram histogram = made_of(GetParam() - 3, 1);
  for (std::uint64_t added = 1; added <= 5; ++added) {
    ASSERT_TRUE(histogram.update(added % 2 == 0 ? -3.0 : 1.5));
    expect_counts(histogram, GetParam() - 3 + (added + 1) / 2, 1 + added / 2);
  }
}

TEST_P(CountWidth, IsPassedByArraysOnEverySetOfLoops) {
  const auto& chosen = inlay::detail::summary_kernels();
  for (const auto* kernels : inlay::detail::all_summary_kernels()) {
    if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
    for (const std::size_t size : {2U, 7U, 15U, 16U, 700U}) {
      for (std::uint64_t before = 1; before <= 4; ++before) {
        std::vector<double> values(size, 1.5);
        values.back() = -3.0;
        const std::vector<float> floats(values.begin(), values.end());
        ExpHistogram of_doubles = made_of(GetParam() - before - 1, 1);
        ASSERT_EQ(of_doubles.update(values.data(), size), size);
        expect_counts(of_doubles, GetParam() - before - 1 + size - 1, 2);
        ExpHistogram of_floats = made_of(GetParam() - before - 1, 1);
        ASSERT_EQ(of_floats.update(floats.data(), size), size);
        EXPECT_EQ(of_floats, of_doubles);
        ExpHistogram fused = made_of(GetParam() - before - 1, 1);
        inlay::Moments moments;
        moments.update(2.0);
        ASSERT_EQ(inlay::update(moments, fused, values.data(), size), size);
        EXPECT_EQ(fused, of_doubles);
        EXPECT_EQ(moments.count(), size + 1);
      }
    }
  }
  ASSERT_TRUE(inlay::detail::use_summary_kernels(chosen));
}

TEST_P(CountWidth, IsPassedByMergingEitherWay) {
  const ExpHistogram small = made_of(5, 6);
  const ExpHistogram large = made_of(GetParam() - 8, 2);
  ExpHistogram into_small = small;
  ASSERT_TRUE(into_small.merge(large));
  expect_counts(into_small, GetParam() - 3, 8);
  ExpHistogram into_large = large;
  ASSERT_TRUE(into_large.merge(small));
  EXPECT_EQ(into_large, into_small);
  ASSERT_TRUE(into_large.merge(into_large));
  expect_counts(into_large, 2 * GetParam() - 6, 16);
}

TEST_P(CountWidth, SurvivesCoarseningGrowthAndReset) {
  ExpHistogram histogram = made_of(GetParam() - 1, 1);
  ASSERT_TRUE(histogram.update(1e-3) && histogram.update(1e9));  // more buckets either way
  EXPECT_EQ(histogram.count(), GetParam() + 2);
  histogram.downscale_to(-4);
  EXPECT_EQ(histogram.count(), GetParam() + 2);
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < histogram.positive().size(); ++i) total += histogram.positive()[i];
  EXPECT_EQ(total, GetParam() + 1);
  histogram.reset();
  EXPECT_EQ(histogram.count(), 0U);
  ASSERT_TRUE(histogram.update(1.5) && histogram.update(-3.0));
  expect_counts(histogram, 1, 1);
}

INSTANTIATE_TEST_SUITE_P(Limits, CountWidth,
                         testing::Values(std::uint64_t{1} << 16, std::uint64_t{1} << 32));

TEST(CountWidthMemory, TakesTwoBytesABucketWhileTheTotalIsSmall) {
  ExpHistogram histogram(0);
  ASSERT_TRUE(histogram.update(1.5));
  const std::size_t narrow = histogram.memory_bytes() - sizeof(ExpHistogram);
  const std::vector<double> many(65'536, 1.5);
  ASSERT_EQ(histogram.update(many.data(), many.size()), many.size());
  EXPECT_EQ(histogram.memory_bytes() - sizeof(ExpHistogram), 2 * narrow);
}

}  // namespace
