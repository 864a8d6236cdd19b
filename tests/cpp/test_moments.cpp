#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <inlay/error.hpp>
#include <inlay/summary/fused.hpp>
#include <inlay/summary/moments.hpp>
#include <limits>
#include <random>
#include <vector>

namespace {

using inlay::Moments;

TEST(Moments, FarFromZeroTheSecondMomentKeepsNineDigits) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(1e8, 1.0);
  std::vector<double> values(100'003);
  for (double& value : values) value = normal(random);
  long double mean = 0;
  for (const double value : values) mean += value;
  mean /= static_cast<long double>(values.size());
  long double m2 = 0, m3 = 0, m4 = 0;
  for (const double value : values) {
    const long double d = value - mean;
    m2 += d * d;
    m3 += d * d * d;
    m4 += d * d * d * d;
  }
  Moments bulk, single, parts;
  bulk.update(values.data(), values.size());
  for (const double value : values) single.update(value);
  for (std::size_t i = 0; i < values.size(); i += 777) {
    Moments part;
    part.update(values.data() + i, std::min<std::size_t>(777, values.size() - i));
    parts.merge(part);
  }
  for (const Moments* moments : {&bulk, &single, &parts}) {
    const auto v = moments->values();
    EXPECT_EQ(v.count, values.size());
    EXPECT_NEAR(*v.m2 / static_cast<double>(m2), 1.0, 1e-9);
    EXPECT_NEAR(*v.m4 / static_cast<double>(m4), 1.0, 1e-9);
    EXPECT_NEAR((*v.m3 - static_cast<double>(m3)) / std::pow(static_cast<double>(m2), 1.5), 0.0,
                1e-9);
    EXPECT_NEAR(*v.mean, static_cast<double>(mean), 2e-8);
  }
}

Moments of(const std::vector<double>& values) {
  Moments moments;
  for (const double value : values) moments.update(value);
  return moments;
}

TEST(Moments, IsSmallAndItsHotPartLiesTogether) {
  // The last 64 bytes are what one record touches; the histogram state of a series has two of
  // these.
  EXPECT_LE(sizeof(Moments), 152U);
}

TEST(Moments, AnEmptyOneHasNoFigures) {
  const Moments moments;
  const Moments::Values values = moments.values();
  EXPECT_EQ(values.count, 0U);
  EXPECT_EQ(values.sum, 0);
  EXPECT_FALSE(values.min || values.max || values.mean || values.m2 || values.m3 || values.m4);
  EXPECT_FALSE(values.overflowed);
  EXPECT_FALSE(moments.variance() || moments.std() || moments.skewness() || moments.kurtosis());
}

// Arrays of every length round the lane and block sizes, with everything that is counted apart.
TEST(Moments, ArraysGiveTheCountsAndNearlyTheFiguresOfTheirValues) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal(1, 2);
  for (const std::size_t size : {1U, 15U, 16U, 17U, 255U, 1023U, 1024U, 1040U, 4000U}) {
    std::vector<double> values(size);
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t kind = random() % 40;
      values[i] = kind == 0   ? 0.0
                  : kind == 1 ? -0.0
                  : kind == 2 ? std::numeric_limits<double>::quiet_NaN()
                  : kind == 3 ? std::numeric_limits<double>::infinity()
                  : kind == 4 ? -std::numeric_limits<double>::infinity()
                              : static_cast<double>(static_cast<float>(normal(random)));
    }
    const std::vector<float> floats(values.begin(), values.end());
    Moments bulk, narrow;
    bulk.update(values.data(), size);
    narrow.update(floats.data(), size);
    EXPECT_EQ(bulk, narrow) << size;  // the values are floats, the order of sums is the same
    const Moments single = of(values);
    EXPECT_EQ(bulk.count(), single.count());
    EXPECT_EQ(bulk.zero_count(), single.zero_count());
    EXPECT_EQ(bulk.nan_count(), single.nan_count());
    EXPECT_EQ(bulk.pos_inf_count(), single.pos_inf_count());
    EXPECT_EQ(bulk.neg_inf_count(), single.neg_inf_count());
    EXPECT_EQ(bulk.min(), single.min());
    EXPECT_EQ(bulk.max(), single.max());
    if (bulk.count() == 0) continue;
    // Sums of up to 4,000 numbers below 10: 4,000 roundings of half an ulp of 40,000 at most.
    EXPECT_NEAR(bulk.sum(), single.sum(), 4000 * 4e4 * 0x1p-53);
    EXPECT_NEAR(*bulk.m2(), *single.m2(), 1e-11 * *single.m2());
    EXPECT_NEAR(*bulk.m4(), *single.m4(), 1e-10 * *single.m4());
  }
}

TEST(Moments, SumsOfIntegersAreExact) {
  std::mt19937_64 random(8);
  std::vector<double> values(50'000);
  std::int64_t sum = 0;
  for (double& value : values) {
    const auto integer = static_cast<std::int64_t>(random() % 2'000'000) - 300'000;
    sum += integer;
    value = static_cast<double>(integer);
  }
  Moments bulk, parts;
  bulk.update(values.data(), values.size());
  for (std::size_t i = 0; i < values.size(); i += 333) {
    Moments part;
    part.update(values.data() + i, std::min<std::size_t>(333, values.size() - i));
    parts.merge(part);
  }
  EXPECT_EQ(bulk.sum(), static_cast<double>(sum));
  EXPECT_EQ(parts.sum(), static_cast<double>(sum));
  EXPECT_EQ(of(values).sum(), static_cast<double>(sum));
}

TEST(Moments, ConstantsHaveNoSpread) {
  for (const double value : {0.1, 1e300, -3e-310, 12345.678}) {
    Moments moments;
    const std::vector<double> values(5000, value);
    moments.update(values.data(), values.size());
    moments.update(value);
    EXPECT_EQ(*moments.mean(), value);
    if (std::fabs(value) < 1e70) {
      EXPECT_NEAR(*moments.m2(), 0, value * value * 1e-25);
    }
    EXPECT_EQ(moments.min(), moments.max());
  }
}

TEST(Moments, MergingCommutesBitForBit) {
  std::mt19937_64 random(4);
  std::lognormal_distribution<double> draw(0, 3);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<double> a(random() % 600), b(random() % 600);
    for (double& value : a) value = draw(random);
    for (double& value : b) value = -draw(random) * 1e6;
    Moments ab = of(a), ba = of(b);
    ab.merge(of(b));
    ba.merge(of(a));
    EXPECT_EQ(ab, ba);
    EXPECT_EQ(ab.to_bytes(), ba.to_bytes());
  }
  Moments twice = of({1, 2, 3});
  twice.merge(twice);
  EXPECT_EQ(twice.count(), 6U);
  EXPECT_EQ(*twice.m2(), 4);
}

TEST(Moments, OverflowIsUndefinedForGoodAndTheMeanRight) {
  for (const std::size_t size : {2U, 100U, 3000U}) {
    std::vector<double> values(size, 1.7e308);
    values[size / 2] = -1.7e308;
    Moments bulk;
    bulk.update(values.data(), size);
    const Moments single = of(values);
    for (const Moments* moments : {&single, static_cast<const Moments*>(&bulk)}) {
      const Moments::Values v = moments->values();
      EXPECT_TRUE(v.overflowed);
      EXPECT_FALSE(v.m2 || v.m3 || v.m4);
      const double exact = 1.7e308 * (1 - 2.0 / static_cast<double>(size));
      EXPECT_NEAR(*v.mean / 1.7e308, exact / 1.7e308, 1e-14);
      EXPECT_EQ(*v.max, 1.7e308);
      EXPECT_FALSE(std::isnan(v.sum));
    }
  }
}

TEST(Moments, TheFusedPassEqualsBothApart) {
  std::mt19937_64 random(6);
  std::normal_distribution<double> normal(0, 1);
  for (const std::size_t size : {1U, 16U, 256U, 5000U}) {
    std::vector<double> values(size);
    for (double& value : values) value = random() % 50 == 0 ? 0.0 : normal(random);
    if (size > 100) values[77] = std::numeric_limits<double>::quiet_NaN();
    Moments moments, fused;
    inlay::ExpHistogram histogram, fused_histogram;
    moments.update(values.data(), size);
    ASSERT_EQ(histogram.update(values.data(), size), size);
    ASSERT_EQ(inlay::update(fused, fused_histogram, values.data(), size), size);
    EXPECT_EQ(fused, moments);
    EXPECT_EQ(fused_histogram, histogram);
    Moments single;
    inlay::ExpHistogram single_histogram;
    for (const double value : values) {
      ASSERT_TRUE(inlay::update(single, single_histogram, value));
    }
    EXPECT_EQ(single, of(values));
    EXPECT_EQ(single_histogram, histogram);
  }
}

TEST(Moments, BytesRoundTripAndHostileOnesAreRefused) {
  Moments moments = of({1.5, -2.0, 0.0, 1e9, std::numeric_limits<double>::infinity()});
  moments.add_nulls(7);
  const std::vector<std::uint8_t> bytes = moments.to_bytes();
  EXPECT_EQ(Moments::from_bytes(bytes.data(), bytes.size()), moments);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(Moments::from_bytes(bytes.data(), size), inlay::SerializationError);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::uint8_t> damaged = bytes;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << bit));
      try {
        EXPECT_EQ(Moments::from_bytes(damaged.data(), damaged.size()).to_bytes(), damaged);
      } catch (const inlay::SerializationError&) {
      }
    }
  }
  const std::vector<std::uint8_t> empty = Moments().to_bytes();
  EXPECT_EQ(Moments::from_bytes(empty.data(), empty.size()), Moments());
}

}  // namespace
