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
  const detail::ReferenceCells cells({5, 6, 7}, true, true);
  EXPECT_EQ(cells.alpha(), (std::vector<double>{5, 6, 8}));
  const detail::ReferenceCells estimated({5, 6, 7}, false, true);
  EXPECT_EQ(estimated.alpha(), (std::vector<double>{5.5, 6.5, 7.5}));
  EXPECT_FALSE(detail::ReferenceCells({5, 0, 7}, true, true).is_exact);
  EXPECT_TRUE(detail::ReferenceCells({5, 7, 0}, true, true).is_exact);
}

TEST(ReferenceCells, ManyCellsAreJoinedWithoutLoss) {
  std::vector<std::uint64_t> counts(1000);
  std::iota(counts.begin(), counts.end(), 1);
  for (const bool ordered : {true, false}) {
    const detail::ReferenceCells cells(counts, true, ordered);
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
