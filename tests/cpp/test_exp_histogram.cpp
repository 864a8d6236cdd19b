#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <inlay/error.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "summary/bucket_memory.hpp"

namespace {

using inlay::ExpHistogram;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The reference: for x = m * 2^(e-52) with 2^52 <= m < 2^53, the index at scale s >= 0 is
// ceil(2^s * log2 x) - 1 = 2^s * e + ceil(2^s * log2(m / 2^52)) - 1. The last term comes bit by
// bit: squaring y in [1, 2) and testing y^2 > 2 yields the binary digits of log2 y. Squaring is
// done on 63-bit fixed point with directed rounding, both ways, and the two must agree.

__extension__ typedef unsigned __int128 Wide;

std::uint64_t square(std::uint64_t y, bool up) {  // y has 62 fraction bits
  const Wide product = static_cast<Wide>(y) * y;
  const auto cut = static_cast<std::uint64_t>(product >> 62);
  const bool rest = (product & ((Wide{1} << 62) - 1)) != 0;
  return cut + (up && rest ? 1 : 0);
}

bool log2_digits(std::uint64_t significand, int scale, std::int64_t& out) {
  std::uint64_t low = significand << 10;  // [2^62, 2^63)
  std::uint64_t high = low;
  std::int64_t digits = 0;
  for (int i = 0; i < scale; ++i) {
    low = square(low, false);
    high = square(high, true);
    constexpr std::uint64_t kTwo = std::uint64_t{1} << 63;
    const bool carry = low >= kTwo;
    if (carry != (high >= kTwo)) return false;
    digits = 2 * digits + (carry ? 1 : 0);
    if (carry) {
      low >>= 1;
      high = (high + 1) >> 1;
    }
  }
  out = digits;
  return true;
}

std::int64_t reference_index(double magnitude, int scale) {
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);  // [0.5, 1)
  const auto significand = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  const std::int64_t octave = exponent - 1;
  const bool power_of_two = significand == std::uint64_t{1} << 52;
  if (scale <= 0) return (power_of_two ? octave - 1 : octave) >> -scale;
  if (power_of_two) return (octave << scale) - 1;
  std::int64_t digits = 0;
  EXPECT_TRUE(log2_digits(significand, scale, digits)) << magnitude;
  return (octave << scale) + digits;
}

// The index one update went to.
std::int64_t index_of(double value, int scale) {
  ExpHistogram histogram(scale);
  EXPECT_TRUE(histogram.update(value));
  const auto side = value < 0 ? histogram.negative() : histogram.positive();
  EXPECT_EQ(side.size(), 1U);
  EXPECT_EQ(side[0], 1U);
  return side.offset();
}

TEST(ExpHistogram, EveryPowerOfTwoAndItsNeighboursLandInTheirBucketAtEveryScale) {
  for (int scale = ExpHistogram::kMinScale; scale <= ExpHistogram::kMaxScale; ++scale) {
    for (int exponent = -1074; exponent <= 1023; ++exponent) {
      const double power = std::ldexp(1.0, exponent);
      for (const double value : {power, std::nextafter(power, kInf), std::nextafter(power, 0.0)}) {
        if (value == 0) continue;
        ASSERT_EQ(index_of(value, scale), reference_index(value, scale))
            << std::hexfloat << value << " scale " << scale;
        ASSERT_EQ(index_of(-value, scale), reference_index(value, scale));
      }
    }
  }
}

TEST(ExpHistogram, EveryBoundaryOfAnOctaveAndItsNeighboursLandInTheirBucketAtEveryScale) {
  for (int scale = 1; scale <= ExpHistogram::kMaxScale; ++scale) {
    for (int k = 1; k < 1 << scale; ++k) {
      const double near = std::exp2(std::ldexp(static_cast<double>(k), -scale));
      double value = near;
      for (int i = 0; i < 3; ++i) value = std::nextafter(value, 0.0);
      for (int i = 0; i < 7; ++i, value = std::nextafter(value, kInf)) {
        for (const int exponent : {0, -3, 40, -1022, 1023}) {
          const double scaled = std::ldexp(value, exponent);
          ASSERT_EQ(index_of(scaled, scale), reference_index(scaled, scale))
              << std::hexfloat << scaled << " scale " << scale;
        }
      }
    }
  }
}

std::vector<std::int64_t> counts_of(const ExpHistogram::Buckets& buckets) {
  std::vector<std::int64_t> out(buckets.size());
  buckets.copy_to(out.data());
  return out;
}

// Values over many octaves, of both signs, with zeros and what is not finite.
std::vector<double> mixed_values(std::uint64_t seed, std::size_t size, double octaves = 20) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(-octaves, octaves);
  std::vector<double> values(size);
  for (double& value : values) {
    const std::uint64_t kind = random() % 100;
    const double magnitude = std::exp2(exponent(random));
    value = kind < 50   ? magnitude
            : kind < 90 ? -magnitude
            : kind < 94 ? 0.0
            : kind < 96 ? -0.0
            : kind < 98 ? kNaN
            : kind < 99 ? kInf
                        : -kInf;
  }
  return values;
}

ExpHistogram of(const std::vector<double>& values, int scale = 5) {
  ExpHistogram histogram(scale);
  for (const double value : values) EXPECT_TRUE(histogram.update(value));
  return histogram;
}

TEST(ExpHistogram, ScalesOutOfRangeAreRefused) {
  EXPECT_THROW(ExpHistogram(-5), inlay::InvalidArgument);
  EXPECT_THROW(ExpHistogram(9), inlay::InvalidArgument);
  EXPECT_EQ(ExpHistogram(8).scale(), 8);
}

TEST(ExpHistogram, AnEmptyOneHasNothing) {
  const ExpHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.positive().size(), 0U);
  EXPECT_EQ(histogram.positive().offset(), 0);
  EXPECT_FALSE(histogram.quantile(0.5).has_value());
  EXPECT_FALSE(histogram.cdf(1).has_value());
  EXPECT_LE(sizeof(ExpHistogram), 112U);
  EXPECT_EQ(histogram.memory_bytes(), sizeof(ExpHistogram));
}

TEST(ExpHistogram, WhatIsNotANumberIsCountedApart) {
  ExpHistogram histogram;
  const std::vector<double> values = {kNaN, -kNaN, kInf, -kInf, -kInf, 0.0, -0.0, 1.0};
  for (const double value : values) ASSERT_TRUE(histogram.update(value));
  EXPECT_EQ(histogram.nan_count(), 2U);
  EXPECT_EQ(histogram.pos_inf_count(), 1U);
  EXPECT_EQ(histogram.neg_inf_count(), 2U);
  EXPECT_EQ(histogram.zero_count(), 2U);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.positive().offset(), -1);  // 1 is the upper bound of its bucket
}

TEST(ExpHistogram, ExtremesOfTheTypeHaveBuckets) {
  for (int scale = ExpHistogram::kMinScale; scale <= ExpHistogram::kMaxScale; ++scale) {
    for (const double value :
         {DBL_MAX, DBL_MIN, DBL_TRUE_MIN, std::nextafter(DBL_MIN, 0.0),
          std::nextafter(DBL_MIN, 1.0), double{FLT_TRUE_MIN}, double{FLT_MAX}}) {
      EXPECT_EQ(index_of(value, scale), reference_index(value, scale)) << value;
      EXPECT_EQ(index_of(-value, scale), reference_index(value, scale)) << -value;
    }
  }
}

// Arrays of every length round the lane and block sizes, of data that takes every path.
TEST(ExpHistogram, ArraysCountAsTheirValuesDo) {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 31U, 1023U, 1024U, 1025U, 3000U}) {
    for (int data = 0; data < 7; ++data) {
      std::vector<double> values = mixed_values(100 + size + static_cast<unsigned>(data), size);
      for (double& value : values) {
        if (data == 1) value = std::isfinite(value) && value != 0 ? std::fabs(value) : 1.0;
        if (data == 2) value = std::isfinite(value) && value != 0 ? -std::fabs(value) : -1.0;
        if (data == 3) value = std::isfinite(value) ? value : 0.0;
        if (data == 4) value = 0.0;
        if (data == 5) value = std::isfinite(value) && value != 0 ? value : 2.0;
        if (data == 6) value *= 0x1p-1035;  // subnormal, many of them
      }
      ExpHistogram bulk;
      ASSERT_EQ(bulk.update(values.data(), size), size);
      ASSERT_EQ(bulk, of(values)) << size << " values of kind " << data;

      std::vector<float> floats(values.begin(), values.end());
      if (data == 6) {
        for (float& value : floats)
          value = static_cast<float>(static_cast<int>(value * 0) + 3) * 0x1p-149f;
      }
      const std::vector<double> widened(floats.begin(), floats.end());
      ExpHistogram narrow;
      ASSERT_EQ(narrow.update(floats.data(), size), size);
      ASSERT_EQ(narrow, of(widened)) << size << " floats of kind " << data;
    }
  }
}

TEST(ExpHistogram, FloatsAtEveryBoundaryLandWhereDoublesDo) {
  std::vector<float> floats;
  for (int exponent = -149; exponent <= 127; ++exponent) {
    for (int k = 0; k < 256; k += exponent % 8 == 0 ? 1 : 64) {
      const double near = std::ldexp(std::exp2(k / 256.0), exponent);
      float value = static_cast<float>(near);
      if (!std::isfinite(value)) continue;
      floats.push_back(std::nextafter(value, 0.0F));
      floats.push_back(value);
      if (value < FLT_MAX) floats.push_back(std::nextafter(value, FLT_MAX));
    }
  }
  for (const int scale : {8, 5, 0, -1, -4}) {
    for (std::size_t i = 0; i + 32 <= floats.size(); i += 32) {
      for (const float sign : {1.0F, -1.0F}) {
        std::vector<float> block(floats.begin() + static_cast<std::ptrdiff_t>(i),
                                 floats.begin() + static_cast<std::ptrdiff_t>(i + 32));
        for (float& value : block) value *= sign;
        ExpHistogram bulk(scale);
        ASSERT_EQ(bulk.update(block.data(), block.size()), block.size());
        ASSERT_EQ(bulk, of({block.begin(), block.end()}, scale)) << block[0];
      }
    }
  }
}

TEST(ExpHistogram, WideDataLowersTheScaleAsLittleAsNeededAndInAnyOrder) {
  std::vector<double> values = mixed_values(3, 4000, 300);
  const ExpHistogram reference = of(values);
  const auto size = reference.positive().size();
  EXPECT_LT(reference.scale(), 5);
  EXPECT_EQ(reference.downscales(), 5 - reference.scale());
  EXPECT_LE(size, 2048U);
  EXPECT_GT(std::max(size, reference.negative().size()), 1023U);  // one step less would not fit
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 20; ++trial) {
    std::shuffle(values.begin(), values.end(), random);
    ASSERT_EQ(of(values), reference);
    ExpHistogram bulk;
    ASSERT_EQ(bulk.update(values.data(), values.size()), values.size());
    ASSERT_EQ(bulk, reference);
    ASSERT_EQ(bulk.to_bytes(), reference.to_bytes());
  }
}

TEST(ExpHistogram, TheWholeRangeOfADoubleFits) {
  ExpHistogram histogram(8);
  for (const double value : {DBL_MAX, DBL_TRUE_MIN, -DBL_MAX, -DBL_TRUE_MIN, 1.0}) {
    ASSERT_TRUE(histogram.update(value));
  }
  EXPECT_EQ(histogram.scale(), -1);
  EXPECT_EQ(histogram.count(), 5U);
  EXPECT_EQ(histogram.downscales(), 9);
}

TEST(ExpHistogram, ExactlyMaxBucketsDoNotLowerTheScale) {
  // Upper bounds at scale 0: 2^1 is in bucket 0, 2^(k+1) in bucket k.
  ExpHistogram histogram(5);
  ASSERT_TRUE(histogram.update(2.0));
  ASSERT_TRUE(histogram.update(std::ldexp(2.0, 63)));  // 63 octaves of 32 buckets on: 2017 buckets
  EXPECT_EQ(histogram.scale(), 5);
  EXPECT_EQ(histogram.positive().size(), 63U * 32 + 1);
  ASSERT_TRUE(
      histogram.update(std::nextafter(std::ldexp(1.0, 0), 2.0)));  // 31 buckets further down
  EXPECT_EQ(histogram.positive().size(), 2048U);
  EXPECT_EQ(histogram.scale(), 5);
  ASSERT_TRUE(histogram.update(1.0));
  EXPECT_EQ(histogram.scale(), 4);
}

TEST(ExpHistogram, LoweringEqualsHavingBeenMadeCoarse) {
  const std::vector<double> values = mixed_values(9, 3000, 3);
  for (int from = ExpHistogram::kMaxScale; from > ExpHistogram::kMinScale; --from) {
    for (int to = from; to >= ExpHistogram::kMinScale; --to) {
      ExpHistogram lowered = of(values, from);
      lowered.downscale_to(to);
      const ExpHistogram direct = of(values, to);
      EXPECT_EQ(lowered.scale(), to);
      EXPECT_EQ(lowered.downscales(), from - to);
      EXPECT_EQ(lowered.positive().offset(), direct.positive().offset());
      EXPECT_EQ(counts_of(lowered.positive()), counts_of(direct.positive()));
      EXPECT_EQ(lowered.negative().offset(), direct.negative().offset());
      EXPECT_EQ(counts_of(lowered.negative()), counts_of(direct.negative()));
    }
  }
  ExpHistogram histogram;
  EXPECT_THROW(histogram.downscale_to(6), inlay::InvalidArgument);
  EXPECT_THROW(histogram.downscale_to(-5), inlay::InvalidArgument);
}

TEST(ExpHistogram, MergingIsCommutativeAssociativeAndEqualToOnePass) {
  for (const double octaves : {5.0, 60.0, 900.0}) {
    const std::vector<double> all = mixed_values(21, 3000, octaves);
    const std::vector<double> parts[3] = {{all.begin(), all.begin() + 700},
                                          {all.begin() + 700, all.begin() + 701},
                                          {all.begin() + 701, all.end()}};
    const ExpHistogram a = of(parts[0], 8), b = of(parts[1], 3), c = of(parts[2], 5);
    ExpHistogram ab = a, ba = b, bc = b, left = a, right = c;
    ASSERT_TRUE(ab.merge(b) && ba.merge(a) && bc.merge(c));
    EXPECT_EQ(ab, ba);
    ASSERT_TRUE(left.merge(bc) && right.merge(ab));
    EXPECT_EQ(left, right);
    EXPECT_EQ(left.to_bytes(), right.to_bytes());

    ExpHistogram joined = of(parts[0]);
    ASSERT_TRUE(joined.merge(of(parts[1])) && joined.merge(of(parts[2])));
    EXPECT_EQ(joined, of(all));
    ExpHistogram twice = joined;
    ASSERT_TRUE(twice.merge(twice));
    EXPECT_EQ(twice.count(), 2 * joined.count());
    ExpHistogram with_nothing = joined;
    ASSERT_TRUE(with_nothing.merge(ExpHistogram()));
    EXPECT_EQ(with_nothing, joined);
  }
}

TEST(ExpHistogram, ResetReturnsToTheScaleAskedForAndKeepsMemoryIfTold) {
  ExpHistogram histogram;
  const std::vector<double> wide = mixed_values(4, 1000, 400);
  ASSERT_EQ(histogram.update(wide.data(), wide.size()), wide.size());
  ASSERT_LT(histogram.scale(), 5);
  const std::size_t before = histogram.memory_bytes();
  histogram.reset();
  EXPECT_EQ(histogram, ExpHistogram());
  EXPECT_EQ(histogram.memory_bytes(), before);
  const std::vector<double> values = mixed_values(5, 5000, 2);
  ASSERT_EQ(histogram.update(values.data(), values.size()), values.size());
  EXPECT_EQ(histogram, of(values));
  histogram.reset(false);
  EXPECT_EQ(histogram.memory_bytes(), sizeof(ExpHistogram));
}

TEST(ExpHistogram, MovingLeavesAnEmptyUsableOne) {
  ExpHistogram source = of({1.0, 2.0, -3.0}, 6);
  ExpHistogram target = std::move(source);
  EXPECT_EQ(target, of({1.0, 2.0, -3.0}, 6));
  EXPECT_EQ(source, ExpHistogram(6));  // NOLINT(bugprone-use-after-move): stated to be usable
  ASSERT_TRUE(source.update(4.0));
  target = std::move(source);
  EXPECT_EQ(target, of({4.0}, 6));
  ExpHistogram& same = target;
  target = same;
  EXPECT_EQ(target, of({4.0}, 6));
}

TEST(ExpHistogram, CountsBecome64BitsWhenTheTotalDoes) {
  ExpHistogram::Fields fields;
  fields.zero_count = 5;
  fields.positive = {0, {0xFFFFFFF0U, 3}};
  fields.negative = {-2, {1}};
  ExpHistogram histogram = ExpHistogram::from_fields(fields);
  ASSERT_EQ(histogram.count(), 0xFFFFFFF9U);
  const std::size_t narrow = histogram.memory_bytes();
  ExpHistogram bulk = histogram;
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(histogram.update(1.01));
  EXPECT_EQ(histogram.count(), 0x100000021U);
  EXPECT_EQ(histogram.positive()[0], 0x100000018U);
  EXPECT_EQ(histogram.negative()[0], 1U);
  EXPECT_GT(histogram.memory_bytes(), narrow);
  const std::vector<double> more(40, 1.01);
  ASSERT_EQ(bulk.update(more.data(), more.size()), more.size());
  EXPECT_EQ(bulk, histogram);

  const std::vector<double> mixed = mixed_values(8, 500, 4);
  ASSERT_EQ(bulk.update(mixed.data(), mixed.size()), mixed.size());
  for (const double value : mixed) ASSERT_TRUE(histogram.update(value));
  EXPECT_EQ(bulk, histogram);
  const std::vector<std::uint8_t> bytes = bulk.to_bytes();
  EXPECT_EQ(ExpHistogram::from_bytes(bytes.data(), bytes.size()), bulk);
  ExpHistogram merged = of(mixed);
  ASSERT_TRUE(merged.merge(bulk));
  EXPECT_EQ(merged.count(), bulk.count() + of(mixed).count());
  merged.downscale_to(2);
  EXPECT_EQ(merged.count(), bulk.count() + of(mixed).count());
  merged.reset();
  ASSERT_TRUE(merged.update(1.0));
  EXPECT_EQ(merged.positive()[0], 1U);
}

TEST(ExpHistogram, QuantilesKeepTheirRelativeError) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> draw(0, 2);
  std::vector<double> values(2001);
  for (double& value : values) value = draw(random) - 0.3;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (int scale = ExpHistogram::kMinScale; scale <= ExpHistogram::kMaxScale; ++scale) {
    const ExpHistogram histogram = of(values, scale);
    const double growth = std::exp2(std::ldexp(1.0, -histogram.scale()));
    const double bound = (growth - 1) / (growth + 1) * (1 + 1e-12);  // rounding of the estimate
    for (std::size_t rank = 1; rank <= sorted.size(); rank += 50) {
      const double size = static_cast<double>(sorted.size());
      const double q = static_cast<double>(rank) / size;
      const double exact = sorted[static_cast<std::size_t>(std::ceil(q * size)) - 1];
      const std::optional<double> estimate = histogram.quantile(q);
      ASSERT_TRUE(estimate.has_value());
      EXPECT_LE(std::fabs(*estimate - exact), bound * std::fabs(exact)) << q << " at " << scale;
    }
  }
  EXPECT_THROW(of(values).quantile(-0.1), inlay::InvalidArgument);
  EXPECT_THROW(of(values).quantile(1.1), inlay::InvalidArgument);
  EXPECT_THROW(of(values).quantile(kNaN), inlay::InvalidArgument);
}

TEST(ExpHistogram, QuantilesOfTheLargestAndSmallestAreFinite) {
  for (int scale = ExpHistogram::kMinScale; scale <= ExpHistogram::kMaxScale; ++scale) {
    EXPECT_TRUE(std::isfinite(*of({DBL_MAX}, scale).quantile(1)));
    EXPECT_GT(*of({DBL_TRUE_MIN}, scale).quantile(1), 0);
    EXPECT_EQ(*of({0.0}, scale).quantile(1), 0);
  }
}

TEST(ExpHistogram, CountsBelowAreBoundsThatGrow) {
  const std::vector<double> values = mixed_values(17, 1000, 4);
  std::vector<double> finite;
  for (const double value : values) {
    if (std::isfinite(value)) finite.push_back(value);
  }
  const ExpHistogram histogram = of(values);
  std::vector<double> points = finite;
  for (int k = -300; k <= 300; ++k) {
    points.push_back(std::exp2(k / 60.0));
    points.push_back(-std::exp2(k / 60.0));
  }
  points.insert(points.end(), {0.0, -0.0, kInf, -kInf, DBL_MAX, DBL_TRUE_MIN});
  std::sort(points.begin(), points.end());
  double last = 0;
  for (const double x : points) {
    const auto exact = static_cast<std::uint64_t>(
        std::count_if(finite.begin(), finite.end(), [x](double value) { return value <= x; }));
    const ExpHistogram::CountBounds bounds = histogram.count_at_most(x);
    ASSERT_LE(bounds.low, exact) << x;
    ASSERT_GE(bounds.high, exact) << x;
    ASSERT_GE(bounds.estimate, last) << x;
    last = bounds.estimate;
    if (x > 0 && std::ldexp(1.0, std::ilogb(x)) == x) {  // an upper bound
      ASSERT_EQ(bounds.low, exact);
      ASSERT_EQ(bounds.high, exact);
    }
    const ExpHistogram::CountBounds above = histogram.count_between(x, kInf);
    ASSERT_LE(above.low, finite.size() - exact);
    ASSERT_GE(above.high, finite.size() - exact);
  }
  EXPECT_EQ(histogram.count_at_most(kInf).low, finite.size());
  EXPECT_THROW(histogram.count_at_most(kNaN), inlay::InvalidArgument);
  EXPECT_THROW(histogram.count_between(2, 1), inlay::InvalidArgument);
  EXPECT_THROW(histogram.count_between(kNaN, 1), inlay::InvalidArgument);
}

TEST(ExpHistogram, FieldsBecomeTheHistogramThatHadThem) {
  const ExpHistogram histogram = of(mixed_values(31, 2000, 10));
  ExpHistogram::Fields fields;
  fields.scale = histogram.scale();
  fields.zero_count = histogram.zero_count();
  fields.nan_count = histogram.nan_count();
  fields.pos_inf_count = histogram.pos_inf_count();
  fields.neg_inf_count = histogram.neg_inf_count();
  fields.positive.offset = histogram.positive().offset() - 2;
  fields.positive.counts = {0, 0};
  for (std::uint32_t i = 0; i < histogram.positive().size(); ++i) {
    fields.positive.counts.push_back(histogram.positive()[i]);
  }
  fields.positive.counts.push_back(0);
  fields.negative.offset = histogram.negative().offset();
  for (std::uint32_t i = 0; i < histogram.negative().size(); ++i) {
    fields.negative.counts.push_back(histogram.negative()[i]);
  }
  EXPECT_EQ(ExpHistogram::from_fields(fields), histogram);

  ExpHistogram::Fields bad = fields;
  bad.scale = 9;
  EXPECT_THROW(ExpHistogram::from_fields(bad), inlay::InvalidArgument);
  bad = fields;
  bad.negative = {40'000, {1}};
  EXPECT_THROW(ExpHistogram::from_fields(bad), inlay::InvalidArgument);
  bad = fields;
  bad.zero_count = std::numeric_limits<std::uint64_t>::max();
  EXPECT_THROW(ExpHistogram::from_fields(bad), inlay::InvalidArgument);
  bad = {};
  bad.positive = {0, std::vector<std::uint64_t>(5000, 1)};  // too long a run for scale 5
  EXPECT_EQ(ExpHistogram::from_fields(bad).count(), 5000U);
  EXPECT_EQ(ExpHistogram::from_fields(bad).scale(), 3);
}

// ---- memory -----------------------------------------------------------------------------------

std::int64_t live_blocks = 0;
std::int64_t allowed_blocks = 0;

// Counts what lives and refuses after `allowed_blocks`; restores the real one at the end.
class CountingMemory {
 public:
  CountingMemory() : real_(inlay::detail::bucket_memory) {
    live_blocks = 0;
    allowed_blocks = 1'000'000;
    inlay::detail::bucket_memory = {[](std::size_t count, std::size_t size) noexcept -> void* {
                                      if (allowed_blocks-- <= 0) return nullptr;
                                      ++live_blocks;
                                      return std::calloc(count, size);
                                    },
                                    [](void* memory) noexcept {
                                      if (memory != nullptr) --live_blocks;
                                      std::free(memory);
                                    }};
  }
  CountingMemory(const CountingMemory&) = delete;
  CountingMemory& operator=(const CountingMemory&) = delete;
  ~CountingMemory() { inlay::detail::bucket_memory = real_; }

 private:
  inlay::detail::BucketMemory real_;
};

TEST(ExpHistogramMemory, IsGivenBackAndSized) {
  const CountingMemory memory;
  {
    ExpHistogram histogram;
    std::lognormal_distribution<double> draw(0, 1);
    std::mt19937_64 random(1);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(histogram.update(draw(random)));
    EXPECT_LE(histogram.memory_bytes(), 1700U);
    ExpHistogram copy = histogram;
    ExpHistogram moved = std::move(copy);
    copy = moved;
    ASSERT_TRUE(moved.merge(copy));
    EXPECT_GE(live_blocks, 3);
  }
  EXPECT_EQ(live_blocks, 0);
}

TEST(ExpHistogramMemory, RunningOutCountsAValueNowhereAndLosesNone) {
  const CountingMemory memory;
  const std::vector<double> values = mixed_values(77, 6000, 500);
  for (std::int64_t allowed = 0; allowed < 30; ++allowed) {
    ExpHistogram histogram;
    allowed_blocks = allowed;
    std::vector<double> counted;
    for (const double value : values) {
      if (histogram.update(value)) counted.push_back(value);
    }
    ExpHistogram bulk;
    allowed_blocks = allowed;
    const std::size_t done = bulk.update(values.data(), values.size());
    allowed_blocks = 1'000'000;
    ExpHistogram expected = of(counted);
    const int scale = std::min(expected.scale(), histogram.scale());
    expected.downscale_to(scale);  // a refused value may have lowered the scale
    histogram.downscale_to(scale);
    EXPECT_EQ(histogram, expected) << allowed;
    ExpHistogram prefix = of({values.begin(), values.begin() + static_cast<std::ptrdiff_t>(done)});
    prefix.downscale_to(std::min(prefix.scale(), bulk.scale()));
    bulk.downscale_to(prefix.scale());
    EXPECT_EQ(bulk, prefix) << allowed;
  }
}

TEST(ExpHistogramMemory, RunningOutInAMergeChangesNoCount) {
  const CountingMemory memory;
  const ExpHistogram a = of(mixed_values(1, 500, 3));
  const ExpHistogram b = of(mixed_values(2, 500, 30));
  bool merged = false;
  for (std::int64_t allowed = 0; !merged; ++allowed) {
    ExpHistogram target = a;
    allowed_blocks = allowed;
    merged = target.merge(b);
    allowed_blocks = 1'000'000;
    if (merged) {
      EXPECT_EQ(target.count(), a.count() + b.count());
    } else {
      EXPECT_EQ(target, a);
    }
    ASSERT_LT(allowed, 10);
  }
}

// ---- bytes ------------------------------------------------------------------------------------

TEST(ExpHistogramBytes, RoundTripIsExactAndCanonical) {
  for (const double octaves : {0.5, 10.0, 400.0}) {
    for (int scale = ExpHistogram::kMinScale; scale <= ExpHistogram::kMaxScale; ++scale) {
      const ExpHistogram histogram = of(mixed_values(5, 800, octaves), scale);
      const std::vector<std::uint8_t> bytes = histogram.to_bytes();
      const ExpHistogram back = ExpHistogram::from_bytes(bytes.data(), bytes.size());
      EXPECT_EQ(back, histogram);
      EXPECT_EQ(back.to_bytes(), bytes);
      EXPECT_EQ(back.downscales(), histogram.downscales());
    }
  }
}

TEST(ExpHistogramBytes, CutDamagedOrNewerOnesAreRefusedOrValid) {
  const ExpHistogram histogram = of(mixed_values(6, 300, 3));
  const std::vector<std::uint8_t> bytes = histogram.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(ExpHistogram::from_bytes(bytes.data(), size), inlay::SerializationError);
  }
  std::vector<std::uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(ExpHistogram::from_bytes(longer.data(), longer.size()), inlay::SerializationError);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const unsigned flip : {1U, 0x80U, 0xFFU}) {
      std::vector<std::uint8_t> damaged = bytes;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
      try {
        const ExpHistogram read = ExpHistogram::from_bytes(damaged.data(), damaged.size());
        EXPECT_EQ(read.to_bytes(), damaged);  // another valid state, in its one form
      } catch (const inlay::SerializationError&) {
      }
    }
  }
  std::vector<std::uint8_t> newer = bytes;
  newer[4] = 2;
  try {
    ExpHistogram::from_bytes(newer.data(), newer.size());
    FAIL();
  } catch (const inlay::SerializationError& error) {
    EXPECT_NE(std::string(error.what()).find("newer version: 2"), std::string::npos)
        << error.what();
  }
}

TEST(ExpHistogramBytes, FrozenOnesOfVersionOneAreRead) {
  std::ifstream file(INLAY_TEST_DATA "/exp_histogram_v1.bin", std::ios::binary);
  ASSERT_TRUE(file.is_open());
  const std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  const ExpHistogram expected = of({0.25, 0.25, 1.0, -3.5, 1e-300, 0.0, kNaN, kInf, -kInf, -kInf});
  EXPECT_EQ(ExpHistogram::from_bytes(bytes.data(), bytes.size()), expected);
  EXPECT_EQ(expected.to_bytes(), bytes);
}

}  // namespace
