#include <gtest/gtest.h>

#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <inlay/summary/top_k.hpp>
#include <vector>

// Summaries made of what another device counted: the state must be one that updates could reach.

namespace {

using inlay::Hll;
using inlay::InvalidArgument;
using inlay::TopK;

TEST(HllCountedElsewhere, RegistersAndCouponsMakeTheSketch) {
  Hll::Counts counts;
  counts.items = 100;
  counts.nans = 3;
  std::vector<std::uint8_t> registers(1U << 5, 2);
  registers[7] = 63;
  const Hll dense = Hll::from_registers(5, registers.data(), counts);
  EXPECT_FALSE(dense.is_sparse());
  EXPECT_EQ(dense.counts().items, 100U);
  EXPECT_EQ(dense.counts().nans, 3U);
  const std::vector<std::uint8_t> bytes = dense.to_bytes();
  EXPECT_EQ(Hll::from_bytes(bytes.data(), bytes.size()), dense);

  const std::vector<std::uint32_t> coupons = {1U << 26 | 5, 3U << 26 | 9, 1U << 26 | 5};
  const Hll sparse = Hll::from_coupons(12, coupons.data(), coupons.size(), counts);
  EXPECT_TRUE(sparse.is_sparse());
  EXPECT_EQ(sparse.estimate(), 2);
}

TEST(HllCountedElsewhere, RefusesWhatNoUpdateMakes) {
  const std::vector<std::uint8_t> registers(1U << 4, 64);
  EXPECT_THROW(Hll::from_registers(4, registers.data(), {}), InvalidArgument);
  EXPECT_THROW(Hll::from_registers(3, registers.data(), {}), InvalidArgument);
  const std::uint32_t no_value = 5;
  EXPECT_THROW(Hll::from_coupons(12, &no_value, 1, {}), InvalidArgument);
}

TEST(TopKCountedElsewhere, CountersMakeTheState) {
  const TopK made = TopK::from_counters(4, 30, 2, {{7, 12}, {true, 5}});
  EXPECT_EQ(made.total(), 30U);
  EXPECT_EQ(made.max_error(), 2U);
  EXPECT_EQ(made.bounds(7).low, 12U);
  EXPECT_EQ(made.bounds(7).high, 12U);
  EXPECT_EQ(made.bounds(8).high, 2U);
  const std::vector<std::uint8_t> bytes = made.to_bytes();
  EXPECT_EQ(TopK::from_bytes(bytes.data(), bytes.size()), made);
}

TEST(TopKCountedElsewhere, RefusesWhatNoUpdateMakes) {
  EXPECT_THROW(TopK::from_counters(0, 0, 0, {}), InvalidArgument);
  EXPECT_THROW(TopK::from_counters(1, 5, 0, {{1, 2}, {2, 3}}), InvalidArgument);
  EXPECT_THROW(TopK::from_counters(4, 5, 0, {{1, 2}}), InvalidArgument);          // weight is lost
  EXPECT_THROW(TopK::from_counters(4, 5, 0, {{1, 6}}), InvalidArgument);          // above the total
  EXPECT_THROW(TopK::from_counters(4, 4, 0, {{1, 2}, {1, 2}}), InvalidArgument);  // twice
  EXPECT_THROW(TopK::from_counters(4, 30, 11, {}), InvalidArgument);              // above total / 3
  EXPECT_THROW(TopK::from_counters(4, 30, 5, {{1, 5}}), InvalidArgument);         // purged
  EXPECT_THROW(TopK::from_counters(4, 30, 5, {{1, 21}}), InvalidArgument);  // of 15 that are left
  EXPECT_THROW(TopK::from_counters(4, UINT64_MAX, 0, {}), InvalidArgument);
}

}  // namespace
