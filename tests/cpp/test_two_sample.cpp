#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <inlay/detect/p_values.hpp>
#include <inlay/detect/sorted_sample.hpp>
#include <inlay/detect/two_sample.hpp>
#include <inlay/error.hpp>
#include <limits>
#include <random>
#include <thread>
#include <vector>

namespace {

using inlay::SortedSample;
using inlay::TwoSample;
using inlay::Undefined;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Hands out its values in runs of a few, doubles and floats in turn where a float holds them.
class Column final : public inlay::SampleSource {
 public:
  explicit Column(std::vector<double> values, std::size_t run = 1000, std::size_t nulls = 0)
      : values_(std::move(values)),
        floats_(values_.begin(), values_.end()),
        run_(run),
        nulls_(nulls) {}
  std::size_t size() const noexcept override { return values_.size() + nulls_; }
  std::size_t read(inlay::SpanSink& sink) const noexcept override {
    for (std::size_t at = 0; at < values_.size(); at += run_) {
      const std::size_t size = std::min(run_, values_.size() - at);
      const bool narrow = std::equal(values_.begin() + static_cast<std::ptrdiff_t>(at),
                                     values_.begin() + static_cast<std::ptrdiff_t>(at + size),
                                     floats_.begin() + static_cast<std::ptrdiff_t>(at),
                                     [](double a, float b) { return a == static_cast<double>(b); });
      if (narrow) {
        sink.take(floats_.data() + at, size);
      } else {
        sink.take(values_.data() + at, size);
      }
    }
    return nulls_;
  }

 private:
  std::vector<double> values_;
  std::vector<float> floats_;
  std::size_t run_;
  std::size_t nulls_;
};

SortedSample sorted(std::vector<double> values) { return SortedSample(Column(std::move(values))); }

std::vector<double> normal(std::size_t size, double mean, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> draw(mean, 1.0);
  std::vector<double> out(size);
  for (double& value : out) value = draw(random);
  return out;
}

// By the definitions, in quadratic time.
struct Plain {
  double ks = 0.0;
  double cramer_von_mises = 0.0;
  double wasserstein = 0.0;
  double energy = 0.0;
};

Plain plain(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const auto m = static_cast<double>(y.size());
  std::vector<double> all = x;
  all.insert(all.end(), y.begin(), y.end());
  std::sort(all.begin(), all.end());
  const auto share = [](const std::vector<double>& values, double at) {
    return static_cast<double>(
               std::count_if(values.begin(), values.end(), [at](double v) { return v <= at; })) /
           static_cast<double>(values.size());
  };
  Plain out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double apart = share(x, all[i]) - share(y, all[i]);
    out.ks = std::max(out.ks, std::fabs(apart));
    if (i + 1 < all.size()) {
      out.wasserstein += std::fabs(apart) * (all[i + 1] - all[i]);
      out.energy += 2.0 * apart * apart * (all[i + 1] - all[i]);
    }
  }
  out.energy = std::sqrt(out.energy);
  const auto below = [](const std::vector<double>& values, double at) {
    return static_cast<double>(
               std::count_if(values.begin(), values.end(), [at](double v) { return v < at; })) /
           static_cast<double>(values.size());
  };
  for (const double at : all) {
    out.cramer_von_mises +=
        (std::pow(share(x, at) - share(y, at), 2) + std::pow(below(x, at) - below(y, at), 2)) / 2 *
        n * m / (n + m) / (n + m);
  }
  return out;
}

void expect_plain(const std::vector<double>& x, const std::vector<double>& y) {
  const TwoSample found = inlay::two_sample(sorted(x), sorted(y));
  const Plain known = plain(x, y);
  EXPECT_NEAR(found.ks, known.ks, 1e-12);
  EXPECT_NEAR(found.cramer_von_mises, known.cramer_von_mises, 1e-9);
  EXPECT_NEAR(found.wasserstein, known.wasserstein, 1e-9);
  EXPECT_NEAR(found.energy, known.energy, 1e-9);
}

TEST(TwoSample, AreThoseOfTheirDefinitions) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<double> x = normal(50 + seed, 0.0, seed);
    std::vector<double> y = normal(80 - seed, 0.3, 100 + seed);
    expect_plain(x, y);
    for (double& value : x) value = std::round(value);
    for (double& value : y) value = std::round(value);
    expect_plain(x, y);
  }
}

TEST(SortedSample, SortsWhateverTheRunsAndSizes) {
  for (const std::size_t size : {1U, 31U, 4096U, 8192U, 8193U, 70000U}) {
    for (const std::size_t run : {1U, 7U, 100000U}) {
      std::vector<double> values = normal(size, 0.0, static_cast<unsigned>(size));
      for (std::size_t i = 0; i < size; i += 5) values[i] = std::round(values[i]);
      for (std::size_t i = 3; i < size; i += 11) values[i] = kNan;
      const SortedSample sample(Column(values, run, 4));
      std::vector<double> known;
      std::copy_if(values.begin(), values.end(), std::back_inserter(known),
                   [](double v) { return !std::isnan(v); });
      std::sort(known.begin(), known.end());
      ASSERT_EQ(sample.size(), known.size());
      EXPECT_EQ(sample.nan_count(), size - known.size());
      EXPECT_EQ(sample.null_count(), 4U);
      for (std::size_t i = 0; i < known.size(); ++i) ASSERT_EQ(sample.value(i), known[i]);
      EXPECT_EQ(sample.keys()[known.size()], SortedSample::kEnd);
    }
  }
}

TEST(SortedSample, OfNothing) {
  EXPECT_EQ(SortedSample().size(), 0U);
  EXPECT_FALSE(SortedSample().has_infinity());
  const SortedSample gaps = sorted({kNan, -kNan});
  EXPECT_EQ(gaps.size(), 0U);
  EXPECT_EQ(gaps.nan_count(), 2U);
  EXPECT_EQ(inlay::two_sample(gaps, sorted({1.0})).ranks, Undefined::kEmpty);
}

TEST(TwoSample, SaysWhatIsUndefined) {
  const TwoSample infinite = inlay::two_sample(sorted({1.0, kInfinity}), sorted({-kInfinity, 2.0}));
  EXPECT_EQ(infinite.distances, Undefined::kInfinite);
  EXPECT_TRUE(std::isnan(infinite.wasserstein));
  EXPECT_DOUBLE_EQ(infinite.ks, 0.5);
  EXPECT_EQ(inlay::two_sample(sorted({1.0, 1.0}), sorted({1.0, 1.0})).anderson,
            Undefined::kConstant);
  EXPECT_EQ(inlay::two_sample(sorted({1.0}), sorted({2.0})).anderson, Undefined::kTooFew);
  EXPECT_EQ(inlay::two_sample(sorted({-1.7e308}), sorted({1.7e308})).distances,
            Undefined::kOverflow);
  EXPECT_TRUE(std::isnan(inlay::quantile_distance(sorted({kInfinity}), sorted({1.0}), 2)));
}

TEST(TwoSample, MayBeReadByThreads) {
  const SortedSample x = sorted(normal(5000, 0.0, 1));
  const SortedSample y = sorted(normal(5000, 0.1, 2));
  const double known = inlay::two_sample(x, y).ks;
  std::vector<double> found(4);
  std::vector<std::thread> threads;
  for (double& ks : found) {
    threads.emplace_back([&x, &y, &ks] { ks = inlay::two_sample(x, y).ks; });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double ks : found) EXPECT_EQ(ks, known);
}

TEST(QuantileDistance, MatchesValuesInOrder) {
  EXPECT_DOUBLE_EQ(inlay::quantile_distance(sorted({1.0, 2.0}), sorted({2.0, 4.0}), 1), 1.5);
  EXPECT_DOUBLE_EQ(inlay::quantile_distance(sorted({2.0, 1.0}), sorted({4.0, 2.0}), 2), 2.5);
  EXPECT_DOUBLE_EQ(inlay::quantile_distance(sorted({0.0, 3.0}), sorted({1.0}), 1), 1.5);
}

TEST(PValues, KnownPoints) {
  // The upper 5 % of the limits: 1.3581 and 0.46136, 1.960 (standardised Anderson-Darling).
  const std::uint64_t many = 100000000;
  EXPECT_NEAR(inlay::kolmogorov_p_value(1.3581 / std::sqrt(many / 2.0), many, many), 0.05, 1e-4);
  EXPECT_NEAR(inlay::cramer_von_mises_p_value(0.46136, many, many), 0.05, 1e-4);
  EXPECT_NEAR(inlay::anderson_darling_p_value(1.960), 0.05, 5e-4);
  EXPECT_NEAR(inlay::f_p_value(4.964603, 1.0, 10.0), 0.05, 1e-6);
  EXPECT_EQ(inlay::kolmogorov_p_value(0.0, 10, 10), 1.0);
  // All of one side below the other: 2 of C(10, 5) orders.
  EXPECT_NEAR(inlay::kolmogorov_p_value(1.0, 5, 5), 2.0 / 252.0, 1e-15);
  EXPECT_TRUE(std::isnan(inlay::f_p_value(1.0, 0.0, 3.0)));
  // Sizes that differ by one take another way to nearly the same law.
  EXPECT_NEAR(inlay::kolmogorov_p_value(0.1, 700, 700), inlay::kolmogorov_p_value(0.1, 700, 701),
              2e-4);
}

TEST(PValues, NeverRiseWithTheStatistic) {
  double before_ks = 1.0;
  double before_cvm = 1.0;
  double before_ad = 1.0;
  for (int i = 1; i < 400; ++i) {
    const double x = 0.01 * i;
    const double ks = inlay::kolmogorov_p_value(x / std::sqrt(5e8), 1000000000, 999999999);
    const double cvm = inlay::cramer_von_mises_p_value(x, 1000, 1000);
    const double ad = inlay::anderson_darling_p_value(5.0 * x - 1.2);
    EXPECT_LE(ks, before_ks + 1e-6) << x;
    EXPECT_LE(cvm, before_cvm + 1e-12) << x;
    EXPECT_LE(ad, before_ad + 1e-12) << x;
    before_ks = ks;
    before_cvm = cvm;
    before_ad = ad;
  }
}

}  // namespace
