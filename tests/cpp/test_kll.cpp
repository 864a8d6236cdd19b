#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <inlay/error.hpp>
#include <inlay/summary/kll.hpp>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "summary/block_sort.hpp"
#include "summary/bucket_memory.hpp"
#include "summary/kernels.hpp"
#include "summary/kll_levels.hpp"

namespace {

using inlay::Kll;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class T>
std::vector<T> lognormal(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> draw(0, 1);
  std::vector<T> values(size);
  for (T& value : values) value = static_cast<T>(draw(random));
  return values;
}

template <class T>
Kll<T> of(const std::vector<T>& values, std::uint64_t seed = 0, unsigned k = 200) {
  Kll<T> sketch(k, seed);
  EXPECT_EQ(sketch.update(values.data(), values.size()), values.size());
  return sketch;
}

template <class T>
double rank_in(const std::vector<T>& sorted, double x) {
  const auto after = std::upper_bound(sorted.begin(), sorted.end(), x,
                                      [](double a, T b) { return a < static_cast<double>(b); });
  return static_cast<double>(after - sorted.begin()) / static_cast<double>(sorted.size());
}

// The largest error of a rank over 99 values of the data.
template <class T>
double worst_error(const Kll<T>& sketch, const std::vector<T>& sorted) {
  double worst = 0;
  for (std::size_t i = 1; i < 100; ++i) {
    const T x = sorted[sorted.size() * i / 100];
    worst = std::max(worst, std::abs(*sketch.rank(x) - rank_in(sorted, x)));
  }
  return worst;
}

// ---- the sorts --------------------------------------------------------------------------------

template <class T>
class BlockSort : public testing::Test {};
using Floats = testing::Types<float, double>;
TYPED_TEST_SUITE(BlockSort, Floats);

template <class T>
std::vector<std::vector<T>> hard_inputs(std::size_t size) {
  std::mt19937_64 random(size);
  const auto filled = [&](auto draw) {
    std::vector<T> out(size);
    for (T& value : out) value = static_cast<T>(draw());
    return out;
  };
  std::normal_distribution<double> normal;
  std::vector<std::vector<T>> out;
  out.push_back(filled([] { return 1.0; }));
  out.push_back(filled([&] { return normal(random); }));
  out.push_back(filled([&] { return random() % 3; }));
  // Close together beside far ones: the first digits say nothing.
  out.push_back(filled([&] { return random() % 50 == 0 ? -1e30 : 1 + 1e-7 * normal(random); }));
  out.push_back(filled([&] {
    const auto kind = random() % 4;
    return kind == 0 ? 0.0 : kind == 1 ? -0.0 : kind == 2 ? 1e-40 : -1e-40;
  }));
  out.push_back(
      filled([&] { return std::ldexp(normal(random), static_cast<int>(random() % 100)); }));
  std::vector<T> zigzag(size);
  for (std::size_t i = 0; i < size; ++i) {
    zigzag[i] = static_cast<T>(i % 2 == 0 ? static_cast<double>(i) : -static_cast<double>(i));
  }
  out.push_back(zigzag);
  return out;
}

TYPED_TEST(BlockSort, OrdersBitsAsValues) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  const std::vector<T> values = {
      -Limits::infinity(),  Limits::lowest(), -1, -Limits::min(), -Limits::denorm_min(), T(-0.0), 0,
      Limits::denorm_min(), Limits::min(),    1,  Limits::max(),  Limits::infinity()};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = inlay::detail::ordered_bits(values[i]);
    EXPECT_EQ(std::signbit(inlay::detail::from_ordered_bits<T>(bits)), std::signbit(values[i]));
    EXPECT_EQ(inlay::detail::from_ordered_bits<T>(bits), values[i]);
    if (i == 0) continue;
    EXPECT_LT(inlay::detail::ordered_bits(values[i - 1]), bits);
  }
}

TYPED_TEST(BlockSort, BothSortsAgreeWithTheStandardOne) {
  using T = TypeParam;
  using Bits = inlay::detail::BitsOf<T>;
  for (const std::size_t size : {1, 2, 7, 8, 9, 31, 32, 33, 100, 255, 256, 512, 513, 4096, 65536}) {
    for (const std::vector<T>& input : hard_inputs<T>(size)) {
      std::vector<Bits> expected;
      for (const T value : input) expected.push_back(inlay::detail::ordered_bits(value));
      std::vector<Bits> keys = expected;
      std::vector<Bits> scratch(std::max<std::size_t>(8, std::bit_ceil(size)));
      std::vector<Bits> few = expected;
      std::sort(expected.begin(), expected.end());
      inlay::detail::sort_keys(keys.data(), scratch.data(), size);
      EXPECT_EQ(keys, expected) << size;
      if (size > 512) continue;
      few.resize(scratch.size());
      inlay::detail::sort_few(few.data(), scratch.data(), size);
      few.resize(size);
      EXPECT_EQ(few, expected) << size;
    }
  }
}

// ---- levels -----------------------------------------------------------------------------------

TEST(KllLevels, CapacitiesAreRoundedPowersOfTwoThirds) {
  for (const unsigned k : {8U, 200U, 1000U, 65535U}) {
    for (unsigned depth = 0; depth <= 30; ++depth) {
      const long double exact = k * std::pow(2.0L / 3, static_cast<long double>(depth));
      EXPECT_NEAR(static_cast<double>(inlay::detail::kll_scaled_down(k, depth)),
                  static_cast<double>(exact), 0.5 + 1e-6);
    }
    EXPECT_EQ(inlay::detail::kll_scaled_down(k, 60), 0U);
  }
  EXPECT_EQ(inlay::detail::kll_capacity(200, 1), 200U);
  EXPECT_EQ(inlay::detail::kll_capacity(200, 2), 333U);
  EXPECT_EQ(inlay::detail::kll_capacity(200, 13), 617U);
}

// ---- what every sketch does -------------------------------------------------------------------

template <class T>
class KllOf : public testing::Test {};
TYPED_TEST_SUITE(KllOf, Floats);

TYPED_TEST(KllOf, NothingIsUndefined) {
  const Kll<TypeParam> sketch;
  EXPECT_EQ(sketch.count(), 0U);
  EXPECT_FALSE(sketch.min().has_value());
  EXPECT_FALSE(sketch.max().has_value());
  EXPECT_FALSE(sketch.quantile(0.5).has_value());
  EXPECT_FALSE(sketch.rank(1).has_value());
  const double point = 1;
  EXPECT_TRUE(sketch.cdf(&point, 1).empty());
  EXPECT_TRUE(sketch.pmf(&point, 1).empty());
  EXPECT_EQ(sketch.to_bytes().size(), 8U);
}

TYPED_TEST(KllOf, IsExactUpToK) {
  std::vector<TypeParam> values;
  for (int i = 1; i <= 200; ++i) values.push_back(static_cast<TypeParam>((i * 77) % 201));
  const Kll<TypeParam> sketch = of(values);
  const std::vector<std::uint8_t> bytes = sketch.to_bytes();
  for (const Kll<TypeParam>& each :
       {sketch, Kll<TypeParam>::from_bytes(bytes.data(), bytes.size())}) {
    EXPECT_EQ(each.num_retained(), 200U);
    for (int i = 1; i <= 200; ++i) {
      EXPECT_EQ(each.rank(i), i / 200.0);
      EXPECT_EQ(each.quantile((i - 0.5) / 200), static_cast<TypeParam>(i));
      EXPECT_EQ(each.quantile(i / 200.0), static_cast<TypeParam>(i));
    }
    EXPECT_EQ(each.quantile(0), TypeParam{1});
    EXPECT_EQ(each.rank(0.5), 0.0);
    EXPECT_EQ(each.rank(-kInf), 0.0);
    EXPECT_EQ(each.rank(kInf), 1.0);
  }
}

TYPED_TEST(KllOf, WhatIsNotFiniteIsCountedApartOneByOneAndInArrays) {
  using T = TypeParam;
  std::vector<T> values = lognormal<T>(40'000, 3);
  std::vector<T> finite;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 7 == 0) values[i] = std::numeric_limits<T>::quiet_NaN();
    if (i % 1000 == 1) values[i] = std::numeric_limits<T>::infinity();
    if (i % 2000 == 2) values[i] = -std::numeric_limits<T>::infinity();
    if (std::isfinite(values[i])) finite.push_back(values[i]);
  }
  Kll<T> one_by_one;
  for (const T value : values) ASSERT_TRUE(one_by_one.update(static_cast<double>(value)));
  for (const Kll<T>& sketch : {of(values), one_by_one}) {
    EXPECT_EQ(sketch.count(), finite.size());
    const auto count = [&](auto what) {
      return static_cast<std::uint64_t>(std::count_if(values.begin(), values.end(), what));
    };
    EXPECT_EQ(sketch.nan_count(), count([](T v) { return std::isnan(v); }));
    EXPECT_EQ(sketch.pos_inf_count(), count([](T v) { return std::isinf(v) && v > 0; }));
    EXPECT_EQ(sketch.neg_inf_count(), count([](T v) { return std::isinf(v) && v < 0; }));
    EXPECT_EQ(sketch.min(), *std::min_element(finite.begin(), finite.end()));
    EXPECT_EQ(sketch.max(), *std::max_element(finite.begin(), finite.end()));
  }
}

TYPED_TEST(KllOf, WeightsAddUpToTheCountAtEverySize) {
  using T = TypeParam;
  const std::vector<T> values = lognormal<T>(1 << 20, 4);
  for (const unsigned k : {8U, 33U, 200U, 3000U}) {
    Kll<T> sketch(k);
    std::size_t at = 0;
    for (const std::size_t size :
         {0, 1, 1, 14, 240, 1, 255, 300, 4095, 4096, 4097, 16383, 500000, 1023, 5000, 131071}) {
      ASSERT_EQ(sketch.update(values.data() + at, size), size);
      at += size;
      ASSERT_EQ(sketch.count(), at);
      if (at == 0) continue;
      // from_bytes refuses weights that do not add up.
      const std::vector<std::uint8_t> bytes = sketch.to_bytes();
      const Kll<T> again = Kll<T>::from_bytes(bytes.data(), bytes.size());
      ASSERT_EQ(again.count(), at);
      ASSERT_EQ(again.to_bytes(), bytes);
      ASSERT_EQ(again, sketch);
      EXPECT_EQ(sketch.rank(kInf), 1.0);
    }
  }
}

TYPED_TEST(KllOf, ErrorIsWithinTheBoundForHardOrders) {
  using T = TypeParam;
  constexpr std::size_t kSize = 60'000;
  std::vector<T> sorted(kSize);
  for (std::size_t i = 0; i < kSize; ++i) sorted[i] = static_cast<T>(i);
  std::vector<std::vector<T>> orders(5, sorted);
  std::reverse(orders[1].begin(), orders[1].end());
  std::shuffle(orders[2].begin(), orders[2].end(), std::mt19937_64(1));
  for (std::size_t i = 0; i < kSize; ++i) {
    orders[3][i] = sorted[i % 2 == 0 ? i / 2 : kSize - 1 - i / 2];
    orders[4][i] = sorted[(i % 256) * (kSize / 256) + i / 256 % (kSize / 256)];
  }
  for (const std::vector<T>& order : orders) {
    std::vector<T> truth = order;
    std::sort(truth.begin(), truth.end());
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      Kll<T> single(200, seed);
      for (const T value : order) ASSERT_TRUE(single.update(static_cast<double>(value)));
      for (const Kll<T>& sketch : {of(order, seed), single}) {
        // 99 ranks at once, each within the bound with 99 %: in fact errors are well below it.
        EXPECT_LE(worst_error(sketch, truth), sketch.normalized_rank_error(false));
        const auto bytes = sketch.to_bytes();
        const auto again = Kll<T>::from_bytes(bytes.data(), bytes.size());
        EXPECT_LE(worst_error(again, truth), sketch.normalized_rank_error(false));
      }
    }
  }
}

TYPED_TEST(KllOf, SamplingOfLongArraysKeepsTheBoundAndFollowsNoPeriod) {
  using T = TypeParam;
  std::vector<T> values(3'000'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(i % 16);
  const Kll<T> sketch = of(values);
  EXPECT_EQ(sketch.count(), values.size());
  for (int i = 0; i < 16; ++i) EXPECT_NEAR(*sketch.rank(i), (i + 1) / 16.0, 0.0133) << i;
}

TYPED_TEST(KllOf, MergesCountAllAndKeepTheBound) {
  using T = TypeParam;
  std::vector<T> all = lognormal<T>(100'000, 5);
  Kll<T> total;
  for (std::size_t at = 0, size = 1; at < all.size(); at += size, size = size * 3 / 2 + 1) {
    size = std::min(size, all.size() - at);
    Kll<T> part(200, at);
    for (std::size_t i = at; i < at + size; ++i) part.update(static_cast<double>(all[i]));
    part.update(kNaN);
    part.add_nulls(2);
    const std::uint64_t before = total.count();
    ASSERT_TRUE(total.merge(part));
    ASSERT_EQ(total.count(), before + size);
  }
  EXPECT_EQ(total.count(), all.size());
  EXPECT_EQ(total.null_count(), 2 * total.nan_count());
  EXPECT_EQ(total.min(), *std::min_element(all.begin(), all.end()));
  EXPECT_EQ(total.max(), *std::max_element(all.begin(), all.end()));
  std::sort(all.begin(), all.end());
  EXPECT_LE(worst_error(total, all), total.normalized_rank_error(false));
  ASSERT_TRUE(total.merge(total));
  EXPECT_EQ(total.count(), 2 * all.size());
  EXPECT_LE(worst_error(total, all), total.normalized_rank_error(false));
}

TYPED_TEST(KllOf, EqualSeedsGiveEqualBytesOnEveryInstructionSetAndWithMemoryKept) {
  using T = TypeParam;
  const std::vector<T> values = lognormal<T>(700'000, 6);
  const auto& chosen = inlay::detail::summary_kernels();
  const std::vector<std::uint8_t> bytes = of(values, 9).to_bytes();
  for (const auto* kernels : inlay::detail::all_summary_kernels()) {
    if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
    EXPECT_EQ(of(values, 9).to_bytes(), bytes) << kernels->name;
  }
  inlay::detail::use_summary_kernels(chosen);
  EXPECT_NE(of(values, 10).to_bytes(), bytes);

  Kll<T> used = of(values, 1);
  used.reset();
  Kll<T> fresh(200, 0);
  EXPECT_EQ(used, fresh);
  Kll<T> kept = used;
  Kll<T> released = used;
  released.reset(false);
  kept.reset();
  kept.update(values.data(), values.size());
  released.update(values.data(), values.size());
  EXPECT_EQ(kept.to_bytes(), released.to_bytes());
}

TYPED_TEST(KllOf, CopiesMovesAndSwapsAreIndependent) {
  using T = TypeParam;
  Kll<T> a = of(lognormal<T>(1000, 7));
  Kll<T> b = a;
  EXPECT_EQ(a, b);
  b.update(1.0);
  EXPECT_NE(a, b);
  Kll<T> moved = std::move(b);
  EXPECT_EQ(moved.count(), 1001U);
  b = a;
  EXPECT_EQ(a, b);
  a.swap(moved);
  EXPECT_EQ(a.count(), 1001U);
  a = std::move(moved);
  EXPECT_EQ(a, b);
  a = *&a;
  EXPECT_EQ(a, b);
}

TEST(Kll, DoublesBeyondAFloatCountAsInfinite) {
  Kll<float> sketch;
  EXPECT_TRUE(sketch.update(1e300));
  const double values[] = {-1e300, 0.5, kNaN};
  EXPECT_EQ(sketch.update(values, 3), 3U);
  EXPECT_EQ(sketch.count(), 1U);
  EXPECT_EQ(sketch.pos_inf_count(), 1U);
  EXPECT_EQ(sketch.neg_inf_count(), 1U);
  EXPECT_EQ(sketch.nan_count(), 1U);
}

TEST(Kll, ParametersOutOfRangeAreRefusedByValue) {
  EXPECT_THROW(Kll<float>(7), inlay::InvalidArgument);
  EXPECT_THROW(Kll<float>(65536), inlay::InvalidArgument);
  Kll<double> sketch;
  sketch.update(1.0);
  EXPECT_THROW(static_cast<void>(sketch.quantile(1.01)), inlay::InvalidArgument);
  EXPECT_THROW(static_cast<void>(sketch.quantile(kNaN)), inlay::InvalidArgument);
  EXPECT_THROW(static_cast<void>(sketch.rank(kNaN)), inlay::InvalidArgument);
  const double falling[] = {1, 1};
  EXPECT_THROW(static_cast<void>(sketch.cdf(falling, 2)), inlay::InvalidArgument);
  try {
    sketch.merge(Kll<double>(100));
    FAIL();
  } catch (const inlay::InvalidArgument& error) {
    EXPECT_NE(std::string(error.what()).find("200 and 100"), std::string::npos);
  }
}

TEST(Kll, CdfAndPmfAgreeWithRanks) {
  const Kll<double> sketch = of(lognormal<double>(5000, 8));
  const std::vector<double> points = {-kInf, 0.1, 0.5, 1, 2, 10, kInf};
  const std::vector<double> cdf = sketch.cdf(points.data(), points.size());
  const std::vector<double> pmf = sketch.pmf(points.data(), points.size());
  ASSERT_EQ(cdf.size(), points.size() + 1);
  ASSERT_EQ(pmf.size(), points.size() + 1);
  double total = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(cdf[i], *sketch.rank(points[i]));
    total += pmf[i];
    EXPECT_NEAR(total, cdf[i], 1e-12);
  }
  EXPECT_EQ(cdf.back(), 1.0);
  EXPECT_EQ(pmf.back(), 0.0);
}

TEST(Kll, TheStatedErrorIsThatOfDataSketches) {
  EXPECT_NEAR(Kll<float>::rank_error(200, false), 0.0133, 5e-5);
  EXPECT_NEAR(Kll<float>::rank_error(200, true), 0.0165, 5e-5);
}

TEST(Kll, BytesOfFloatsStaySmallAtAnyCount) {
  const std::vector<float> values = lognormal<float>(1 << 16, 9);
  Kll<float> sketch;
  for (int doubling = 0; doubling < 45; ++doubling) {
    if (doubling < 4) {
      ASSERT_EQ(sketch.update(values.data(), values.size()), values.size());
    } else {
      ASSERT_TRUE(sketch.merge(sketch));
      sketch.update(values.data(), 300);
    }
    if (sketch.count() < std::uint64_t{1} << 50) {
      EXPECT_LE(sketch.to_bytes().size(), 2700U) << sketch.count();
    }
    EXPECT_LE(sketch.to_bytes().size(), 2800U) << sketch.count();
    EXPECT_LE(sketch.memory_bytes(), 7000U);
  }
  EXPECT_GT(sketch.count(), std::uint64_t{1} << 56);
  for (int i = 0; i < 7; ++i) {
    if (sketch.count() > Kll<float>::kMaxCount / 2) break;
    ASSERT_TRUE(sketch.merge(sketch));
  }
  EXPECT_THROW(sketch.merge(sketch), inlay::InvalidArgument);
}

}  // namespace
