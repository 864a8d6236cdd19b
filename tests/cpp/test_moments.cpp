#include <gtest/gtest.h>

#include <cmath>
#include <inlay/summary/fused.hpp>
#include <inlay/summary/moments.hpp>
#include <random>
#include <vector>

namespace {

using inlay::Moments;

TEST(Moments, FarFromZeroTheSecondMomentKeepsNineDigits) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(1e8, 1.0);
  std::vector<double> values(100'003);
  for (double& value : values) value = normal(random);
  long double mean = 0;
  for (const double value : values) mean += value;
  mean /= static_cast<long double>(values.size());
  long double m2 = 0, m3 = 0, m4 = 0;
  for (const double value : values) {
    const long double d = value - mean;
    m2 += d * d;
    m3 += d * d * d;
    m4 += d * d * d * d;
  }
  Moments bulk, single, parts;
  bulk.update(values.data(), values.size());
  for (const double value : values) single.update(value);
  for (std::size_t i = 0; i < values.size(); i += 777) {
    Moments part;
    part.update(values.data() + i, std::min<std::size_t>(777, values.size() - i));
    parts.merge(part);
  }
  for (const Moments* moments : {&bulk, &single, &parts}) {
    const auto v = moments->values();
    EXPECT_EQ(v.count, values.size());
    EXPECT_NEAR(*v.m2 / static_cast<double>(m2), 1.0, 1e-9);
    EXPECT_NEAR(*v.m4 / static_cast<double>(m4), 1.0, 1e-9);
    EXPECT_NEAR((*v.m3 - static_cast<double>(m3)) / std::pow(static_cast<double>(m2), 1.5), 0.0,
                1e-9);
    EXPECT_NEAR(*v.mean, static_cast<double>(mean), 2e-8);
  }
}

}  // namespace
