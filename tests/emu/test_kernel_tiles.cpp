#include "emulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "detect/median_distance.cuh"
#include "detect_cases.hpp"
#include "detect_rows.hpp"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

// ---- the median distance ----------------------------------------------------------------------

double plain_median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return sorted_median(numbers.data(), 0, static_cast<std::int64_t>(numbers.size()));
}

struct Middle {
  std::vector<double> middle;
  KernelScale scale;
};

Middle on_emulator(const test::RowsCase& x, const test::RowsCase& y,
                   const std::vector<std::int32_t>& chosen, ScaleChoice choice) {
  const Rows left = rows_of(x);
  const Rows right = rows_of(y);
  const auto dims = static_cast<std::size_t>(x.dims);
  const auto count = static_cast<std::int32_t>(chosen.size());
  std::vector<double> gathered(chosen.size() * dims);
  const Sample sample{chosen.data(), count, gathered.data()};
  Middle out{std::vector<double>(dims), {}};
  std::vector<double> sizes(chosen.size());
  std::vector<double> squares(chosen.size());
  const std::int64_t pair_count = std::int64_t{count} * (count - 1) / 2;
  std::vector<double> pairs(static_cast<std::size_t>(pair_count));
  double unit = -1.0;
  const auto blocks = static_cast<unsigned>(count);
  const unsigned along = (blocks + kPairTile - 1) / kPairTile;
  emu::launch({(static_cast<unsigned>(x.dims) + 63) / 64, blocks}, 64, 0,
              [&] { gather_sample_kernel(left, right, sample); });
  emu::launch(static_cast<unsigned>(x.dims), kSortThreads, 0,
              [&] { column_medians_kernel(sample, x.dims, out.middle.data()); });
  emu::launch(blocks, kWarp, 0,
              [&] { sample_sizes_kernel(sample, x.dims, out.middle.data(), sizes.data()); });
  emu::launch(1, kSortThreads, 0, [&] { sample_unit_kernel(sizes.data(), count, &unit); });
  emu::launch(blocks, kWarp, 0, [&] {
    scale_sample_kernel(sample, x.dims, out.middle.data(), &unit, squares.data());
  });
  emu::launch({along, along}, kPairTile * kPairTile, 0,
              [&] { pair_distances_kernel(sample, x.dims, squares.data(), pairs.data()); });
  std::sort(pairs.begin(), pairs.end());
  emu::launch(1, 1, 0,
              [&] { choose_scale_kernel(pairs.data(), pair_count, &unit, choice, &out.scale); });
  return out;
}

class EmulatedKernels : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

std::vector<std::int32_t> first_rows(std::int64_t count) {
  std::vector<std::int32_t> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

TEST_P(EmulatedKernels, MedianDistanceIsThatOfAllPairs) {
  for (const std::int64_t dims : {1, 5, 33}) {
    const auto x = test::normal_rows(40, dims, 1000.0, 1);
    const auto y = test::normal_rows(27, dims, 1001.0, 2);
    const auto found = on_emulator(x, y, first_rows(67), {0.0, true});
    const auto at = [&](std::int64_t row, std::int64_t dim) {
      return row < 40 ? x.values[static_cast<std::size_t>(row * dims + dim)]
                      : y.values[static_cast<std::size_t>((row - 40) * dims + dim)];
    };
    std::vector<double> distances;
    for (std::int64_t i = 0; i < 67; ++i) {
      for (std::int64_t j = i + 1; j < 67; ++j) {
        double sum = 0.0;
        for (std::int64_t d = 0; d < dims; ++d) sum += std::pow(at(i, d) - at(j, d), 2.0);
        distances.push_back(std::sqrt(sum));
      }
    }
    const double median = plain_median(distances);
    EXPECT_NEAR(found.scale.median, median, 1e-12 * median);
    EXPECT_NEAR(found.scale.scale, median * std::sqrt(2.0), 1e-12 * median);
    EXPECT_NEAR(found.scale.offset, std::exp(-0.5), 1e-7);
    for (std::int64_t d = 0; d < dims; ++d) {
      std::vector<double> column;
      for (std::int64_t i = 0; i < 67; ++i) column.push_back(at(i, d));
      EXPECT_EQ(found.middle[static_cast<std::size_t>(d)], plain_median(column));
    }
  }
}

TEST_P(EmulatedKernels, MedianDistanceOfEqualRows) {
  test::RowsCase x{30, 3, std::vector<double>(90, 2.5)};
  const test::RowsCase y{10, 3, std::vector<double>(30, 2.5)};
  EXPECT_EQ(on_emulator(x, y, first_rows(40), {0.0, true}).scale.median, 0.0);
  EXPECT_EQ(on_emulator(x, y, {3}, {0.0, true}).scale.median, 0.0);  // no pair
  // Where most are equal, that of those which are not.
  x.values[0] += 6.0;
  EXPECT_NEAR(on_emulator(x, y, first_rows(40), {0.0, true}).scale.median, 6.0, 1e-12);
}

TEST_P(EmulatedKernels, LargestDoublesDoNotOverflow) {
  const test::RowsCase x{3, 1, {1.7e308, -1.7e308, 1.6e308}};
  const test::RowsCase y{2, 1, {-1.6e308, 0.0}};
  const auto found = on_emulator(x, y, first_rows(5), {1e300, true});
  EXPECT_EQ(found.middle[0], 0.0);
  EXPECT_EQ(found.scale.scale, 1e300 * std::sqrt(2.0));
}

// ---- tiles ------------------------------------------------------------------------------------

TEST(TilePlace, EveryTileOnAndAboveTheDiagonalOnce) {
  for (const std::int32_t panels : {1, 2, 15, 16, 17, 40}) {
    std::set<std::pair<std::int32_t, std::int32_t>> seen;
    const std::int64_t numbers = square_count(panels) * kSquare * kSquare;
    for (std::int64_t i = 0; i < numbers; ++i) {
      const TilePlace place = tile_place(i, panels);
      if (!place.exists) continue;
      EXPECT_LE(place.down, place.across);
      EXPECT_LT(place.across, panels);
      EXPECT_TRUE(seen.emplace(place.down, place.across).second);
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(panels * (panels + 1) / 2));
  }
  // Far out the root is still the right one.
  const std::int64_t along = 1 << 20;
  const TilePlace last = tile_place(along * (along + 1) / 2 * 256 - 1, 1 << 24);
  EXPECT_EQ(last.down, (1 << 24) - 1);
  EXPECT_EQ(last.across, (1 << 24) - 1);
}

struct Pooled {
  Panels panels;
  std::vector<float> values;
  std::vector<float> squares;
  std::vector<std::uint8_t> bad;
  unsigned long long left_out[2] = {0, 0};
};

void pool(const test::RowsCase& x, const test::RowsCase& y, const Middle& middle, Pooled& out) {
  const std::int64_t total = x.count + y.count;
  out.panels.rows = total;
  out.panels.panels = static_cast<std::int32_t>((total + kTile - 1) / kTile);
  out.panels.depth = static_cast<std::int32_t>((x.dims + kDepth - 1) / kDepth * kDepth);
  const auto padded = static_cast<std::size_t>(out.panels.panels) * kTile;
  out.values.assign(padded * static_cast<std::size_t>(out.panels.depth), NAN);
  out.squares.assign(padded, NAN);
  out.bad.assign(static_cast<std::size_t>(total), 0);
  out.panels.values = out.values.data();
  out.panels.squares = out.squares.data();
  const auto down = static_cast<unsigned>(out.panels.panels * kTile / kPoolWidth);
  const auto across = static_cast<unsigned>((out.panels.depth + kPoolWidth - 1) / kPoolWidth);
  emu::launch({down, across}, kPoolWidth * kPoolRows, 0, [&] {
    pool_rows_kernel(rows_of(x), rows_of(y), middle.middle.data(), &middle.scale, out.panels,
                     out.bad.data());
  });
  emu::launch(static_cast<unsigned>(out.panels.panels), kTile * kSquareParts, 0,
              [&] { squares_kernel(out.panels, out.bad.data(), x.count, out.left_out); });
}

// signs[group][padded][kTile]; split s of `splits` is in group s / 127 at place s % 127 + 1.
std::vector<std::int8_t> signs_of(std::int64_t total, std::int32_t panels, int splits,
                                  std::int32_t groups) {
  const std::int64_t padded = std::int64_t{panels} * kTile;
  std::mt19937 random(5);
  std::vector<std::int8_t> given(static_cast<std::size_t>(total * splits));
  for (std::int8_t& sign : given) sign = random() % 2 == 0 ? 1 : -1;
  std::vector<std::int8_t> signs(static_cast<std::size_t>(groups * padded * kTile), 7);
  emu::launch(2, 64, 0, [&] {
    spread_signs_kernel(given.data(), total, splits, padded, groups, signs.data());
  });
  for (std::int32_t group = 0; group < groups; ++group) {
    for (std::int64_t row = 0; row < padded; ++row) {
      for (int place = 0; place < kTile; ++place) {
        const int split = group * (kTile - 1) + place - 1;
        std::int8_t expected = 0;
        if (row < total && place == 0) expected = 1;
        if (row < total && place > 0 && split < splits) {
          expected = given[static_cast<std::size_t>(row * splits + split)];
        }
        EXPECT_EQ(signs[static_cast<std::size_t>((group * padded + row) * kTile + place)],
                  expected);
      }
    }
  }
  return signs;
}

template <int kHeld, int kStages>
void expect_forms(const Pooled& pooled, int split_count, const KernelScale& scale, bool gaussian) {
  const std::int32_t groups = (split_count + kTile - 2) / (kTile - 1);
  const auto signs = signs_of(pooled.panels.rows, pooled.panels.panels, split_count, groups);
  const std::int64_t blocks = std::min<std::int64_t>(tile_blocks(pooled.panels.panels), 5);
  const std::int64_t numbers = std::int64_t{groups} * 2 * kTile;
  std::vector<double> partial(static_cast<std::size_t>(blocks * numbers), 0.0);
  emu::launch(static_cast<unsigned>(blocks), kTileThreads, tile_shared_bytes<kHeld, kStages>(),
              [&] {
                kernel_tiles_kernel<kHeld, kStages>(pooled.panels, {signs.data(), groups}, &scale,
                                                    gaussian, partial.data());
              });
  std::vector<double> sums(static_cast<std::size_t>(numbers), NAN);
  emu::launch(static_cast<unsigned>((numbers + 7) / 8), 8 * kWarp, 0,
              [&] { sum_partials_kernel(partial.data(), blocks, numbers, sums.data()); });

  const std::int64_t total = pooled.panels.rows;
  const std::int64_t padded = std::int64_t{pooled.panels.panels} * kTile;
  const auto value = [&](std::int64_t row, std::int64_t k) {
    return static_cast<double>(pooled.values[static_cast<std::size_t>(
        (row / kTile * pooled.panels.depth + k) * kTile + row % kTile)]);
  };
  std::vector<double> kernel(static_cast<std::size_t>(total * total));
  for (std::int64_t i = 0; i < total; ++i) {
    for (std::int64_t j = 0; j < total; ++j) {
      double squared = 0.0;
      for (std::int64_t k = 0; k < pooled.panels.depth; ++k) {
        squared += std::pow(value(i, k) - value(j, k), 2.0);
      }
      const double plain = gaussian ? std::exp(-squared) : -std::sqrt(squared);
      kernel[static_cast<std::size_t>(i * total + j)] = plain - static_cast<double>(scale.offset);
    }
  }
  // Differences of floats: of a root they are the larger the smaller it is.
  const double tolerance = static_cast<double>(total) * static_cast<double>(total) * 1e-6;
  for (std::int32_t group = 0; group < groups; ++group) {
    for (int split = 0; split < kTile; split += 7) {
      double form = 0.0;
      double linear = 0.0;
      const auto sign = [&](std::int64_t row) {
        return signs[static_cast<std::size_t>((group * padded + row) * kTile + split)];
      };
      for (std::int64_t i = 0; i < total; ++i) {
        for (std::int64_t j = 0; j < total; ++j) {
          const double k = kernel[static_cast<std::size_t>(i * total + j)];
          form += sign(i) * sign(j) * k;
          linear += sign(i) * k;
        }
      }
      const auto at = static_cast<std::size_t>((group * kTile + split) * 2);
      EXPECT_NEAR(sums[at], form, tolerance) << group << ' ' << split;
      EXPECT_NEAR(sums[at + 1], linear, tolerance) << group << ' ' << split;
    }
  }
}

TEST_P(EmulatedKernels, FormsAreThoseOfTheWholeMatrix) {
  for (const auto& [n, m, dims, splits] :
       {std::tuple(150, 130, 19, 20), std::tuple(3, 2, 1, 1), std::tuple(100, 28, 40, 130)}) {
    SCOPED_TRACE(n);
    const auto x = test::normal_rows(n, dims, 10.0, 3);
    const auto y = test::normal_rows(m, dims, 10.5, 4);
    const auto gaussian = on_emulator(x, y, first_rows(n + m), {0.0, true});
    Pooled pooled;
    pool(x, y, gaussian, pooled);
    EXPECT_EQ(pooled.left_out[0] + pooled.left_out[1], 0U);
    expect_forms<kTile, 3>(pooled, splits, gaussian.scale, true);
    expect_forms<kSignRows, 2>(pooled, splits, gaussian.scale, true);
    const auto distance = on_emulator(x, y, first_rows(n + m), {0.0, false});
    pool(x, y, distance, pooled);
    expect_forms<kTile, 3>(pooled, splits, distance.scale, false);
    expect_forms<kSignRows, 2>(pooled, splits, distance.scale, false);
  }
}

TEST_P(EmulatedKernels, RowsWithGapsAreMarked) {
  auto x = test::normal_rows(70, 40, 0.0, 3);
  auto y = test::normal_rows(90, 40, 0.0, 4);
  x.values[3 * 40 + 39] = NAN;
  x.values[3 * 40] = INFINITY;
  y.values[89 * 40 + 1] = -INFINITY;
  const Middle middle{std::vector<double>(40, 0.0), {1.0, 1.0, 0.0F}};
  Pooled pooled;
  pool(x, y, middle, pooled);
  EXPECT_EQ(pooled.left_out[0], 1U);
  EXPECT_EQ(pooled.left_out[1], 1U);
  EXPECT_EQ(pooled.bad[3], 1);
  EXPECT_EQ(pooled.bad[159], 1);
  EXPECT_EQ(std::accumulate(pooled.bad.begin(), pooled.bad.end(), 0), 2);
}

INSTANTIATE_TEST_SUITE_P(Orders, EmulatedKernels,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

}  // namespace
}  // namespace inlay::cuda
