#include <gtest/gtest.h>

#include <inlay/drift/dirichlet_e_process.hpp>
#include <inlay/error.hpp>
#include <numeric>
#include <random>
#include <vector>

#include "drift/dispersion_test.hpp"
#include "drift/effect.hpp"
#include "drift/reference_cells.hpp"

namespace inlay {
namespace {

using Kind = detail::ReferenceCells::Kind;

std::vector<std::uint64_t> draw(std::mt19937_64& random, std::size_t cells, int rows) {
  std::vector<std::uint64_t> out(cells);
  std::uniform_int_distribution<std::size_t> cell(0, cells - 1);
  for (int i = 0; i < rows; ++i) ++out[cell(random)];
  return out;
}

DirichletEProcess filled(std::size_t cells, int windows) {
  std::mt19937_64 random(1);
  DirichletEProcess out(std::vector<double>(cells, 100.0));
  for (int i = 0; i < windows; ++i) out.update(draw(random, cells, 200).data(), i);
  return out;
}

TEST(DirichletEProcess, BytesHoldEverything) {
  for (const std::size_t cells : {2U, 10U, 700U}) {
    std::mt19937_64 random(2);
    DirichletEProcess process = filled(cells, 70);
    const std::vector<std::uint8_t> bytes = process.to_bytes();
    DirichletEProcess other =
        DirichletEProcess::from_bytes(process.alpha(), bytes.data(), bytes.size());
    EXPECT_EQ(other.to_bytes(), bytes);
    EXPECT_EQ(other.log_e(), process.log_e());
    const std::vector<std::uint64_t> next = draw(random, cells, 300);
    process.update(next.data(), 70);
    other.update(next.data(), 70);
    EXPECT_EQ(other.log_e(), process.log_e());
    EXPECT_EQ(other.to_bytes(), process.to_bytes());
  }
}

TEST(DirichletEProcess, BytesHoldWhichStartsAreLeftOut) {
  std::mt19937_64 random(6);
  DirichletEProcess process(std::vector<double>(4, 2'000.0));
  for (int i = 0; i < 300; ++i) {
    process.update(draw(random, 4, 1'000).data(), i);
    if (i % 7 != 0) continue;
    const std::vector<std::uint8_t> bytes = process.to_bytes();
    DirichletEProcess other =
        DirichletEProcess::from_bytes(process.alpha(), bytes.data(), bytes.size());
    ASSERT_EQ(other.log_e(), process.log_e()) << i;
    ASSERT_EQ(other.most_likely_change().start_us, process.most_likely_change().start_us) << i;
    for (int j = 0; j < 3; ++j) {
      const std::vector<std::uint64_t> next = draw(random, 4, 1'000);
      process.update(next.data(), i);
      other.update(next.data(), i);
      ASSERT_EQ(other.log_e(), process.log_e()) << i;
    }
    ASSERT_EQ(other.to_bytes(), process.to_bytes()) << i;
  }
}

TEST(DirichletEProcess, RefusesDamagedBytes) {
  const DirichletEProcess process = filled(4, 30);
  const std::vector<std::uint8_t> bytes = process.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(DirichletEProcess::from_bytes(process.alpha(), bytes.data(), size),
                 SerializationError);
  }
  EXPECT_THROW(
      DirichletEProcess::from_bytes(std::vector<double>(5, 1.0), bytes.data(), bytes.size()),
      SerializationError);
  // Whatever is changed is refused or leads to a state that can be used.
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::uint8_t> damaged = bytes;
    damaged[at] ^= 0x41;
    try {
      DirichletEProcess read =
          DirichletEProcess::from_bytes(process.alpha(), damaged.data(), damaged.size());
      EXPECT_EQ(read.log_e(), read.log_e());
      EXPECT_EQ(read.to_bytes(), damaged);
    } catch (const SerializationError&) {
      continue;
    }
  }
}

TEST(DirichletEProcess, RefusesMoreRowsThanADoubleCounts) {
  DirichletEProcess process({1.0, 1.0});
  const std::uint64_t many[] = {DirichletEProcess::kMaxRows, 0};
  const std::uint64_t one[] = {1, 0};
  process.update(many, 0);
  EXPECT_THROW(process.update(one, 1), InvalidArgument);
  EXPECT_EQ(process.windows(), 1U);
  EXPECT_EQ(process.rows(), DirichletEProcess::kMaxRows);
}

TEST(ReferenceCells, FewOrderedCellsAreTheirOwnGroups) {
  const detail::ReferenceCells cells({5, 6, 7}, true, Kind::kOrdered);
  EXPECT_EQ(cells.alpha(), (std::vector<double>{5, 6, 8}));
  const detail::ReferenceCells estimated({5, 6, 7}, false, Kind::kOrdered);
  EXPECT_EQ(estimated.alpha(), (std::vector<double>{5.5, 6.5, 7.5}));
  EXPECT_FALSE(detail::ReferenceCells({5, 0, 7}, true, Kind::kOrdered).is_exact);
  EXPECT_TRUE(detail::ReferenceCells({5, 7, 0}, true, Kind::kOrdered).is_exact);
}

TEST(ReferenceCells, ManyCellsAreJoinedWithoutLoss) {
  std::vector<std::uint64_t> counts(1000);
  std::iota(counts.begin(), counts.end(), 1);
  for (const bool ordered : {true, false}) {
    const detail::ReferenceCells cells(counts, true, ordered ? Kind::kOrdered : Kind::kNames);
    EXPECT_EQ(cells.group_counts.size(), detail::ReferenceCells::kMaxGroups);
    EXPECT_EQ(std::accumulate(cells.group_counts.begin(), cells.group_counts.end(), 0ULL),
              500'500ULL);
    const double share = 500'500.0 / static_cast<double>(cells.group_counts.size());
    // Group 0 of names is that of the rare ones and of all others: 1 + 2 + 3 + 4 + 1000.
    for (std::size_t i = ordered ? 0 : 1; i < cells.group_counts.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(cells.group_counts[i]), share, 0.1 * share) << i;
    }
    if (!ordered) {
      EXPECT_EQ(cells.group_counts[0], 1010U);
    }
  }
}

TEST(ReferenceCells, BeyondTheExtremesIsOneSpacingOnEachSide) {
  const detail::ReferenceCells cells({0, 5, 6, 0}, true, Kind::kBounded);
  EXPECT_TRUE(cells.is_exact);
  EXPECT_TRUE(cells.has_rare_ends());
  EXPECT_EQ(cells.alpha(), (std::vector<double>{1, 4, 6, 1}));
  // Infinite values of the reference lie there too.
  const detail::ReferenceCells infinite({2, 5, 6, 3}, true, Kind::kBounded);
  EXPECT_EQ(infinite.alpha(), (std::vector<double>{3, 4, 6, 4}));
  const detail::ReferenceCells estimated({0, 5, 6, 0}, false, Kind::kBounded);
  EXPECT_EQ(estimated.alpha(), (std::vector<double>{0.5, 5.5, 6.5, 0.5}));
  EXPECT_FALSE(detail::ReferenceCells({0, 5, 0, 6, 0}, true, Kind::kBounded).is_exact);
  // The least value alone has no spacing between its edges.
  const detail::ReferenceCells alone({0, 1, 2, 3, 0}, true, Kind::kBounded);
  EXPECT_EQ(alone.group, (std::vector<std::uint16_t>{0, 0, 1, 2, 3}));
  EXPECT_EQ(alone.alpha(), (std::vector<double>{1, 2, 3, 1}));
  const detail::ReferenceCells single({0, 1, 0}, true, Kind::kBounded);
  EXPECT_EQ(single.alpha(), (std::vector<double>{1, 1}));
  EXPECT_FALSE(single.has_rare_ends());
  EXPECT_THROW(detail::ReferenceCells({0, 1}, true, Kind::kBounded), InvalidArgument);
}

TEST(ReferenceCells, TheEndsOfManyCellsAreGroupsOfTheirOwn) {
  for (const std::size_t size : {15U, 16U, 17U, 22U, 1'002U}) {
    std::vector<std::uint64_t> counts(size, 10);
    counts.front() = counts.back() = 0;
    const detail::ReferenceCells cells(counts, true, Kind::kBounded);
    EXPECT_EQ(cells.group_counts.size(), std::min<std::size_t>(size, 16)) << size;
    EXPECT_EQ(cells.group_counts.front(), 0U);
    EXPECT_EQ(cells.group_counts.back(), 0U);
    const std::vector<double> alpha = cells.alpha();
    EXPECT_EQ(std::accumulate(alpha.begin(), alpha.end(), 0.0), 10.0 * (size - 2) + 1);
  }
}

TEST(Effect, IsWithoutBiasBeyondTheExtremes) {
  // Shares of the ends are spacings of a sample of the reference's size.
  std::mt19937_64 random(7);
  std::gamma_distribution<double> spacing(1.0);
  for (const double n : {1'000.0, 100'000.0}) {
    for (const int rows : {1'000, 300'000}) {
      int above = 0;
      double sum = 0;
      for (int i = 0; i < 400; ++i) {
        const std::vector<std::uint64_t> reference = {0, static_cast<std::uint64_t>(n), 0};
        std::poisson_distribution<std::uint64_t> below(rows * spacing(random) / n);
        std::poisson_distribution<std::uint64_t> beyond(rows * spacing(random) / n);
        const std::uint64_t ends[] = {below(random), beyond(random)};
        const detail::Effect effect = detail::jensen_shannon_effect(
            reference, {ends[0], static_cast<std::uint64_t>(rows), ends[1]}, true);
        above += effect.low > 0;
        sum += effect.value;
      }
      EXPECT_LT(above, 60) << n << ' ' << rows;
      EXPECT_LT(sum / 400, n > 1'000 && rows > 1'000 ? 0.003 : 0.02) << n << ' ' << rows;
    }
  }
  const detail::Effect moved = detail::jensen_shannon_effect({0, 1'000, 0}, {1'000, 0, 0}, true);
  EXPECT_GT(moved.low, 0.9);
  EXPECT_EQ(detail::jensen_shannon_effect({0, 1'000, 0}, {0, 500, 0}, true).high, 0);
}

TEST(DirichletEProcess, RareEndsCostLittleAndAreSeen) {
  const std::vector<double> alpha = {1, 49'999, 50'000, 1};
  DirichletEProcess rare(alpha, true);
  DirichletEProcess plain(alpha);
  DirichletEProcess without({50'000, 50'001});
  const std::uint64_t quiet[] = {0, 500, 500, 0};
  for (int i = 0; i < 10; ++i) {
    rare.update(quiet, i);
    plain.update(quiet, i);
    without.update(quiet + 1, i);
  }
  EXPECT_GT(rare.log_e(), plain.log_e() + 5);
  EXPECT_NEAR(rare.log_e(), without.log_e(), 2.5);
  const std::vector<std::uint8_t> bytes = rare.to_bytes();
  DirichletEProcess again = DirichletEProcess::from_bytes(alpha, bytes.data(), bytes.size(), true);
  const std::uint64_t below[] = {10, 490, 500, 0};
  again.update(below, 10);
  rare.update(below, 10);
  EXPECT_EQ(again.log_e(), rare.log_e());
  EXPECT_GT(rare.log_e(), 20);
  EXPECT_EQ(rare.most_likely_change().start_us, 10);
  EXPECT_THROW(DirichletEProcess({1, 1}, true), InvalidArgument);
}

TEST(Effect, IsWithoutBiasWhereNothingDiffers) {
  std::mt19937_64 random(3);
  const std::vector<std::uint64_t> reference = draw(random, 10, 100'000);
  int above = 0;
  for (int i = 0; i < 200; ++i) {
    const detail::Effect effect = detail::jensen_shannon_effect(reference, draw(random, 10, 1'000));
    EXPECT_LE(effect.low, effect.value);
    EXPECT_LE(effect.value, effect.high);
    above += effect.low > 0;
  }
  EXPECT_LT(above, 30);  // 5 % by the normal distribution, somewhat more by the skew one
  const detail::Effect none = detail::jensen_shannon_effect({0, 0}, {1, 1});
  EXPECT_EQ(none.value, 0);
}

TEST(DispersionTest, TellsCorrelatedRowsFromIndependentOnes) {
  std::mt19937_64 random(4);
  detail::DispersionTest calm;
  detail::DispersionTest doubled;
  for (int i = 0; i < 2'000; ++i) {
    calm.update(draw(random, 10, 500));
    std::vector<std::uint64_t> pairs = draw(random, 10, 500);
    for (std::uint64_t& count : pairs) count *= 2;  // each row came twice
    doubled.update(pairs);
    // At first a pair that differs by chance may leave some doubt.
    if (i >= 100) {
      ASSERT_FALSE(calm.is_correlated()) << i;
    }
  }
  EXPECT_TRUE(doubled.is_correlated());
  for (int i = 0; i < 200; ++i) doubled.update(draw(random, 10, 500));
  EXPECT_FALSE(doubled.is_correlated());
}

TEST(DispersionTest, StrongCorrelationShowsInTheFirstPair) {
  detail::DispersionTest test;
  std::vector<std::uint64_t> counts(10, 100);
  test.update(counts);
  counts[0] = 300;
  test.update(counts);
  EXPECT_TRUE(test.is_correlated());
}

TEST(DispersionTest, OneChangeIsNoCorrelation) {
  detail::DispersionTest test;
  std::mt19937_64 random(5);
  for (int i = 0; i < 101; ++i) test.update(draw(random, 10, 500));
  std::vector<std::uint64_t> changed(10);
  changed[0] = 1'000'000;
  changed[1] = 1'000;
  test.update(changed);
  EXPECT_FALSE(test.is_correlated());
}

}  // namespace
}  // namespace inlay
