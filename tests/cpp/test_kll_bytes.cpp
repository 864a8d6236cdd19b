// Kll's bytes, whole and hostile, and its memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
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

#include "summary/bucket_memory.hpp"
#include "summary/kll_levels.hpp"

namespace {

using Bytes = std::vector<std::uint8_t>;
using inlay::Kll;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class Value>
void put(Bytes& to, Value value) {
  std::uint8_t raw[sizeof(Value)];
  std::memcpy(raw, &value, sizeof(value));
  to.insert(to.end(), raw, raw + sizeof(value));
}

// A sketch as the format describes it, right or wrong.
struct Written {
  std::uint8_t ints = 5;
  std::uint8_t version = 1;
  std::uint8_t family = 15;
  std::uint8_t flags = 2;
  std::uint16_t k = 200;
  std::uint8_t m = 8;
  std::uint64_t n = 6;
  std::uint16_t min_k = 200;
  std::uint8_t num_levels = 2;
  std::vector<std::uint32_t> starts = {333 - 4, 333 - 2};
  double min = 1;
  double max = 9;
  std::vector<double> items = {2, 5, 1, 9};

  Bytes bytes() const {
    Bytes out = {ints, version, family, flags};
    put(out, k);
    out.push_back(m);
    out.push_back(0);
    put(out, n);
    put(out, min_k);
    out.push_back(num_levels);
    out.push_back(0);
    for (const std::uint32_t start : starts) put(out, start);
    put(out, min);
    put(out, max);
    for (const double item : items) put(out, item);
    return out;
  }
};

Kll<double> read(const Bytes& bytes) { return Kll<double>::from_bytes(bytes.data(), bytes.size()); }

std::string refusal(const Bytes& bytes) {
  try {
    read(bytes);
  } catch (const inlay::SerializationError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(KllBytes, AreReadAsTheFormatSays) {
  const Kll<double> sketch = read(Written().bytes());
  EXPECT_EQ(sketch.count(), 6U);
  EXPECT_EQ(sketch.num_retained(), 4U);
  EXPECT_EQ(sketch.rank(1), 2.0 / 6);
  EXPECT_EQ(sketch.rank(2), 3.0 / 6);
  EXPECT_EQ(sketch.rank(5), 4.0 / 6);
  EXPECT_EQ(sketch.rank(9), 1.0);
  EXPECT_EQ(sketch.to_bytes(), Written().bytes());
}

TEST(KllBytes, AFirstLevelInAnyOrderIsRead) {
  Written written;
  written.flags = 0;
  std::swap(written.items[0], written.items[1]);
  EXPECT_EQ(read(written.bytes()).to_bytes(), Written().bytes());
}

TEST(KllBytes, InfiniteItemsOfOthersStayValues) {
  Written written;
  written.items = {-kInf, 5, 1, kInf};
  written.min = -kInf;
  written.max = kInf;
  Kll<double> sketch = read(written.bytes());
  EXPECT_EQ(sketch.count(), 6U);
  EXPECT_EQ(sketch.pos_inf_count(), 0U);
  EXPECT_EQ(sketch.max(), kInf);
  EXPECT_EQ(sketch.quantile(0.1), -kInf);
  EXPECT_EQ(sketch.rank(-kInf), 1.0 / 6);
  EXPECT_EQ(sketch.rank(5), 4.0 / 6);
  EXPECT_EQ(sketch.to_bytes(), written.bytes());
  const std::vector<double> more(5000, 3.0);
  EXPECT_EQ(sketch.update(more.data(), more.size()), more.size());
  EXPECT_TRUE(sketch.merge(sketch));
  EXPECT_EQ(sketch.count(), 2U * 5006);
  EXPECT_EQ(sketch.min(), -kInf);
}

TEST(KllBytes, DamagedOnesAreRefusedByPlaceAndValue) {
  const auto expect = [](auto change, const char* at, const char* value) {
    Written written;
    change(written);
    const std::string message = refusal(written.bytes());
    EXPECT_NE(message.find(std::string("at byte ") + at + ","), std::string::npos) << message;
    const std::string end = std::string(": ") + value;
    ASSERT_GE(message.size(), end.size());
    EXPECT_EQ(message.substr(message.size() - end.size()), end) << message;
  };
  expect([](Written& w) { w.ints = 2; }, "0", "2");
  expect([](Written& w) { w.version = 3; }, "1", "3");
  expect([](Written& w) { w.family = 7; }, "2", "7");
  expect([](Written& w) { w.flags = 18; }, "3", "18");
  expect([](Written& w) { w.k = 7; }, "4", "7");
  expect([](Written& w) { w.m = 2; }, "6", "2");
  expect([](Written& w) { w.n = 0; }, "8", "0");
  expect([](Written& w) { w.n = std::uint64_t{1} << 63; }, "8", "9223372036854775808");
  expect([](Written& w) { w.n = 5; }, "8", "5");  // weights do not add up
  expect([](Written& w) { w.n = 7; }, "8", "7");
  expect([](Written& w) { w.min_k = 7; }, "16", "7");
  expect([](Written& w) { w.min_k = 201; }, "16", "201");
  expect([](Written& w) { w.num_levels = 0; }, "18", "0");
  expect([](Written& w) { w.num_levels = 62; }, "18", "62");
  expect([](Written& w) { w.starts = {329, 328}; }, "24", "328");  // levels that overlap
  expect([](Written& w) { w.starts = {329, 334}; }, "24", "334");
  expect([](Written& w) { w.starts = {0xFFFFFFFF, 331}; }, "20", "4294967295");
  expect([](Written& w) { w.items = {2, 5, 9, 1}; }, "68", "1");  // not sorted
  expect([](Written& w) { w.items = {5, 2, 1, 9}; }, "52", "2");
  expect([](Written& w) { w.items[1] = kNaN; }, "52", "nan");
  expect([](Written& w) { w.max = kNaN; }, "36", "nan");
  expect([](Written& w) { w.max = 8; }, "68", "9");
  expect([](Written& w) { w.min = 1.5; }, "60", "1");
  expect([](Written& w) { w.items.push_back(9); }, "76", "8");
  // More items claimed than there are: nothing is allocated for them.
  expect([](Written& w) { w.starts[0] = 0, w.n = 331 + 4; }, "76", "2632");
}

TEST(KllBytes, EveryTruncationIsRefusedAndNoBitFlipBreaksThem) {
  Kll<float> sketch(50);
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) sketch.update(static_cast<double>(random() % 1000));
  const Bytes bytes = sketch.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(Kll<float>::from_bytes(part.data(), size), inlay::SerializationError);
  }
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    try {
      Kll<float> read_back = Kll<float>::from_bytes(flipped.data(), flipped.size());
      ++accepted;
      EXPECT_EQ(read_back.count(), 3000U);
      EXPECT_TRUE(read_back.merge(Kll<float>(read_back)));
      EXPECT_TRUE(read_back.quantile(0.5).has_value());
    } catch (const inlay::SerializationError&) {
      continue;
    }
  }
  EXPECT_GT(accepted, 0U);  // the last bits of an item
}

TEST(KllBytes, ItemSizeFollowsFromTheirNumber) {
  Kll<float> floats;
  Kll<double> doubles;
  const auto size_of = [](const Bytes& bytes) {
    return inlay::kll_item_size(bytes.data(), bytes.size());
  };
  EXPECT_EQ(size_of(floats.to_bytes()), 0U);
  for (int i = 0; i < 1000; ++i) {
    floats.update(i);
    doubles.update(i);
    ASSERT_EQ(size_of(floats.to_bytes()), 4U);
    ASSERT_EQ(size_of(doubles.to_bytes()), 8U);
  }
  Bytes bytes = doubles.to_bytes();
  bytes.pop_back();
  EXPECT_EQ(size_of(bytes), 0U);
  EXPECT_EQ(size_of(Bytes(20, 0xFF)), 12U);  // taken for one item, and then refused
  EXPECT_EQ(size_of(Bytes(5, 0)), 0U);
  EXPECT_EQ(size_of(Bytes(20, 0)), 0U);
}

// The values of the frozen file, by integers alone.
std::vector<double> frozen_values() {
  std::vector<double> values;
  std::uint64_t state = 1;
  for (int i = 0; i < 5000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    values.push_back(static_cast<double>(state >> 40));
  }
  return values;
}

TEST(KllBytes, OfThisReleaseAreReadAndWrittenAgain) {
  std::ifstream file(INLAY_TEST_DATA "/kll_v1.bin", std::ios::binary);
  const Bytes bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Kll<double> sketch(200, 7);
  const std::vector<double> values = frozen_values();
  ASSERT_EQ(sketch.update(values.data(), values.size()), values.size());
  EXPECT_EQ(sketch.to_bytes(), bytes);
  const Kll<double> again = read(bytes);
  EXPECT_EQ(again, sketch);
  EXPECT_EQ(again.to_bytes(), bytes);
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

TEST(KllMemory, IsGivenBackAndNotTakenForAValueOnceGrown) {
  const CountingMemory memory;
  {
    Kll<float> sketch;
    EXPECT_EQ(live_blocks, 0);
    EXPECT_LE(sketch.memory_bytes(), 400U);
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(sketch.update(static_cast<double>(random())));
    EXPECT_EQ(live_blocks, 2);
    EXPECT_LE(sketch.memory_bytes(), 5500U);
    allowed_blocks = 0;
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(sketch.update(1.0));
    sketch.reset();
    for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(sketch.update(static_cast<double>(random())));
    allowed_blocks = 1'000'000;
    Kll<float> copy = sketch;
    Kll<float> moved = std::move(copy);
    copy = moved;
    ASSERT_TRUE(moved.merge(copy));
    sketch.reset(false);
    EXPECT_EQ(live_blocks, 4);
  }
  EXPECT_EQ(live_blocks, 0);
}

TEST(KllMemory, RunningOutCountsAValueNowhereAndLosesNone) {
  const CountingMemory memory;
  std::vector<double> values(30'000);
  std::mt19937_64 random(2);
  for (double& value : values) value = static_cast<double>(random() % 100'000);
  bool complete = false;
  for (std::int64_t allowed = 0; !complete; ++allowed) {
    Kll<double> single;
    allowed_blocks = allowed;
    std::uint64_t counted = 0;
    for (const double value : values) counted += single.update(value) ? 1U : 0U;
    Kll<double> bulk;
    allowed_blocks = allowed;
    const std::size_t done = bulk.update(values.data(), values.size());
    Kll<double> merged;
    merged.update(1.0);
    const std::uint64_t before = merged.count();
    allowed_blocks = allowed;
    const bool all = merged.merge(single);
    allowed_blocks = 1'000'000;
    EXPECT_EQ(single.count(), counted) << allowed;
    EXPECT_EQ(bulk.count(), done) << allowed;
    EXPECT_EQ(all, merged.count() == before + counted) << allowed;
    for (const Kll<double>* each : {&single, &bulk, &merged}) {
      const Bytes bytes = each->to_bytes();
      EXPECT_EQ(read(bytes).count(), each->count()) << allowed;
    }
    complete = counted == values.size() && done == values.size() && all;
    ASSERT_LT(allowed, 100);
  }
}

}  // namespace
