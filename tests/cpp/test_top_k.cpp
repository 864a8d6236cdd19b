#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <inlay/error.hpp>
#include <inlay/summary/top_k.hpp>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "summary/bucket_memory.hpp"

namespace {

using inlay::TopK;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Truth = std::map<std::int64_t, std::uint64_t>;
using Stream = std::vector<std::int64_t>;

// Streams of `size` values of `distinct` items: skewed, flat, and in orders that hurt.
Stream stream_of(const std::string& shape, std::size_t size, std::int64_t distinct,
                 std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Stream values(size);
  for (std::size_t i = 0; i < size; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    if (shape == "zipf") {  // by the inverse of the continuous one of exponent 1
      const double u = static_cast<double>(random() >> 11) * 0x1p-53;
      values[i] = static_cast<std::int64_t>(std::pow(static_cast<double>(distinct), u));
    } else if (shape == "uniform") {
      values[i] = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(distinct));
    } else if (shape == "once") {
      values[i] = n * 0x10000;  // distinct, and alike in their low bits
    } else if (shape == "rotating") {
      values[i] = n % distinct;
    } else {  // sorted: each item in one run
      values[i] = n * distinct / static_cast<std::int64_t>(size);
    }
  }
  return values;
}

constexpr const char* kShapes[] = {"zipf", "uniform", "once", "rotating", "sorted"};

Truth count(const Stream& stream) {
  Truth truth;
  for (const std::int64_t value : stream) ++truth[value];
  return truth;
}

void expect_bounds(const TopK& sketch, const Truth& truth, const std::string& what) {
  std::uint64_t total = 0;
  for (const auto& [item, weight] : truth) {
    total += weight;
    const TopK::Bounds bounds = sketch.bounds(item);
    ASSERT_LE(bounds.low, weight) << what << " item " << item;
    ASSERT_GE(bounds.high, weight) << what << " item " << item;
    ASSERT_LE(bounds.high - bounds.low, sketch.max_error()) << what << " item " << item;
    ASSERT_EQ(bounds.estimate, bounds.low) << what << " item " << item;
  }
  EXPECT_EQ(sketch.total(), total) << what;
  EXPECT_LE(sketch.max_error(), total / (sketch.capacity() / 2 + 1)) << what;
  EXPECT_LE(sketch.size(), sketch.capacity()) << what;
  if (truth.size() <= sketch.capacity()) {
    EXPECT_EQ(sketch.size(), truth.size()) << what;
  }
}

TopK sketch_of(const Stream& stream, std::uint32_t capacity) {
  TopK sketch(capacity);
  EXPECT_EQ(sketch.update(stream.data(), stream.size()), stream.size());
  return sketch;
}

TEST(TopK, BoundsHoldForEveryItemOfEveryStream) {
  for (const char* shape : kShapes) {
    for (const std::uint32_t capacity : {1U, 2U, 3U, 7U, 64U, 1000U, 1024U}) {
      for (const std::int64_t distinct : {5, 500, 20'000}) {
        const Stream stream = stream_of(shape, 50'000, distinct, capacity);
        expect_bounds(sketch_of(stream, capacity), count(stream),
                      std::string(shape) + " capacity " + std::to_string(capacity));
      }
    }
  }
}

TEST(TopK, BoundsHoldAfterMergesInTreesOfAnyShape) {
  for (const char* shape : kShapes) {
    for (const std::uint32_t capacity : {1U, 8U, 100U}) {
      std::mt19937_64 random(capacity);
      Truth truth;
      std::vector<TopK> parts;
      for (int i = 0; i < 12; ++i) {
        const Stream part = stream_of(shape, 1 + random() % 3000, 1500, random());
        for (const std::int64_t value : part) ++truth[value];
        parts.push_back(sketch_of(part, capacity));
      }
      while (parts.size() > 1) {
        const std::size_t at = random() % (parts.size() - 1);
        TopK other = parts[at + 1];
        ASSERT_TRUE(other.merge(parts[at]));
        ASSERT_TRUE(parts[at].merge(parts[at + 1]));
        ASSERT_EQ(parts[at], other) << "a merge does not commute";
        ASSERT_EQ(parts[at].to_bytes(), other.to_bytes());
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        ASSERT_EQ(TopK::from_bytes(other.to_bytes().data(), other.to_bytes().size()), other);
      }
      expect_bounds(parts[0], truth, shape);
      ASSERT_EQ(parts[0].update(std::vector<std::int64_t>(500, 7).data(), 500), 500U);
      truth[7] += 500;
      expect_bounds(parts[0], truth, shape);
    }
  }
}

TEST(TopK, SplitsOfAStreamDoNotMatter) {
  for (const char* shape : kShapes) {
    for (const std::uint32_t capacity : {1U, 9U, 10U, 300U, 1024U}) {
      const Stream stream = stream_of(shape, 20'000, 3000, 3);
      const TopK whole = sketch_of(stream, capacity);
      TopK one_by_one(capacity);
      for (const std::int64_t value : stream) ASSERT_TRUE(one_by_one.update(value));
      EXPECT_EQ(one_by_one, whole) << shape << capacity;
      TopK pieces(capacity);
      std::mt19937_64 random(7);
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = std::min<std::size_t>(random() % 700, stream.size() - at);
        ASSERT_EQ(pieces.update(stream.data() + at, size), size);
        at += size;
      }
      EXPECT_EQ(pieces, whole) << shape << capacity;
      EXPECT_EQ(pieces.to_bytes(), whole.to_bytes());
    }
  }
}

TEST(TopK, WeightsAreRepetitionsOfTheItemAtOnce) {
  std::mt19937_64 random(5);
  for (const std::uint32_t capacity : {1U, 20U, 1024U}) {
    const Stream stream = stream_of("zipf", 20'000, 5000, 11);
    std::vector<std::uint64_t> weights(stream.size());
    Truth truth;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = random() % 4 == 0 ? 0 : random() % (std::uint64_t{1} << random() % 40);
      truth[stream[i]] += weights[i];
    }
    TopK sketch(capacity);
    ASSERT_EQ(sketch.update(stream.data(), stream.size(), weights.data()), stream.size());
    std::erase_if(truth, [](const auto& item) { return item.second == 0; });
    expect_bounds(sketch, truth, "weighted");
    TopK one_by_one(capacity);
    for (std::size_t i = 0; i < stream.size(); ++i) {
      ASSERT_TRUE(one_by_one.update(stream[i], weights[i]));
    }
    EXPECT_EQ(one_by_one, sketch);
  }
}

TEST(TopK, AnItemWithACounterFromTheStartIsExact) {
  Stream stream(4000, 42);
  const Stream rest = stream_of("once", 100'000, 1, 1);
  stream.insert(stream.end(), rest.begin(), rest.end());
  stream.insert(stream.end(), 1000, 42);
  const TopK sketch = sketch_of(stream, 64);
  EXPECT_GT(sketch.max_error(), 0U);
  const TopK::Bounds bounds = sketch.bounds(42);
  EXPECT_EQ(bounds.low, 5000U);
  EXPECT_EQ(bounds.high, 5000U);
  ASSERT_EQ(sketch.top(1).size(), 1U);
  EXPECT_EQ(sketch.top(1)[0].bits, 42U);
}

// The purge's rank against sorting, at counts that need one byte and several.
TEST(TopK, APurgeSubtractsTheExactRank) {
  std::mt19937_64 random(13);
  for (const unsigned bits : {1U, 4U, 8U, 9U, 17U, 33U, 50U}) {
    for (const std::uint32_t capacity : {1U, 2U, 31U, 200U}) {
      std::vector<std::uint64_t> weights(capacity + 1);
      TopK sketch(capacity);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = 1 + random() % (std::uint64_t{1} << bits);
        ASSERT_TRUE(sketch.update(static_cast<std::int64_t>(i), weights[i]));
      }
      std::sort(weights.begin(), weights.end(), std::greater<>());
      const std::uint64_t cut = weights[capacity / 2];
      EXPECT_EQ(sketch.max_error(), cut);
      EXPECT_EQ(sketch.size(), static_cast<std::size_t>(std::count_if(
                                   weights.begin(), weights.end(),
                                   [cut](std::uint64_t weight) { return weight > cut; })));
    }
  }
}

TEST(TopK, KindsAreApartAndEqualIntegersAreNot) {
  TopK sketch;
  const std::uint64_t large = std::uint64_t{1} << 63;
  const bool truths[] = {true, false, true};
  const std::string_view texts[] = {"1", "", "true", "1", std::string_view("a\0b", 3)};
  const std::uint64_t naturals[] = {1, large, 1, UINT64_MAX, large};
  const double reals[] = {1.0, -0.0, 0.0, kNaN, kInf, -kInf, -kInf, 0.5};
  EXPECT_EQ(sketch.update(truths, 3), 3U);
  EXPECT_EQ(sketch.update(texts, 5), 5U);
  EXPECT_EQ(sketch.update(naturals, 5), 5U);
  EXPECT_EQ(sketch.update(reals, 8), 8U);
  EXPECT_TRUE(sketch.update(1));
  EXPECT_TRUE(sketch.update(std::int64_t{INT64_MIN}));
  EXPECT_TRUE(sketch.update(static_cast<std::uint8_t>(1)));
  EXPECT_EQ(sketch.bounds(1).low, 4U);
  EXPECT_EQ(sketch.bounds(1U).low, 4U);
  EXPECT_EQ(sketch.bounds(large).low, 2U);
  EXPECT_EQ(sketch.bounds(INT64_MIN).low, 1U);
  EXPECT_EQ(sketch.bounds(UINT64_MAX).low, 1U);
  EXPECT_EQ(sketch.bounds(-1).high, 0U);
  EXPECT_EQ(sketch.bounds(true).low, 2U);
  EXPECT_EQ(sketch.bounds("1").low, 2U);
  EXPECT_EQ(sketch.bounds("").low, 1U);
  EXPECT_EQ(sketch.bounds(std::string_view("a\0b", 3)).low, 1U);
  EXPECT_EQ(sketch.bounds("a").high, 0U);
  EXPECT_EQ(sketch.bounds(0.0).low, 2U);
  EXPECT_EQ(sketch.bounds(1.0).low, 1U);
  EXPECT_EQ(sketch.bounds(kNaN).low, 1U);
  EXPECT_EQ(sketch.bounds(-kInf).high, 2U);
  EXPECT_EQ(sketch.nan_count(), 1U);
  EXPECT_EQ(sketch.pos_inf_count(), 1U);
  EXPECT_EQ(sketch.neg_inf_count(), 2U);
  EXPECT_EQ(sketch.total(), 20U);
  EXPECT_EQ(sketch.size(), 13U);
  for (const TopK::Entry& entry : sketch.top(100)) {
    EXPECT_EQ(sketch.bounds(entry.item()).low, entry.low);
    EXPECT_EQ(entry.low, entry.high);
  }
}

TEST(TopK, TextsOfAllLengthsSurvivePurges) {
  std::mt19937_64 random(17);
  std::map<std::string, std::uint64_t> truth;
  TopK sketch(40);
  for (int i = 0; i < 30'000; ++i) {
    const auto length = static_cast<std::size_t>(std::pow(40.0, random() % 1000 / 1000.0)) - 1;
    // Few first letters, so that texts share prefixes, lengths and ends.
    std::string text(length, 'x');
    if (length != 0) text[random() % length] = static_cast<char>('a' + random() % 3);
    ++truth[text];
    ASSERT_TRUE(sketch.update(text));
  }
  ASSERT_GT(truth.size(), sketch.capacity());
  for (const auto& [text, weight] : truth) {
    const TopK::Bounds bounds = sketch.bounds(std::string_view(text));
    ASSERT_LE(bounds.low, weight) << text;
    ASSERT_GE(bounds.high, weight) << text;
  }
  std::uint64_t bytes = 0;
  for (const TopK::Entry& entry : sketch.top(100)) {
    ASSERT_EQ(truth.count(entry.text), 1U);
    bytes += entry.text.size();
  }
  EXPECT_LT(bytes, 40U * 40U);
  EXPECT_LE(sketch.memory_bytes(), 600 + 64 * 41 + 2 * 40 * 41);
}

TEST(TopK, MemoryIsAsDocumented) {
  const Stream stream = stream_of("uniform", 200'000, 100'000, 1);
  for (const std::uint32_t capacity : {16U, 1000U, 1024U, 5000U}) {
    TopK sketch = sketch_of(stream, capacity);
    EXPECT_LE(sketch.memory_bytes(), 600 + 64 * (capacity + 1)) << capacity;
    ASSERT_TRUE(sketch.merge(sketch_of(stream, capacity)));
    EXPECT_LE(sketch.memory_bytes(), 600 + 64 * (capacity + 1)) << capacity;
  }
  TopK few;
  ASSERT_TRUE(few.update(1));
  EXPECT_LT(few.memory_bytes(), 1100U);
}

TEST(TopK, HeavyHittersKeepTheirRule) {
  const Stream stream = stream_of("zipf", 100'000, 10'000, 4);
  const Truth truth = count(stream);
  const TopK sketch = sketch_of(stream, 100);
  for (const std::uint64_t threshold :
       {std::uint64_t{0}, sketch.max_error() - 1, sketch.max_error(), std::uint64_t{1000}}) {
    const auto certain = sketch.heavy_hitters(threshold, TopK::Rule::kNoFalsePositives);
    ASSERT_TRUE(certain.has_value());
    for (const TopK::Entry& entry : *certain) {
      EXPECT_GT(truth.at(static_cast<std::int64_t>(entry.bits)), threshold);
    }
    const auto complete = sketch.heavy_hitters(threshold, TopK::Rule::kNoFalseNegatives);
    ASSERT_EQ(complete.has_value(), threshold >= sketch.max_error());
    if (!complete) continue;
    EXPECT_GE(complete->size(), certain->size());
    for (const auto& [item, weight] : truth) {
      if (weight <= threshold) continue;
      EXPECT_TRUE(std::any_of(complete->begin(), complete->end(), [item = item](const auto& entry) {
        return entry.bits == static_cast<std::uint64_t>(item);
      })) << item;
    }
  }
  const auto top = sketch.top(1000);
  EXPECT_EQ(top.size(), sketch.size());
  EXPECT_TRUE(std::is_sorted(top.begin(), top.end(),
                             [](const auto& a, const auto& b) { return a.estimate > b.estimate; }));
}

// Texts with a counter each and some that lost theirs, an integer, and a null.
TopK texts_of(std::uint32_t capacity) {
  TopK sketch(capacity);
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(sketch.update("name " + std::to_string(i % 40), 1 + (i % 40) * 3U));
  }
  EXPECT_TRUE(sketch.update(7, 1000));
  EXPECT_TRUE(sketch.add_nulls(3));
  return sketch;
}

TEST(TopK, RenamedTextsKeepTheirCounters) {
  for (const std::uint32_t capacity : {16U, 100U}) {
    const TopK sketch = texts_of(capacity);
    const TopK renamed =
        sketch.renamed([](std::string_view text) { return "<" + std::string(text) + ">"; });
    EXPECT_EQ(renamed.total(), sketch.total());
    EXPECT_EQ(renamed.null_count(), 3U);
    EXPECT_EQ(renamed.max_error(), sketch.max_error());
    ASSERT_EQ(renamed.size(), sketch.size());
    for (const TopK::Entry& entry : sketch.top(sketch.size())) {
      const bool is_text = entry.kind == TopK::Kind::kText;
      const std::string text = "<" + entry.text + ">";
      const TopK::Bounds bounds = is_text ? renamed.bounds(std::string_view(text))
                                          : renamed.bounds(static_cast<std::int64_t>(entry.bits));
      EXPECT_EQ(bounds.low, entry.low);
      EXPECT_EQ(bounds.high, entry.high);
    }
    const std::vector<std::uint8_t> bytes = renamed.to_bytes();
    EXPECT_EQ(TopK::from_bytes(bytes.data(), bytes.size()).to_bytes(), bytes);
    // With the names back it is the same state.
    const TopK back = renamed.renamed(
        [](std::string_view text) { return std::string(text.substr(1, text.size() - 2)); });
    EXPECT_EQ(back.to_bytes(), sketch.to_bytes());
  }
}

TEST(TopK, TextsThatBecomeOneKeepTheirLowerBounds) {
  for (const std::uint32_t capacity : {1U, 16U, 20U, 100U}) {
    const TopK sketch = texts_of(capacity);
    const TopK renamed = sketch.renamed([](std::string_view) { return std::string("one"); });
    std::uint64_t truth = 0;
    for (int i = 0; i < 200; ++i) truth += 1 + (i % 40) * 3U;
    EXPECT_LE(renamed.size(), 2U);
    EXPECT_LE(renamed.bounds(std::string_view("one")).low, truth);
    if (sketch.max_error() == 0) {
      EXPECT_EQ(renamed.bounds(std::string_view("one")).low, truth);
    }
    const std::vector<std::uint8_t> bytes = renamed.to_bytes();  // whose reader checks all sums
    EXPECT_EQ(TopK::from_bytes(bytes.data(), bytes.size()).to_bytes(), bytes);
  }
}

TEST(TopK, OfDifferentCapacitiesTheSmallerIsKept) {
  const Stream left = stream_of("zipf", 10'000, 3000, 1);
  const Stream right = stream_of("zipf", 10'000, 3000, 2);
  Truth truth = count(left);
  for (const auto& [item, weight] : count(right)) truth[item] += weight;
  TopK large = sketch_of(left, 500);
  TopK small = sketch_of(right, 50);
  TopK other = small;
  ASSERT_TRUE(other.merge(large));
  ASSERT_TRUE(large.merge(small));
  EXPECT_EQ(large.capacity(), 50U);
  EXPECT_EQ(large, other);
  expect_bounds(large, truth, "merged");
  TopK shrunk = sketch_of(left, 500);
  ASSERT_TRUE(shrunk.merge(TopK(50)));
  expect_bounds(shrunk, count(left), "shrunk");
}

TEST(TopK, MergingWithItselfAndWithNothing) {
  const Stream stream = stream_of("zipf", 10'000, 3000, 1);
  TopK sketch = sketch_of(stream, 100);
  const TopK before = sketch;
  ASSERT_TRUE(sketch.merge(TopK(100)));
  EXPECT_EQ(sketch, before);
  TopK empty(100);
  ASSERT_TRUE(empty.merge(before));
  EXPECT_EQ(empty, before);
  ASSERT_TRUE(sketch.merge(sketch));
  Truth truth = count(stream);
  for (auto& [item, weight] : truth) weight *= 2;
  expect_bounds(sketch, truth, "twice");
  sketch.reset();
  EXPECT_EQ(sketch, TopK(100));
  ASSERT_EQ(sketch.update(stream.data(), stream.size()), stream.size());
  EXPECT_EQ(sketch, before);
  sketch.reset(false);
  EXPECT_LT(sketch.memory_bytes(), 100U);
}

TEST(TopK, TotalsBeyondAColumnAreRefused) {
  TopK sketch;
  ASSERT_TRUE(sketch.update("a", TopK::kMaxTotal - 1));
  EXPECT_FALSE(sketch.update("b", 2));
  EXPECT_EQ(sketch.bounds("b").high, 0U);
  const std::int64_t values[20] = {};
  EXPECT_EQ(sketch.update(values, 20), 1U);
  EXPECT_EQ(sketch.total(), TopK::kMaxTotal);
  const std::uint64_t weights[3] = {0, 0, UINT64_MAX};
  EXPECT_EQ(sketch.update(values, 3, weights), 2U);
  EXPECT_FALSE(sketch.update(kNaN, UINT64_MAX));
  EXPECT_FALSE(sketch.add_nulls(UINT64_MAX));
  TopK one;
  ASSERT_TRUE(one.update(1));
  const TopK before = sketch;
  EXPECT_THROW(sketch.merge(one), inlay::InvalidArgument);
  EXPECT_EQ(sketch, before);
}

TEST(TopK, CapacitiesOutOfRangeAreRefusedByValue) {
  EXPECT_THROW(TopK(0), inlay::InvalidArgument);
  EXPECT_THROW(TopK(TopK::kMaxCapacity + 1), inlay::InvalidArgument);
  EXPECT_EQ(TopK(TopK::kMaxCapacity).capacity(), TopK::kMaxCapacity);
}

// Every byte set to every value: refused, or the one form of a state that can be used.
TEST(TopK, DamagedBytesAreRefusedOrValid) {
  TopK sketch(8);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(sketch.update(i % 11));
    ASSERT_TRUE(sketch.update(i / 7 * 0.5, 3));
  }
  ASSERT_TRUE(sketch.update("text", 100));
  ASSERT_TRUE(sketch.update("texts", 100));
  ASSERT_TRUE(sketch.update(true, 100));
  ASSERT_TRUE(sketch.update(UINT64_MAX, 90));
  const std::vector<std::uint8_t> bytes = sketch.to_bytes();
  std::size_t valid = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::vector<std::uint8_t> damaged = bytes;
      damaged[at] = static_cast<std::uint8_t>(value);
      try {
        TopK read = TopK::from_bytes(damaged.data(), damaged.size());
        EXPECT_EQ(read.to_bytes(), damaged);
        EXPECT_TRUE(read.merge(sketch));
        ++valid;
      } catch (const inlay::SerializationError&) {
        EXPECT_NE(damaged, bytes);
      }
    }
    EXPECT_THROW(TopK::from_bytes(bytes.data(), at), inlay::SerializationError);
  }
  EXPECT_GT(valid, bytes.size());
}

std::string why(const std::vector<std::uint8_t>& tail) {
  std::vector<std::uint8_t> bytes = {'i', 'n', 'T', 'K', 1};
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  try {
    TopK::from_bytes(bytes.data(), bytes.size());
  } catch (const inlay::SerializationError& error) {
    return error.what();
  }
  return "";
}

TEST(TopK, HostileBytesAreRefusedByWhatIsWrong) {
  // capacity 4, total 9, four counts of 0, max_error 1; then the counters of the five kinds.
  const auto with = [](std::vector<std::uint8_t> kinds, std::uint8_t total = 9,
                       std::uint8_t error = 1) {
    kinds.insert(kinds.begin(), {4, total, 0, 0, 0, 0, error});
    return kinds;
  };
  EXPECT_EQ(why(with({1, 2, 2, 0, 0, 0, 0, 0})), "");
  EXPECT_NE(why({4, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0})
                .find("too large a count: 18446744073709551615"),
            std::string::npos);
  EXPECT_NE(why(with({2, 2, 2, 0, 0, 2, 0, 0, 0, 0, 0})).find("an item twice"), std::string::npos);
  EXPECT_NE(why(with({0, 0, 0, 0, 2, 1, 'a', 2, 0, 1, 'a', 2, 0})).find("sorts no lower"),
            std::string::npos);
  EXPECT_NE(why(with({0, 0, 0, 2, 1, 2, 0, 1, 2, 0, 0})).find("no less"), std::string::npos);
  EXPECT_NE(why(with({2, 2, 5, 0, 1, 5, 0, 0, 0, 0, 0})).find("more weight than their total"),
            std::string::npos);
  EXPECT_NE(why(with({5, 2, 2, 0})).find("more counters than capacity: 5"), std::string::npos);
  EXPECT_NE(why(with({4, 2, 2, 0})).find("cut short"), std::string::npos);
  EXPECT_NE(why(with({1, 2, 1, 0, 0, 0, 0, 0})).find("purged"), std::string::npos);
  EXPECT_NE(why(with({1, 2, 2, 2, 0, 0, 0, 0})).find("above the largest"), std::string::npos);
  EXPECT_NE(why(with({1, 2, 9, 0, 0, 0, 0, 0})).find("too large a counter"), std::string::npos);
  EXPECT_NE(why(with({0, 0, 0, 0, 0}, 9, 4)).find("above its bound"), std::string::npos);
  EXPECT_NE(why(with({1, 2, 2, 0, 0, 0, 0, 0}, 9, 0)).find("without a counter: 7"),
            std::string::npos);
  EXPECT_NE(why(with({0, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xF, 'a'})).find("cut short"),
            std::string::npos);
  EXPECT_NE(why(with({0, 1, 9, 2, 0, 0, 0, 0})).find("2^63"), std::string::npos);
  EXPECT_NE(why(with({1, 2, 2, 0, 0, 0, 0, 0, 0})).find("left over: 1"), std::string::npos);
  EXPECT_NE(why({0, 0, 0, 0, 0, 0, 0}).find("have capacity: 0"), std::string::npos);
}

TEST(TopK, FrozenBytesOfVersionOneAreRead) {
  std::ifstream file(INLAY_TEST_DATA "/top_k_v1.bin", std::ios::binary);
  const std::vector<char> data((std::istreambuf_iterator<char>(file)), {});
  const std::vector<std::uint8_t> bytes(data.begin(), data.end());
  const TopK read = TopK::from_bytes(bytes.data(), bytes.size());
  EXPECT_EQ(read.to_bytes(), bytes);
  EXPECT_EQ(read.capacity(), 8U);
  EXPECT_EQ(read.bounds("text").low, 100U);
  EXPECT_EQ(read.bounds(UINT64_MAX).low, 90U);
  EXPECT_EQ(read.bounds(true).low, 100U);
  EXPECT_EQ(read.null_count(), 2U);
  EXPECT_EQ(read.nan_count(), 1U);
}

// Memory that runs out after a number of allocations.
std::size_t allocations_left = 0;

void* allocate_few(std::size_t count, std::size_t size) noexcept {
  if (allocations_left == 0) return nullptr;
  --allocations_left;
  return std::calloc(count, size);
}

TEST(TopK, WithoutMemoryItSaysWhatWasCountedAndStaysRight) {
  const Stream stream = stream_of("zipf", 3000, 1000, 1);
  std::vector<std::string> names;
  for (const std::int64_t value : stream) names.push_back("name " + std::to_string(value));
  const std::vector<std::string_view> texts(names.begin(), names.end());
  const TopK other = sketch_of(stream, 200);
  const auto before = inlay::detail::bucket_memory;
  inlay::detail::bucket_memory.allocate_zeroed = allocate_few;
  std::size_t failed = 0;
  for (std::size_t allowed = 0; allowed < 120; ++allowed) {
    allocations_left = allowed;
    TopK sketch(300);
    const std::size_t numbers = sketch.update(stream.data(), stream.size());
    const std::size_t words = sketch.update(texts.data(), texts.size());
    const TopK held = [&] {
      allocations_left = 1000;
      TopK copy(sketch);
      allocations_left = allowed;
      return copy;
    }();
    EXPECT_EQ(sketch.total(), numbers + words);
    EXPECT_EQ(sketch.max_error() == 0 ? 0 : sketch.max_error() * 151 / sketch.total(), 0U);
    allocations_left = allowed / 8;
    if (!sketch.merge(other)) {
      EXPECT_EQ(sketch, held);
      ++failed;
    }
    if (numbers < stream.size()) ++failed;
    allocations_left = 1000;
    const std::vector<std::uint8_t> bytes = sketch.to_bytes();
    EXPECT_EQ(TopK::from_bytes(bytes.data(), bytes.size()), sketch);
  }
  inlay::detail::bucket_memory = before;
  EXPECT_GT(failed, 20U);
}

}  // namespace
