#include "emulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "detect/embedding_window.cuh"
#include "detect/projections.cuh"
#include "detect/row_moments.cuh"
#include "detect/row_sums.cuh"
#include "detect_cases.hpp"
#include "detect_plain.hpp"
#include "detect_rows.hpp"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

class EmulatedRows : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

TEST_P(EmulatedRows, ProjectionsAndTheirDistances) {
  constexpr std::int64_t kDims = 19;
  constexpr std::int32_t kCount = 67;
  auto x = test::normal_rows(70, kDims, 0.0, 1);
  auto y = test::normal_rows(150, kDims, 0.5, 2);
  const auto directions = test::normal(kDims * kCount, 0.0, 3);
  std::vector<std::uint8_t> bad(220, 0);
  const auto project = [&](const test::RowsCase& rows, std::uint8_t* marks) {
    std::vector<std::uint64_t> out(static_cast<std::size_t>(rows.count * kCount));
    emu::launch({static_cast<unsigned>((rows.count + 63) / 64), 2}, kDoubleThreads, 0, [&] {
      project_rows_kernel(rows_of(rows), directions.data(), kCount, out.data(), marks);
    });
    return out;
  };
  auto seen_x = project(x, bad.data());
  auto seen_y = project(y, bad.data() + 70);
  EXPECT_EQ(std::accumulate(bad.begin(), bad.end(), 0), 0);
  for (const int p : {1, 2}) {
    for (const std::int32_t i : {0, 40, 66}) {
      const auto at = static_cast<std::size_t>(i);
      std::vector<std::uint64_t> left(seen_x.begin() + i * 70, seen_x.begin() + (i + 1) * 70);
      std::vector<std::uint64_t> right(seen_y.begin() + i * 150, seen_y.begin() + (i + 1) * 150);
      std::sort(left.begin(), left.end());
      std::sort(right.begin(), right.end());
      std::vector<double> partial(kQuantileBlocks);
      emu::launch(kQuantileBlocks, kQuantileThreads, 0, [&] {
        quantile_distance_kernel(left.data(), 70, right.data(), 150, p, partial.data());
      });
      double power = 0.0;
      emu::launch(1, 32, 0,
                  [&] { finish_quantiles_kernel(partial.data(), 1, 70.0 * 150.0, &power); });
      const double plain = test::plain_sliced(x, y, &directions[at * kDims], p);
      EXPECT_NEAR(power, plain, 1e-12 * plain);
    }
  }
  y.values[3 * kDims + 18] = NAN;
  project(y, bad.data() + 70);
  EXPECT_EQ(bad[73], 1);
  unsigned long long marked = 0;
  emu::launch(2, 64, 0, [&] { count_marked_kernel(bad.data(), 220, &marked); });
  EXPECT_EQ(marked, 1U);
}

// Everything that an update of a block of rows launches.
struct Batch {
  explicit Batch(const EmbeddingShape& shape_) : shape(shape_) {}

  void add(const test::RowsCase& given, WindowControl& control, void* state_0, void* state_1) {
    const Rows rows = rows_of(given);
    std::vector<std::uint8_t> bad(static_cast<std::size_t>(rows.count));
    std::vector<double> sums(40 * static_cast<std::size_t>(shape.dims));
    std::vector<double> mean(static_cast<std::size_t>(shape.dims));
    const RowsSummed summed{rows, bad.data()};
    emu::launch(2, 64, 0, [&] { mark_rows_kernel(rows, bad.data(), &marked); });
    constexpr std::int64_t kPart = 50;
    const auto parts = static_cast<std::int32_t>((rows.count + kPart - 1) / kPart);
    const unsigned columns = static_cast<unsigned>((shape.dims + kSumWidth - 1) / kSumWidth);
    const emu::Extent grid(columns, static_cast<unsigned>(parts));
    emu::launch(grid, kSumWidth * kSumLines, 0,
                [&] { column_sums_kernel(summed, kPart, sums.data()); });
    emu::launch(2, 64, 0, [&] {
      column_means_kernel(sums.data(), parts, shape.dims, rows.count, &marked, mean.data());
    });
    EmbeddingBatch batch{};
    batch.marked = &marked;
    batch.rows = rows.count;
    batch.mean = mean.data();
    batch.scatter_parts = parts;
    std::vector<double> scatter;
    const auto tiles = static_cast<unsigned>(triangle_tiles(shape.dims));
    if (shape.full) {
      scatter.resize(static_cast<std::size_t>(parts) * tiles * kDoubleTile * kDoubleTile);
      emu::launch({tiles, static_cast<unsigned>(parts)}, kDoubleThreads, 0,
                  [&] { scatter_kernel(summed, mean.data(), kPart, scatter.data()); });
    } else {
      scatter.resize(static_cast<std::size_t>(parts) * static_cast<std::size_t>(shape.dims));
      emu::launch(grid, kSumWidth * kSumLines, 0,
                  [&] { column_squares_kernel(summed, mean.data(), kPart, scatter.data()); });
    }
    batch.scatter = scatter.data();
    batch.phase_parts = static_cast<std::int32_t>((rows.count + kPhaseRows - 1) / kPhaseRows);
    std::vector<double> phases(static_cast<std::size_t>(batch.phase_parts * shape.frequencies * 2));
    const auto groups = static_cast<unsigned>((shape.frequencies + kDoubleTile - 1) / kDoubleTile);
    emu::launch({groups, static_cast<unsigned>(batch.phase_parts)}, kDoubleThreads, 0, [&] {
      phases_kernel(summed, directions.data(), shape.frequencies, phases.data());
    });
    batch.cosines = phases.data();
    emu::launch(3, 64, 0, [&] { fold_embedding_kernel(&control, state_0, state_1, shape, batch); });
  }

  EmbeddingShape shape;
  std::vector<double> directions =
      test::normal(static_cast<std::size_t>(shape.dims * shape.frequencies), 0.0, 5);
  unsigned long long marked = 0;
};

test::RowsCase part_of(const test::RowsCase& rows, std::int64_t first, std::int64_t count) {
  return {count, rows.dims,
          std::vector<double>(rows.values.begin() + first * rows.dims,
                              rows.values.begin() + (first + count) * rows.dims)};
}

TEST_P(EmulatedRows, WindowsOfAnEmbedding) {
  for (const bool full : {true, false}) {
    const EmbeddingShape shape{70, 66, full};
    Batch batch(shape);
    const auto clean = test::normal_rows(130, 70, 5.0, 7);
    test::RowsCase first = part_of(clean, 0, 101);
    // A row with a gap in the middle counts for nothing.
    first.values.insert(first.values.begin() + 50 * 70, 70, 1e300);
    first.values[50 * 70 + 69] = NAN;
    ++first.count;
    const std::size_t words = 2 + static_cast<std::size_t>(shape.numbers());
    std::vector<double> states[2] = {std::vector<double>(words), std::vector<double>(words)};
    WindowControl control{};
    batch.add(first, control, states[0].data(), states[1].data());
    batch.add(part_of(clean, 101, 9), control, states[0].data(), states[1].data());
    turn_window(&control);
    batch.add(part_of(clean, 110, 20), control, states[0].data(), states[1].data());
    EXPECT_EQ(batch.marked, 0U);

    EmbeddingHead head{};
    std::vector<double> numbers;
    for (unsigned window = 0; window < 2; ++window) {
      unsigned quiet = 0;
      settle_window(&control, window, &quiet);
      EXPECT_EQ(quiet, 1U);
      std::vector<double> result(words);
      emu::launch(2, 64, 0, [&] {
        extract_embedding_kernel(&control, window, states[window].data(),
                                 static_cast<std::int64_t>(words), result.data());
      });
      EXPECT_EQ(std::count(states[window].begin(), states[window].end(), 0.0),
                static_cast<std::ptrdiff_t>(words));
      EmbeddingHead found;
      std::memcpy(&found, result.data(), sizeof(found));
      EXPECT_EQ(found.count, window == 0 ? 110U : 20U);
      EXPECT_EQ(found.left_out, window == 0 ? 1U : 0U);
      add_embedding(shape, found, result.data() + 2, head, numbers);
    }
    EXPECT_EQ(head.count, 130U);
    EXPECT_EQ(head.left_out, 1U);
    const auto plain = test::plain_moments(clean);
    for (std::size_t d = 0; d < 70; ++d) EXPECT_NEAR(numbers[d], plain.mean[d], 1e-13);
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape.scatter_size()); ++i) {
      EXPECT_NEAR(numbers[70 + i], plain.scatter[full ? i : i * 71], 1e-11);
    }
    for (std::size_t f = 0; f < 66; ++f) {
      double cosines = 0.0;
      double sines = 0.0;
      for (std::size_t i = 0; i < 130; ++i) {
        double phase = 0.0;
        for (std::size_t d = 0; d < 70; ++d) {
          phase += clean.values[i * 70 + d] * batch.directions[d * 66 + f];
        }
        cosines += std::cos(phase);
        sines += std::sin(phase);
      }
      const std::size_t at = 70 + static_cast<std::size_t>(shape.scatter_size()) + f;
      EXPECT_NEAR(numbers[at], cosines / 130.0, 1e-12);
      EXPECT_NEAR(numbers[at + 66], sines / 130.0, 1e-12);
    }
  }
}

TEST_P(EmulatedRows, MeanAndScatterOfAll) {
  const auto clean = test::normal_rows(90, 70, 100.0, 9);
  const Rows rows = rows_of(clean);
  const auto plain = test::plain_moments(clean);
  const std::vector<std::uint8_t> bad(90, 0);
  const RowsSummed summed{rows, bad.data()};
  std::vector<double> parts(2 * 3 * kDoubleTile * kDoubleTile);
  std::vector<double> scatter(70 * 70);
  emu::launch({3, 2}, kDoubleThreads, 0,
              [&] { scatter_kernel(summed, plain.mean.data(), 45, parts.data()); });
  emu::launch(3, 64, 0, [&] { finish_scatter_kernel(parts.data(), 2, 70, scatter.data()); });
  for (std::size_t i = 0; i < scatter.size(); ++i) {
    EXPECT_NEAR(scatter[i], plain.scatter[i], 1e-10);
  }
  std::vector<double> fourth(kFourthBlocks);
  emu::launch(kFourthBlocks, kFourthThreads, 0,
              [&] { fourth_kernel(summed, plain.mean.data(), fourth.data()); });
  double expected = 0.0;
  for (std::size_t i = 0; i < 90; ++i) {
    double length = 0.0;
    for (std::size_t d = 0; d < 70; ++d) {
      length += std::pow(clean.values[i * 70 + d] - plain.mean[d], 2.0);
    }
    expected += length * length;
  }
  EXPECT_NEAR(std::accumulate(fourth.begin(), fourth.end(), 0.0), expected, 1e-10 * expected);
}

INSTANTIATE_TEST_SUITE_P(Orders, EmulatedRows,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

}  // namespace
}  // namespace inlay::cuda
