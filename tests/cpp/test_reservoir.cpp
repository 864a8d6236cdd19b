#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <inlay/error.hpp>
#include <inlay/summary/reservoir.hpp>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "summary/bucket_memory.hpp"
#include "summary/random.hpp"

namespace {

using inlay::Reservoir;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The value that a chi-square variable of `degrees` exceeds with probability 1e-6, by Wilson and
// Hilferty (1931); good to 1 % from 10 degrees on. With the fixed seeds below a test either always
// passes or never; of a right sampler, one in a million tests would be one that never does.
double chi_square_limit(double degrees) {
  constexpr double kNormal = 4.7534;  // exceeded with probability 1e-6
  const double spread = 2 / (9 * degrees);
  return degrees * std::pow(1 - spread + kNormal * std::sqrt(spread), 3);
}

// How often each of the values 0 to n-1 was in a sample of k, over `rounds` samples, as a variable
// that is chi-square with n-1 degrees if all sets of k are equally likely: the counts then have
// the covariance rounds * p (1-p) * n/(n-1) * (I - 1/n), p = k/n.
double chi_square(const std::vector<std::uint64_t>& counts, double k, double rounds) {
  const auto n = static_cast<double>(counts.size());
  const double p = k / n;
  double sum = 0;
  for (const std::uint64_t count : counts) {
    sum += std::pow(static_cast<double>(count) - rounds * p, 2);
  }
  return sum / (rounds * p * (1 - p) * n / (n - 1));
}

std::vector<double> rising(std::size_t n, double first = 0) {
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = first + static_cast<double>(i);
  return values;
}

Reservoir sample_of(const std::vector<double>& values, std::uint32_t k, std::uint64_t seed) {
  Reservoir reservoir(k, seed);
  EXPECT_EQ(reservoir.update(values.data(), values.size()), values.size());
  return reservoir;
}

void add_sample(const Reservoir& reservoir, std::vector<std::uint64_t>& counts) {
  std::vector<bool> seen(counts.size());
  for (std::uint32_t i = 0; i < reservoir.size(); ++i) {
    const auto value = static_cast<std::size_t>(reservoir.data()[i]);
    ASSERT_LT(value, counts.size());
    ASSERT_FALSE(seen[value]) << "twice in a sample: " << value;
    seen[value] = true;
    ++counts[value];
  }
}

constexpr int kSeeds = 4000;

TEST(Reservoir, EveryValueOfASortedStreamIsEquallyLikely) {
  for (const std::uint32_t k : {1U, 2U, 10U, 99U}) {
    for (const std::size_t n : {std::size_t{100}, std::size_t{1000}}) {
      const std::vector<double> values = rising(n);
      std::vector<std::uint64_t> counts(n);
      for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        add_sample(sample_of(values, k, seed), counts);
      }
      EXPECT_LT(chi_square(counts, k, kSeeds), chi_square_limit(static_cast<double>(n) - 1))
          << "k " << k << " of " << n;
    }
  }
}

TEST(Reservoir, EveryPairIsEquallyLikely) {
  constexpr std::size_t kValues = 12;
  const std::vector<double> values = rising(kValues);
  std::vector<std::uint64_t> pairs(kValues * kValues);
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Reservoir reservoir = sample_of(values, 2, seed);
    const auto a = static_cast<std::size_t>(reservoir.data()[0]);
    const auto b = static_cast<std::size_t>(reservoir.data()[1]);
    ++pairs[std::min(a, b) * kValues + std::max(a, b)];
  }
  std::vector<std::uint64_t> counts;
  for (std::size_t a = 0; a < kValues; ++a) {
    for (std::size_t b = a + 1; b < kValues; ++b) counts.push_back(pairs[a * kValues + b]);
  }
  // Each sample is one of the pairs: k is 1.
  EXPECT_LT(chi_square(counts, 1, kSeeds),
            chi_square_limit(static_cast<double>(counts.size()) - 1));
}

// Unequal parts, parts smaller than k, and more values after the merge.
TEST(Reservoir, EveryValueIsEquallyLikelyAfterMerges) {
  struct Case {
    std::uint32_t k;
    std::vector<std::size_t> parts;
    std::size_t after;
  };
  for (const Case& c : {Case{10, {150, 50}, 0}, Case{10, {7, 193}, 0}, Case{20, {3, 5, 4}, 188},
                        Case{5, {100, 1, 60, 39}, 0}, Case{10, {90, 10}, 200},
                        Case{10, {5, 5}, 190}, Case{30, {20, 100, 31}, 49}}) {
    std::size_t n = c.after;
    for (const std::size_t part : c.parts) n += part;
    std::vector<std::uint64_t> counts(n);
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      Reservoir merged(c.k, seed * 100);
      std::size_t first = 0;
      for (std::size_t i = 0; i < c.parts.size(); ++i) {
        const auto part =
            sample_of(rising(c.parts[i], static_cast<double>(first)), c.k, seed * 100 + 1 + i);
        ASSERT_TRUE(merged.merge(part));
        first += c.parts[i];
      }
      const std::vector<double> more = rising(c.after, static_cast<double>(first));
      ASSERT_EQ(merged.update(more.data(), more.size()), more.size());
      ASSERT_EQ(merged.count(), n);
      add_sample(merged, counts);
    }
    EXPECT_LT(chi_square(counts, c.k, kSeeds), chi_square_limit(static_cast<double>(n) - 1))
        << "k " << c.k << " after " << c.after;
  }
}

// How many of a merged sample come from one part has the hypergeometric variance too.
TEST(Reservoir, TheSplitOfAMergeIsHypergeometric) {
  constexpr double kLeft = 60;
  constexpr double kRight = 40;
  constexpr double kDrawn = 10;
  constexpr double kAll = kLeft + kRight;
  std::vector<double> probability(static_cast<std::size_t>(kDrawn) + 1);
  const auto log_choose = [](double n, double r) {
    return std::lgamma(n + 1) - std::lgamma(r + 1) - std::lgamma(n - r + 1);
  };
  for (double j = 0; j <= kDrawn; ++j) {
    probability[static_cast<std::size_t>(j)] =
        std::exp(log_choose(kLeft, j) + log_choose(kRight, kDrawn - j) - log_choose(kAll, kDrawn));
  }
  std::vector<double> found(probability.size());
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Reservoir left = sample_of(rising(60), 10, 2 * seed);
    ASSERT_TRUE(left.merge(sample_of(rising(40, 1000), 10, 2 * seed + 1)));
    found[static_cast<std::size_t>(
        std::count_if(left.data(), left.data() + 10, [](double v) { return v < 1000; }))] += 1;
  }
  // Cells expected fewer than 5 times are one.
  double sum = 0;
  double cells = 0;
  double rare = 0;
  double rare_found = 0;
  for (std::size_t j = 0; j < found.size(); ++j) {
    const double expected = kSeeds * probability[j];
    if (expected < 5) {
      rare += expected;
      rare_found += found[j];
      continue;
    }
    sum += std::pow(found[j] - expected, 2) / expected;
    ++cells;
  }
  sum += std::pow(rare_found - rare, 2) / rare;
  EXPECT_LT(sum, chi_square_limit(cells));
}

TEST(Reservoir, SplitsOfAStreamDoNotMatter) {
  std::mt19937_64 random(3);
  for (const std::uint32_t k : {1U, 7U, 1000U}) {
    std::vector<double> values = rising(20'000);
    for (double& value : values) {
      const std::uint64_t kind = random() % 2000;
      if (kind < 3) value = kind == 0 ? kNaN : kind == 1 ? kInf : -kInf;
    }
    const Reservoir whole = sample_of(values, k, 5);
    EXPECT_GT(whole.nan_count() * whole.pos_inf_count() * whole.neg_inf_count(), 0U);
    Reservoir one_by_one(k, 5);
    for (const double value : values) ASSERT_TRUE(one_by_one.update(value));
    EXPECT_EQ(one_by_one, whole);
    Reservoir pieces(k, 5);
    Reservoir singles(k, 5);
    for (std::size_t at = 0; at < values.size();) {
      const std::size_t size = std::min<std::size_t>(random() % 3000, values.size() - at);
      ASSERT_EQ(pieces.update(values.data() + at, size), size);
      const std::vector<float> floats(values.begin() + static_cast<std::ptrdiff_t>(at),
                                      values.begin() + static_cast<std::ptrdiff_t>(at + size));
      ASSERT_EQ(singles.update(floats.data(), size), size);  // exact: below 2^24
      at += size;
    }
    EXPECT_EQ(pieces, whole);
    EXPECT_EQ(pieces.to_bytes(), whole.to_bytes());
    EXPECT_EQ(singles, whole);
  }
}

// Found wherever it stands, whatever is next to it.
TEST(Reservoir, OneValueThatIsNotFiniteIsFoundAtEveryPlace) {
  for (const double odd : {kNaN, -kNaN, kInf, -kInf}) {
    for (std::size_t size = 1; size <= 40; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::vector<double> values(size, -std::numeric_limits<double>::max());
        values[at] = odd;
        std::vector<float> floats(size, std::numeric_limits<float>::max());
        floats[at] = static_cast<float>(odd);
        const Reservoir doubles = sample_of(values, 100, 1);
        Reservoir singles(100, 1);
        ASSERT_EQ(singles.update(floats.data(), size), size);
        for (const Reservoir& r : {doubles, singles}) {
          ASSERT_EQ(r.count(), size - 1);
          ASSERT_EQ(r.nan_count(), std::isnan(odd) ? 1U : 0U);
          ASSERT_EQ(r.pos_inf_count(), odd > 0 ? 1U : 0U);
          ASSERT_EQ(r.neg_inf_count(), odd < 0 ? 1U : 0U);
        }
      }
    }
  }
}

TEST(Reservoir, FewerValuesThanRoomAreAllHeldInOrder) {
  const std::vector<double> values = {3, -0.0, 1e300, 5e-324};
  const Reservoir reservoir = sample_of(values, 5, 9);
  ASSERT_EQ(reservoir.size(), 4U);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), reservoir.data()));
  Reservoir merged(8, 1);
  ASSERT_TRUE(merged.merge(reservoir));  // of another k, but whole
  ASSERT_TRUE(merged.merge(reservoir));
  EXPECT_EQ(merged.size(), 8U);
  ASSERT_TRUE(merged.update(1.0));
  EXPECT_EQ(merged.count(), 9U);
}

TEST(Reservoir, OfAnotherSizeOnlyWholeOnesMerge) {
  Reservoir ten = sample_of(rising(30), 10, 1);
  const Reservoir twenty = sample_of(rising(30), 20, 2);
  const Reservoir before = ten;
  try {
    ten.merge(twenty);
    FAIL() << "not refused";
  } catch (const inlay::InvalidArgument& error) {
    EXPECT_NE(std::string(error.what()).find("k here is 10, there: 20"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(ten, before);
  EXPECT_THROW(Reservoir(0), inlay::InvalidArgument);
  EXPECT_THROW(Reservoir(Reservoir::kMaxSize + 1), inlay::InvalidArgument);
}

TEST(Reservoir, MergingWithNothingAndWithItself) {
  Reservoir reservoir = sample_of(rising(100), 10, 1);
  const Reservoir before = reservoir;
  ASSERT_TRUE(reservoir.merge(Reservoir(10, 3)));
  EXPECT_EQ(reservoir, before);
  ASSERT_TRUE(reservoir.merge(reservoir));
  EXPECT_EQ(reservoir.count(), 200U);
  Reservoir empty(10, 4);
  ASSERT_TRUE(empty.merge(before));
  ASSERT_EQ(empty.size(), 10U);
  EXPECT_TRUE(std::equal(empty.data(), empty.data() + 10, before.data()));
  reservoir.reset();
  EXPECT_EQ(reservoir, Reservoir(10, 1));
  const std::vector<double> values = rising(100);
  ASSERT_EQ(reservoir.update(values.data(), 100), 100U);
  EXPECT_EQ(reservoir, before);
}

// Numbers this state may never lose, on any machine: a stream of a known seed.
TEST(Reservoir, ASeedGivesTheSameSampleEverywhere) {
  Reservoir reservoir = sample_of(rising(1'000'000), 4, 42);
  ASSERT_TRUE(reservoir.merge(sample_of(rising(1'000'000, 1e6), 4, 43)));
  EXPECT_EQ(std::vector<double>(reservoir.data(), reservoir.data() + 4),
            (std::vector<double>{201777, 225447, 1216031, 1033967}));
}

TEST(Reservoir, ItsLogarithmsAreRight) {
  std::mt19937_64 random(1);
  const auto near = [](double a, double b) { return std::fabs(a - b) <= 1e-12 * std::fabs(b); };
  for (int i = 0; i < 200'000; ++i) {
    const double u = static_cast<double>(random() >> 11) * 0x1p-53;
    const double x = std::exp2(60 * (u - 0.8));  // 2^-48 to 2^12
    EXPECT_TRUE(near(inlay::detail::portable_log(x), std::log(x))) << x;
    EXPECT_TRUE(near(inlay::detail::portable_one_less_exp(x), -std::expm1(-x))) << x;
    if (x > 700) continue;
    EXPECT_TRUE(near(inlay::detail::portable_log1m_exp(x),
                     x < 0.7 ? std::log(-std::expm1(-x)) : std::log1p(-std::exp(-x))))
        << x;
  }
  std::uint64_t state = inlay::detail::random_state(1);
  for (int i = 0; i < 1000; ++i) {
    const double unit = inlay::detail::random_unit(state);
    EXPECT_TRUE(unit > 0 && unit < 1);
    EXPECT_LT(inlay::detail::random_below(state, 3), 3U);
  }
}

TEST(Reservoir, DamagedBytesAreRefusedOrValid) {
  Reservoir reservoir = sample_of(rising(50), 5, 7);
  reservoir.add_nulls(3);
  for (const Reservoir& r : {reservoir, sample_of(rising(3), 5, 7), Reservoir()}) {
    const std::vector<std::uint8_t> bytes = r.to_bytes();
    EXPECT_EQ(Reservoir::from_bytes(bytes.data(), bytes.size()), r);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::vector<std::uint8_t> damaged = bytes;
        damaged[at] = static_cast<std::uint8_t>(value);
        try {
          Reservoir read = Reservoir::from_bytes(damaged.data(), damaged.size());
          EXPECT_EQ(read.to_bytes(), damaged);
          EXPECT_TRUE(read.update(1.0));
          const std::vector<double> more = rising(2000);
          EXPECT_EQ(read.update(more.data(), more.size()), more.size());
        } catch (const inlay::SerializationError&) {
          EXPECT_NE(damaged, bytes);
        }
      }
      EXPECT_THROW(Reservoir::from_bytes(bytes.data(), at), inlay::SerializationError);
    }
  }
}

TEST(Reservoir, HostileBytesAreRefusedByWhatIsWrong) {
  const auto why = [](std::vector<std::uint8_t> tail) {
    std::vector<std::uint8_t> bytes = {'i', 'n', 'R', 'S', 1};
    bytes.insert(bytes.end(), tail.begin(), tail.end());
    try {
      Reservoir::from_bytes(bytes.data(), bytes.size());
    } catch (const inlay::SerializationError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto has = [](const std::string& message, const char* part) {
    return message.find(part) != std::string::npos;
  };
  const std::vector<std::uint8_t> random(16);
  const auto with = [&random](std::vector<std::uint8_t> counts, std::vector<std::uint8_t> tail) {
    counts.insert(counts.end(), random.begin(), random.end());
    counts.insert(counts.end(), tail.begin(), tail.end());
    return counts;
  };
  EXPECT_EQ(why(with({1, 0, 0, 0, 0, 0}, {})), "");
  EXPECT_TRUE(has(why({0}), "have k: 0"));
  EXPECT_TRUE(has(why({0x81, 0x80, 0x80, 8}), "have k: 16777217"));
  EXPECT_TRUE(has(why({1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}),
                  "too large a count: 9223372036854775808"));
  // 16777216 of 16777216 values, and no bytes for them.
  EXPECT_TRUE(has(why(with({0x80, 0x80, 0x80, 8, 0xFF, 0xFF, 0xFF, 7, 0, 0, 0, 0}, {})),
                  "cut short; values: 16777215"));
  EXPECT_TRUE(
      has(why(with({1, 1, 0, 0, 0, 0}, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1})),
          "too many values"));
  EXPECT_TRUE(
      has(why(with({1, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0})), "negative logarithm"));
  EXPECT_TRUE(has(why(with({2, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0xF0, 0x7F})), "in the sample"));
  EXPECT_TRUE(has(why(with({1, 0, 0, 0, 0, 0}, {0})), "left over: 1"));
}

TEST(Reservoir, FrozenBytesOfVersionOneAreRead) {
  std::ifstream file(INLAY_TEST_DATA "/reservoir_v1.bin", std::ios::binary);
  const std::vector<char> data((std::istreambuf_iterator<char>(file)), {});
  const std::vector<std::uint8_t> bytes(data.begin(), data.end());
  const Reservoir read = Reservoir::from_bytes(bytes.data(), bytes.size());
  EXPECT_EQ(read.to_bytes(), bytes);
  Reservoir made(4, 7);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(made.update(i * 0.5 - 2));
  ASSERT_TRUE(made.update(kNaN));
  ASSERT_TRUE(made.update(kInf));
  made.add_nulls(3);
  EXPECT_EQ(read, made);
}

std::size_t allocations_left = 0;

void* allocate_few(std::size_t count, std::size_t size) noexcept {
  if (allocations_left == 0) return nullptr;
  --allocations_left;
  return std::calloc(count, size);
}

TEST(Reservoir, WithoutMemoryItSaysWhatWasCountedAndStaysRight) {
  const auto before = inlay::detail::bucket_memory;
  const std::vector<double> values = rising(500);
  const Reservoir other = sample_of(values, 200, 2);
  inlay::detail::bucket_memory.allocate_zeroed = allocate_few;
  std::size_t failed = 0;
  for (std::size_t allowed = 0; allowed < 9; ++allowed) {
    Reservoir reservoir(200, 1);
    allocations_left = allowed;
    std::size_t counted = 0;
    for (const double value : values) counted += reservoir.update(value) ? 1U : 0U;
    EXPECT_EQ(counted, reservoir.count());
    allocations_left = 0;
    const std::uint64_t count = reservoir.count();
    EXPECT_FALSE(reservoir.merge(other));
    EXPECT_EQ(reservoir.count(), count);
    failed += counted < values.size() ? 1U : 0U;
  }
  inlay::detail::bucket_memory = before;
  EXPECT_GT(failed, 2U);
  EXPECT_LT(failed, 9U);
}

}  // namespace
