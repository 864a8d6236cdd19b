#include "emulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "detect/two_sample.cuh"
#include "detect/two_sample_sums.hpp"
#include "detect_cases.hpp"
#include "detect_plain.hpp"

#include <inlay/detect/two_sample.hpp>

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

template <class Key, class T>
TwoSampleResult on_emulator(const std::vector<T>& x, const std::vector<T>& y) {
  constexpr Element kElement = sizeof(T) == 4 ? Element::kF32 : Element::kF64;
  const Column left{x.data(), kElement, static_cast<std::int64_t>(x.size()), 1};
  const Column right{y.data(), kElement, static_cast<std::int64_t>(y.size()), 1};
  const std::size_t total = x.size() + y.size();
  std::vector<Key> keys(total + 1);
  std::vector<std::uint8_t> sides(total + 1);
  SampleCounts counts{};
  emu::launch(3, 128, 0,
              [&] { sample_keys_kernel<Key>(left, right, keys.data(), sides.data(), &counts); });
  std::vector<std::size_t> order(total);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  std::vector<Key> sorted(total + 1);
  std::vector<std::uint8_t> sorted_sides(total + 1);
  for (std::size_t i = 0; i < total; ++i) {
    sorted[i] = keys[order[i]];
    sorted_sides[i] = sides[order[i]];
  }
  const auto tiles = static_cast<std::int32_t>((total + kWalkTile - 1) / kWalkTile);
  std::vector<Progress> progress(static_cast<std::size_t>(tiles) + 1);
  std::vector<WalkSums> sums(static_cast<std::size_t>(tiles) + 1);
  const auto blocks = static_cast<unsigned>(std::max(tiles, 1));
  if (tiles > 0) {
    emu::launch(blocks, kWalkThreads, 0, [&] {
      tile_progress_kernel<Key>(sorted.data(), sorted_sides.data(), &counts, left.size, right.size,
                                progress.data());
    });
    emu::launch(1, kWalkThreads, 0, [&] { tile_starts_kernel(progress.data(), tiles); });
    emu::launch(blocks, kWalkThreads, 0, [&] {
      tile_sums_kernel<Key>(sorted.data(), sorted_sides.data(), &counts, left.size, right.size,
                            progress.data(), sums.data());
    });
  }
  TwoSampleResult result;
  emu::launch(1, kWalkThreads, 0, [&] {
    finish_two_sample_kernel<Key>(sorted.data(), &counts, left.size, right.size, sums.data(), tiles,
                                  &result);
  });
  return result;
}

void expect_close(double found, double expected, const char* what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(found)) << what << ' ' << found;
  } else {
    EXPECT_NEAR(found, expected, 1e-12 * std::fabs(expected)) << what;
  }
}

void expect_same(const TwoSample& found, const TwoSample& expected) {
  EXPECT_EQ(found.n, expected.n);
  EXPECT_EQ(found.m, expected.m);
  EXPECT_EQ(found.ranks, expected.ranks);
  EXPECT_EQ(found.anderson, expected.anderson);
  EXPECT_EQ(found.distances, expected.distances);
  if (expected.ranks == Undefined::kDefined) {
    EXPECT_EQ(found.ks, expected.ks);
    EXPECT_EQ(found.ks_location, expected.ks_location);
    EXPECT_EQ(found.ks_p_value, expected.ks_p_value);
  }
  expect_close(found.cramer_von_mises, expected.cramer_von_mises, "Cramer-von Mises");
  expect_close(found.anderson_darling, expected.anderson_darling, "Anderson-Darling");
  expect_close(found.wasserstein, expected.wasserstein, "Wasserstein");
  expect_close(found.energy, expected.energy, "energy");
  // Tails move by their statistics' rounding times their slope.
  for (const auto& [a, b] :
       {std::pair(found.cramer_von_mises_p_value, expected.cramer_von_mises_p_value),
        std::pair(found.anderson_darling_p_value, expected.anderson_darling_p_value)}) {
    if (std::isnan(b)) {
      EXPECT_TRUE(std::isnan(a));
    } else {
      EXPECT_NEAR(a, b, 1e-9 * b);
    }
  }
}

class EmulatedTwoSample : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

TEST_P(EmulatedTwoSample, IsThatOfTheCpu) {
  for (test::SampleCase each : test::sample_cases()) {
    SCOPED_TRACE(each.name);
    expect_same(two_sample_of(sums_of(on_emulator<std::uint64_t>(each.x, each.y),
                                      static_cast<std::int64_t>(each.x.size()),
                                      static_cast<std::int64_t>(each.y.size()))),
                two_sample(test::sorted(each.x), test::sorted(each.y)));
    if (each.name == "large") continue;  // beyond a float
    test::to_floats(each.x);
    test::to_floats(each.y);
    const std::vector<float> x(each.x.begin(), each.x.end());
    const std::vector<float> y(each.y.begin(), each.y.end());
    expect_same(
        two_sample_of(sums_of(on_emulator<std::uint32_t>(x, y), static_cast<std::int64_t>(x.size()),
                              static_cast<std::int64_t>(y.size()))),
        two_sample(test::sorted(each.x), test::sorted(each.y)));
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, EmulatedTwoSample,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

TEST(SampleKeys, IntegersBeyondADoubleAreCounted) {
  const std::vector<std::int64_t> x{1, (std::int64_t{1} << 53) + 1, INT64_MAX, INT64_MIN, -7};
  const Column left{x.data(), Element::kI64, 5, 1};
  std::vector<std::uint64_t> keys(5);
  std::vector<std::uint8_t> sides(5);
  SampleCounts counts{};
  emu::launch(1, 32, 0, [&] {
    sample_keys_kernel<std::uint64_t>(left, Column{}, keys.data(), sides.data(), &counts);
  });
  EXPECT_EQ(counts.rounded, 2U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(key_value(keys[i]), static_cast<double>(x[i]));
}

TEST(SampleKeys, OrderAsValuesDo) {
  const std::vector<double> ascending{-INFINITY, -3.0, -1e-40, -0.0, 0.0, 1e-40, 2.0, INFINITY};
  for (std::size_t i = 1; i < ascending.size(); ++i) {
    const auto low = sample_key<std::uint32_t>(ascending[i - 1]);
    const auto high = sample_key<std::uint32_t>(ascending[i]);
    EXPECT_EQ(low < high, ascending[i - 1] < ascending[i]);
    EXPECT_LT(high, kEndKey<std::uint32_t>);
    EXPECT_EQ(key_value(high), static_cast<float>(ascending[i]));
  }
}

}  // namespace
}  // namespace inlay::cuda
