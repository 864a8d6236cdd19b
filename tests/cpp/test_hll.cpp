#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "summary/bucket_memory.hpp"
#include "summary/hll_limits.hpp"

namespace {

using inlay::Hll;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<std::int64_t> ids(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}

Hll of_ids(std::int64_t first, std::int64_t count, int lg_k = Hll::kDefaultLgK) {
  Hll sketch(lg_k);
  const std::vector<std::int64_t> items = ids(first, count);
  EXPECT_EQ(sketch.update(items.data(), items.size()), items.size());
  return sketch;
}

TEST(Hll, RefusesSizesOutOfRangeByValue) {
  for (const int lg_k : {-1, 3, 22, 1000}) {
    try {
      Hll sketch(lg_k);
      FAIL() << lg_k;
    } catch (const inlay::InvalidArgument& error) {
      const std::string message = error.what();
      EXPECT_EQ(message.substr(message.rfind(' ') + 1), std::to_string(lg_k));
    }
  }
  EXPECT_EQ(Hll().lg_k(), 12);
}

TEST(Hll, AnEmptyOneHoldsNothing) {
  const Hll sketch;
  EXPECT_TRUE(sketch.empty());
  EXPECT_EQ(sketch.estimate(), 0);
  EXPECT_EQ(sketch.lower_bound(3), 0);
  EXPECT_EQ(sketch.upper_bound(3), 0);
  EXPECT_EQ(sketch.counts().items, 0U);
}

TEST(Hll, CountsFewItemsExactly) {
  Hll sketch;
  for (std::int64_t i = 0; i < 384; ++i) {
    ASSERT_TRUE(sketch.update(i));
    ASSERT_TRUE(sketch.update(i));
    ASSERT_EQ(sketch.estimate(), static_cast<double>(i + 1));
    ASSERT_EQ(sketch.lower_bound(1), static_cast<double>(i + 1));
  }
  EXPECT_TRUE(sketch.is_sparse());
  EXPECT_EQ(sketch.counts().items, 768U);
}

TEST(Hll, TurnsToRegistersBeyondItsLimitAtEverySize) {
  for (int lg_k = Hll::kMinLgK; lg_k <= Hll::kMaxLgK; ++lg_k) {
    Hll sketch(lg_k);
    const std::uint32_t most = inlay::detail::most_coupons(lg_k);
    std::int64_t item = 0;
    // Items that share a coupon do not count.
    while (sketch.is_sparse() && sketch.estimate() < most) ASSERT_TRUE(sketch.update(item++));
    EXPECT_GE(item, most - most / 1000) << lg_k;
    EXPECT_TRUE(sketch.is_sparse()) << lg_k;
    while (sketch.is_sparse() && item < 2 * std::int64_t{most} + 8) {
      ASSERT_TRUE(sketch.update(item++));
    }
    EXPECT_FALSE(sketch.is_sparse()) << lg_k;
    EXPECT_LE(std::abs(sketch.estimate() - static_cast<double>(item)),
              4 * sketch.relative_error() * static_cast<double>(item))
        << lg_k;
  }
}

TEST(Hll, EstimatesWithinFourStandardErrors) {
  for (const int lg_k : {4, 8, 12, 16}) {
    for (const std::int64_t n : {500, 3000, 20'000, 200'000}) {
      const Hll sketch = of_ids(7'000'000, n, lg_k);
      const auto exact = static_cast<double>(n);
      EXPECT_LE(std::abs(sketch.estimate() - exact), 4 * sketch.relative_error() * exact)
          << lg_k << ' ' << n;
      EXPECT_LE(sketch.lower_bound(1), sketch.estimate());
      EXPECT_GE(sketch.upper_bound(1), sketch.estimate());
      EXPECT_LE(sketch.lower_bound(3), sketch.lower_bound(2));
      EXPECT_GE(sketch.upper_bound(3), sketch.upper_bound(2));
    }
  }
}

TEST(Hll, RefusesBoundsItDoesNotHave) {
  const Hll sketch;
  for (const int deviations : {0, 4, -1}) {
    EXPECT_THROW(sketch.lower_bound(deviations), inlay::InvalidArgument);
    EXPECT_THROW(sketch.upper_bound(deviations), inlay::InvalidArgument);
  }
}

TEST(Hll, ArraysCountAsTheirItems) {
  std::mt19937_64 random(3);
  for (const std::size_t size : {1U, 7U, 385U, 1024U, 1025U, 30'000U}) {
    std::vector<std::int64_t> whole(size);
    std::vector<std::uint64_t> natural(size);
    std::vector<double> real(size);
    std::vector<std::string> strings(size);
    std::vector<std::string_view> texts(size);
    const auto truth = std::make_unique<bool[]>(size);
    Hll a, b, c, d, e;
    for (std::size_t i = 0; i < size; ++i) {
      natural[i] = random() >> (random() % 60);
      whole[i] = static_cast<std::int64_t>(random()) >> (random() % 60);
      real[i] = i % 50 == 3 ? kNaN : i % 50 == 4 ? kInf : i % 50 == 5 ? -0.0 : 1.0 / (1 + whole[i]);
      strings[i] = std::string(i % 20, 'x') + std::to_string(whole[i]);
      texts[i] = strings[i];
      truth[i] = i % 3 == 0;
      ASSERT_TRUE(a.update(whole[i]) && b.update(natural[i]) && c.update(real[i]) &&
                  d.update(texts[i]) && e.update(truth[i]));
    }
    const auto check = [&](const Hll& one_by_one, const auto* items) {
      Hll sketch;
      EXPECT_EQ(sketch.update(items, size), size);
      EXPECT_EQ(sketch, one_by_one);
      EXPECT_EQ(sketch.counts().items, one_by_one.counts().items);
      EXPECT_EQ(sketch.counts().nans, one_by_one.counts().nans);
      EXPECT_EQ(sketch.counts().pos_infs, one_by_one.counts().pos_infs);
    };
    check(a, whole.data());
    check(b, natural.data());
    check(c, real.data());
    check(d, texts.data());
    check(e, static_cast<const bool*>(truth.get()));
  }
}

TEST(Hll, SpecialDoublesStayOutAndZerosAreOne) {
  Hll sketch;
  const double values[] = {kNaN, -kNaN, kInf, -kInf, -kInf, 0.0, -0.0};
  EXPECT_EQ(sketch.update(values, std::size(values)), std::size(values));
  EXPECT_EQ(sketch.estimate(), 1);
  EXPECT_EQ(sketch.counts().items, 2U);
  EXPECT_EQ(sketch.counts().nans, 2U);
  EXPECT_EQ(sketch.counts().pos_infs, 1U);
  EXPECT_EQ(sketch.counts().neg_infs, 2U);
}

TEST(Hll, KindsAreToldApartAsDocumented) {
  Hll sketch;
  ASSERT_TRUE(sketch.update(1) && sketch.update(true) && sketch.update(std::uint8_t{1}) &&
              sketch.update(1LL) && sketch.update(1ULL));
  EXPECT_EQ(sketch.estimate(), 1);
  ASSERT_TRUE(sketch.update(1.0) && sketch.update(1.0F));
  EXPECT_EQ(sketch.estimate(), 2);
  ASSERT_TRUE(sketch.update("1") && sketch.update(std::string("1")));
  EXPECT_EQ(sketch.estimate(), 3);
  ASSERT_TRUE(sketch.update(""));
  EXPECT_EQ(sketch.estimate(), 4);
  ASSERT_TRUE(sketch.update(-1) && sketch.update(~std::uint64_t{0}));
  EXPECT_EQ(sketch.estimate(), 5);
  EXPECT_EQ(sketch.counts().items, 12U);
}

TEST(Hll, MergingIsCommutativeAssociativeAndIdempotent) {
  for (const int lg_k : {4, 7, 8, 12}) {
    for (const std::int64_t n : {0, 3, 9, 200, 400, 5000}) {
      for (const std::int64_t m : {0, 5, 300, 4000}) {
        const Hll a = of_ids(0, n, lg_k);
        const Hll b = of_ids(n / 2, m, lg_k);
        const Hll c = of_ids(100'000, 20, lg_k);
        Hll left = a, right = c, whole = of_ids(0, std::max(n, m == 0 ? n : n / 2 + m), lg_k);
        ASSERT_TRUE(left.merge(b) && left.merge(c) && right.merge(b) && right.merge(a));
        ASSERT_TRUE(whole.merge(c));
        EXPECT_EQ(left, right) << lg_k << ' ' << n << ' ' << m;
        EXPECT_EQ(left, whole) << lg_k << ' ' << n << ' ' << m;
        EXPECT_EQ(left.to_bytes(), right.to_bytes());
        EXPECT_EQ(left.counts().items, static_cast<std::uint64_t>(n + m + 20));
        Hll twice = left;
        ASSERT_TRUE(twice.merge(left) && twice.merge(twice) && twice.merge(a));
        EXPECT_EQ(twice, left);
      }
    }
  }
}

TEST(Hll, FoldingEqualsHavingBeenMadeSmaller) {
  for (const std::int64_t n : {5, 8, 30, 380, 1000, 60'000}) {
    for (const int fine : {8, 12, 15}) {
      for (const int coarse : {4, 7, 8, 12}) {
        if (coarse > fine) continue;
        const Hll expected = of_ids(0, n, coarse);
        Hll folded = of_ids(0, n, fine);
        folded.fold_to(coarse);
        EXPECT_EQ(folded, expected) << n << ' ' << fine << ' ' << coarse;
        Hll merged = of_ids(0, n / 2, fine);
        ASSERT_TRUE(merged.merge(of_ids(n / 2, n - n / 2, coarse)));
        EXPECT_EQ(merged, expected) << n << ' ' << fine << ' ' << coarse;
        Hll other_way = of_ids(n / 2, n - n / 2, coarse);
        ASSERT_TRUE(other_way.merge(of_ids(0, n / 2, fine)));
        EXPECT_EQ(other_way, expected) << n << ' ' << fine << ' ' << coarse;
        EXPECT_THROW(folded.fold_to(coarse + 1), inlay::InvalidArgument);
      }
    }
  }
}

TEST(Hll, AnyOrderMakesTheSameState) {
  std::vector<std::int64_t> items = ids(0, 3000);
  const Hll expected = of_ids(0, 3000);
  std::shuffle(items.begin(), items.end(), std::mt19937_64(1));
  Hll sketch;
  ASSERT_EQ(sketch.update(items.data(), items.size()), items.size());
  for (const std::int64_t item : items) ASSERT_TRUE(sketch.update(item));
  EXPECT_EQ(sketch.to_bytes(), expected.to_bytes());
}

TEST(Hll, ResetForgetsAllButItsSize) {
  for (const bool keep : {true, false}) {
    for (const std::int64_t n : {10, 5000}) {
      Hll sketch = of_ids(0, n, 10);
      sketch.update(kNaN);
      sketch.reset(keep);
      EXPECT_EQ(sketch, Hll(10));
      EXPECT_EQ(sketch.counts().items + sketch.counts().nans, 0U);
      const std::vector<std::int64_t> items = ids(0, n);
      ASSERT_EQ(sketch.update(items.data(), items.size()), items.size());
      EXPECT_EQ(sketch, of_ids(0, n, 10));
    }
  }
}

int allowed_blocks;
int live_blocks;

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

TEST(HllMemory, IsGivenBackAndSized) {
  const CountingMemory memory;
  {
    Hll sketch = of_ids(0, 100);
    EXPECT_LE(sketch.memory_bytes(), 1200U);
    Hll copy = sketch;
    Hll moved = std::move(copy);
    copy = moved;
    ASSERT_TRUE(moved.merge(of_ids(0, 9000)));
    EXPECT_LE(moved.memory_bytes(), 4096 + sizeof(Hll));
    moved.fold_to(5);
    EXPECT_GE(live_blocks, 3);
  }
  EXPECT_EQ(live_blocks, 0);
}

TEST(HllMemory, RunningOutCountsAnItemNowhereAndLosesNone) {
  const CountingMemory memory;
  for (int allowed = 0; allowed < 8; ++allowed) {
    Hll sketch;
    allowed_blocks = allowed;
    std::uint64_t counted = 0;
    for (std::int64_t i = 0; i < 500; ++i) counted += sketch.update(i) ? 1 : 0;
    allowed_blocks = 1'000'000;
    EXPECT_EQ(sketch.counts().items, counted);
    // Blocks of 8, 16, … 512 coupons, then the registers.
    const std::uint64_t expected[] = {0, 6, 12, 24, 48, 96, 192, 384};
    EXPECT_EQ(counted, expected[allowed]);
    EXPECT_EQ(sketch, of_ids(0, static_cast<std::int64_t>(counted)));

    Hll again;
    allowed_blocks = allowed;
    const std::vector<std::int64_t> items = ids(0, 500);
    EXPECT_EQ(again.update(items.data(), items.size()), expected[allowed]);
    allowed_blocks = 1'000'000;
    EXPECT_EQ(again, sketch);
  }
}

TEST(HllMemory, AMergeThatRunsOutAddsNothing) {
  const CountingMemory memory;
  for (const std::int64_t n : {5, 300, 5000}) {
    for (const std::int64_t m : {5, 300, 5000}) {
      const Hll other = of_ids(100'000, m, 11);
      bool merged = false;
      for (int allowed = 0; !merged; ++allowed) {
        Hll sketch = of_ids(0, n);
        const Hll before = sketch;
        allowed_blocks = allowed;
        merged = sketch.merge(other);
        Hll copy;
        const bool copied = copy.assign(other);
        allowed_blocks = 1'000'000;
        EXPECT_EQ(copied ? copy == other : copy.empty(), true);
        if (merged) {
          Hll expected = of_ids(0, n, 11);
          ASSERT_TRUE(expected.merge(other));
          EXPECT_EQ(sketch, expected);
        } else {
          EXPECT_EQ(sketch, before);
          EXPECT_EQ(sketch.counts().items, before.counts().items);
        }
      }
    }
  }
  EXPECT_EQ(live_blocks, 0);
}

}  // namespace
