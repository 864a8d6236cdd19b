#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <inlay/data/profile.hpp>
#include <inlay/error.hpp>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "arrow_column.hpp"
#include "summary/bucket_memory.hpp"
#include "summary/random.hpp"
#include "summary/top_k_sieve.hpp"

namespace inlay {
namespace {

using test::Buffer;
using test::Column;
using test::numbers;
using test::table;
using test::texts;

// A fixed sequence of numbers without a pattern.
std::uint64_t noise(std::uint64_t i) { return detail::mixed(i * 0x9E3779B97F4A7C15U + 1); }

Column mixed(std::size_t rows) {
  std::vector<double> reals(rows);
  std::vector<std::int64_t> whole(rows);
  std::vector<std::int64_t> points(rows);
  std::vector<std::string> text(rows);
  std::vector<std::int16_t> codes(rows);
  std::vector<std::uint8_t> bits((rows + 7) / 8);
  for (std::size_t i = 0; i < rows; ++i) {
    reals[i] = static_cast<double>(noise(i)) * 0x1p-64 - 0.5;
    if (i % 97 == 5) reals[i] = std::numeric_limits<double>::quiet_NaN();
    whole[i] = static_cast<std::int64_t>(noise(i + 7));
    points[i] = static_cast<std::int64_t>(i * 1000 + noise(i) % 900);
    text[i] = "text " + std::to_string(noise(i) % (i % 2 == 0 ? 50 : 1000000));
    codes[i] = static_cast<std::int16_t>(noise(i) % 5);  // 4 is out of range
    bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (i % 11 != 3 ? 1U << (i % 8) : 0U));
  }
  Column real = numbers("g", "f", reals);
  real.buffers[0] = Buffer::of(bits);
  Column coded = numbers("s", "d", codes);
  coded.dictionary.push_back(texts("", {"a", "bb", "ccc", "größe"}));
  return table(
      {real, numbers("l", "i", whole), numbers("tsu:UTC", "t", points), texts("s", text), coded});
}

Profile profile_of(Column& batch, unsigned threads = 1) {
  Profile profile(batch.schema());
  profile.update(batch.schema(), batch.array(), threads);
  return profile;
}

TEST(Profile, ThreadsDoNotMatter) {
  for (const std::size_t rows : {std::size_t{100}, std::size_t{60000}}) {
    Column batch = mixed(rows);
    const Profile alone = profile_of(batch);
    for (const unsigned threads : {0U, 2U, 4U, 7U}) {
      const Profile many = profile_of(batch, threads);
      EXPECT_EQ(many.to_bytes(), alone.to_bytes()) << threads;
      EXPECT_TRUE(many == alone);
    }
  }
}

TEST(Profile, BlockBoundariesLoseNothing) {
  for (const std::size_t rows : {1U, 2U, 2047U, 2048U, 2049U, 16383U, 16384U, 16385U, 33000U}) {
    Column batch = mixed(rows);
    const Profile profile = profile_of(batch);
    EXPECT_EQ(profile.rows(), rows);
    const std::vector<ColumnProfile>& columns = profile.columns();
    for (const ColumnProfile& column : columns) EXPECT_EQ(column.rows(), rows);
    const ColumnProfile& real = columns[0];
    EXPECT_EQ(real.moments()->count() + real.nan_count() + real.null_count(), rows);
    EXPECT_EQ(real.quantiles()->count(), real.moments()->count());
    EXPECT_EQ(real.histogram()->count(), real.moments()->count());
    EXPECT_EQ(real.cardinality()->counts().items, real.moments()->count());
    EXPECT_EQ(real.top_k()->total(), real.moments()->count());
    EXPECT_EQ(columns[1].top_k()->total(), rows);
    EXPECT_TRUE(*columns[2].ordered());
    EXPECT_EQ(columns[3].lengths()->count(), rows);
    EXPECT_EQ(columns[3].top_k()->total(), rows);
    EXPECT_EQ(columns[4].top_k()->total() + columns[4].invalid_index_count(), rows);
    EXPECT_EQ(columns[4].lengths()->count(), columns[4].top_k()->total());
  }
}

TEST(Profile, PartsMergeToTheWhole) {
  Column batch = mixed(9000);
  const Profile whole = profile_of(batch);
  Column first = batch;
  first.length = 4001;
  Column second = batch;
  second.offset = 4001;
  second.length = 4999;
  Profile merged = profile_of(first);
  merged.merge(profile_of(second));
  EXPECT_EQ(merged.rows(), whole.rows());
  for (std::size_t i = 0; i < whole.columns().size(); ++i) {
    const ColumnProfile& a = merged.columns()[i];
    const ColumnProfile& b = whole.columns()[i];
    EXPECT_EQ(a.null_count(), b.null_count());
    EXPECT_EQ(a.exact_sum(), b.exact_sum());
    EXPECT_EQ(a.exact_min(), b.exact_min());
    EXPECT_EQ(a.exact_max(), b.exact_max());
    EXPECT_TRUE(*a.cardinality() == *b.cardinality());
    EXPECT_EQ(a.ordered(), b.ordered());
    if (b.coverage() != nullptr) {
      EXPECT_TRUE(*a.coverage() == *b.coverage());
    }
    if (b.min_text() != nullptr) {
      EXPECT_TRUE(*a.min_text() == *b.min_text());
    }
  }
  // With itself, too.
  Profile twice = whole;
  twice.merge(twice);
  EXPECT_EQ(twice.rows(), 2 * whole.rows());
}

TEST(Profile, ReadsItsBytes) {
  Column batch = mixed(5000);
  const Profile profile = profile_of(batch);
  const std::vector<std::uint8_t> bytes = profile.to_bytes();
  const Profile again = Profile::from_bytes(bytes.data(), bytes.size());
  EXPECT_TRUE(again == profile);
  EXPECT_EQ(again.to_bytes(), bytes);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
    EXPECT_THROW(Profile::from_bytes(bytes.data(), size), SerializationError) << size;
  }
}

TEST(Profile, ReadsFrozenBytes) {
  std::ifstream file(INLAY_TEST_DATA "/profile_v1.bin", std::ios::binary);
  const std::vector<char> read((std::istreambuf_iterator<char>(file)), {});
  const std::vector<std::uint8_t> bytes(read.begin(), read.end());
  const Profile profile = Profile::from_bytes(bytes.data(), bytes.size());
  EXPECT_EQ(profile.rows(), 3000U);
  EXPECT_EQ(profile.to_bytes(), bytes);
}

TEST(Profile, ABatchThatIsRefusedChangesNothing) {
  Column batch = mixed(100);
  Profile profile = profile_of(batch);
  const std::vector<std::uint8_t> before = profile.to_bytes();
  Column hostile = mixed(100);
  hostile.children[3].buffers[1] = Buffer::of(std::vector<std::int32_t>(101, -1));
  EXPECT_THROW(profile.update(hostile.schema(), hostile.array()), InvalidArgument);
  Column fewer = mixed(100);
  fewer.children.pop_back();
  EXPECT_THROW(profile.update(fewer.schema(), fewer.array()), InvalidArgument);
  EXPECT_EQ(profile.to_bytes(), before);
}

// Allocations that succeed before one fails, and from then on all.
thread_local int allocations_left = -1;

void* scarce_memory(std::size_t count, std::size_t size) noexcept {
  if (allocations_left == 0) return nullptr;
  if (allocations_left > 0) --allocations_left;
  return std::calloc(count, size);
}

TEST(Profile, ALackOfMemoryIsReportedAndLeavesAProfileThatWorks) {
  const detail::BucketMemory before = detail::bucket_memory;
  detail::bucket_memory.allocate_zeroed = scarce_memory;
  Column batch = mixed(3000);
  int failed = 0;
  for (int allowed = 0; allowed < 60; allowed += 3) {
    Profile profile(batch.schema());
    allocations_left = allowed;
    try {
      profile.update(batch.schema(), batch.array(), 1);
    } catch (const std::bad_alloc&) {
      ++failed;
    }
    allocations_left = -1;
    const std::vector<std::uint8_t> bytes = profile.to_bytes();
    EXPECT_NO_THROW(Profile::from_bytes(bytes.data(), bytes.size())) << allowed;
    profile.update(batch.schema(), batch.array(), 1);
    EXPECT_EQ(profile.columns()[3].rows(), 6000U);
  }
  EXPECT_GT(failed, 0);
  detail::bucket_memory = before;
}

// ---- exact integers ----------------------------------------------------------------------------

TEST(ExactInteger, WritesPlainDigits) {
  const auto text = [](std::int64_t value, int scale) {
    return ExactInteger::of(value).text(scale);
  };
  EXPECT_EQ(text(0, 0), "0");
  EXPECT_EQ(text(0, 2), "0.00");
  EXPECT_EQ(text(0, -2), "0");
  EXPECT_EQ(text(-1250, 2), "-12.50");
  EXPECT_EQ(text(5, 3), "0.005");
  EXPECT_EQ(text(12, -3), "12000");
  EXPECT_EQ(text(INT64_MIN, 0), "-9223372036854775808");
  const ExactInteger lowest = ExactInteger::of_limbs(0, 0, 0, std::uint64_t{1} << 63);
  EXPECT_EQ(lowest.text(),
            "-57896044618658097711785492504343953926634992332820282019728792003956564819968");
  EXPECT_EQ(ExactInteger::of_limbs(0, 1, 0, 0).text(), "18446744073709551616");
  EXPECT_LE(lowest.text(300).size(), ExactInteger::kMaxText);
  EXPECT_LE(lowest.text(-300).size(), ExactInteger::kMaxText);
}

TEST(ExactInteger, AddsUntilItOverflows) {
  const ExactInteger highest =
      ExactInteger::of_limbs(~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}, INT64_MAX);
  ExactInteger sum = highest;
  EXPECT_FALSE(sum.add(ExactInteger::of(1)));
  EXPECT_EQ(sum, highest);
  EXPECT_TRUE(sum.add(ExactInteger::of(-1)));
  EXPECT_LT(sum, highest);
  sum = ExactInteger::of(-5);
  EXPECT_TRUE(sum.add(ExactInteger::of(7)));
  EXPECT_EQ(sum, ExactInteger::of(2));
  EXPECT_LT(ExactInteger::of(-1), ExactInteger::of(0));
}

TEST(ExactInteger, IsTheNearestDouble) {
  EXPECT_EQ(ExactInteger::of(-1250).to_double(2), -12.5);
  EXPECT_EQ(ExactInteger::of(1).to_double(30), 1e-30);
  EXPECT_EQ(ExactInteger::of((std::int64_t{1} << 53) + 1).to_double(0), 0x1p53);
  EXPECT_EQ(ExactInteger::of(123456789012345678).to_double(5), 1234567890123.45678);
  EXPECT_EQ(ExactInteger::of(7).to_double(-23), 7e23);
}

// ---- times -------------------------------------------------------------------------------------

TEST(TimeCoverage, TakesTheEndsOfTime) {
  const std::int64_t ends[] = {INT64_MIN, INT64_MAX};
  TimeCoverage coverage;
  coverage.update(ends, 2);
  EXPECT_EQ(coverage.runs().size(), 2U);
  const TimeCoverage::Gap gap = coverage.largest_gap().value();
  EXPECT_LE(gap.low, UINT64_MAX);
  EXPECT_EQ(gap.high, UINT64_MAX);
  TimeCoverage top;
  const std::int64_t late[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX - 2047};
  top.update(late, 3);
  EXPECT_EQ(top.width(), 1U);
  EXPECT_EQ(top.largest_gap()->low, 2046U);
  EXPECT_EQ(top.largest_gap()->high, 2046U);
  const std::vector<std::uint8_t> bytes = top.to_bytes();
  EXPECT_TRUE(TimeCoverage::from_bytes(bytes.data(), bytes.size()) == top);
}

TEST(TimeCoverage, DependsOnTheSetAlone) {
  std::vector<std::int64_t> points;
  for (std::uint64_t i = 0; i < 500; ++i) {
    points.push_back(static_cast<std::int64_t>(noise(i) >> (i % 3 == 0 ? 40 : 20)));
  }
  TimeCoverage whole;
  whole.update(points.data(), points.size());
  TimeCoverage merged;
  for (std::size_t i = points.size(); i-- > 0;) {
    TimeCoverage one;
    one.update(&points[i], 1);
    merged.merge(one);
    merged.merge(one);
  }
  EXPECT_TRUE(merged == whole);
  merged.merge(merged);
  EXPECT_TRUE(merged == whole);
}

// ---- frequent items ----------------------------------------------------------------------------

TEST(TopKSieve, ChangesNothingUntilACounterIsDropped) {
  auto sieve = std::make_unique<detail::TopKSieve>();
  std::vector<std::int64_t> items;
  for (std::uint64_t i = 0; i < 2000; ++i)
    items.push_back(static_cast<std::int64_t>(noise(i) % 60));
  TopK sifted(64);
  TopK plain(64);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(sieve->update(sifted, items.data(), items.size()), items.size());
    plain.update(items.data(), items.size());
  }
  EXPECT_TRUE(sifted == plain);
}

TEST(TopKSieve, BoundsHoldForEveryItem) {
  auto sieve = std::make_unique<detail::TopKSieve>();
  constexpr std::size_t kItems = 100000;
  std::vector<double> items(kItems);
  std::uint64_t sevens = 0;
  for (std::size_t i = 0; i < kItems; ++i) {
    // A stream of ever new values, with some that come back at many rates.
    const std::uint64_t random = noise(i);
    items[i] = static_cast<double>(random >> 12);
    if (random % 16 == 0) items[i] = static_cast<double>(noise(random) % 512);
    if (random % 16 == 1) items[i] = 7.25;
    sevens += items[i] == 7.25 ? 1U : 0U;
  }
  TopK sifted(64);
  for (std::size_t at = 0; at < kItems; at += detail::TopKSieve::kBlock) {
    const std::size_t n = std::min(detail::TopKSieve::kBlock, kItems - at);
    ASSERT_EQ(sieve->update(sifted, items.data() + at, n), n);
  }
  EXPECT_EQ(sifted.total(), kItems);
  EXPECT_LE(sifted.max_error(), kItems / 33);
  EXPECT_LE(sifted.bounds(7.25).low, sevens);
  EXPECT_GE(sifted.bounds(7.25).high, sevens);
  TopK exact(TopK::kMaxCapacity);
  exact.update(items.data(), items.size());
  EXPECT_EQ(exact.max_error(), 0U);
  for (const TopK::Entry& entry : exact.top(exact.size())) {
    const TopK::Bounds bounds = sifted.bounds(entry.item());
    ASSERT_LE(bounds.low, entry.low);
    ASSERT_GE(bounds.high, entry.low);
  }
}

TEST(TopKSieve, CountsWhatIsNoNumberApart) {
  auto sieve = std::make_unique<detail::TopKSieve>();
  std::vector<double> items(2048);
  TopK sifted(16);
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i] = static_cast<double>(noise(i + 5000 * round) >> 11);
    }
    items[100] = std::numeric_limits<double>::quiet_NaN();
    items[101] = std::numeric_limits<double>::infinity();
    items[102] = -items[101];
    ASSERT_EQ(sieve->update(sifted, items.data(), items.size()), items.size());
  }
  EXPECT_EQ(sifted.nan_count(), 3U);
  EXPECT_EQ(sifted.pos_inf_count(), 3U);
  EXPECT_EQ(sifted.neg_inf_count(), 3U);
  EXPECT_EQ(sifted.total(), 3 * 2045U);
}

}  // namespace
}  // namespace inlay
