#pragma once

// Samples and rows that the emulated kernels, the kernels of a device and the CPU are compared on.

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace inlay::cuda::test {

struct SampleCase {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

inline std::vector<double> normal(std::size_t size, double mean, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> law(mean, 1.0);
  std::vector<double> out(size);
  for (double& value : out) value = law(random);
  return out;
}

inline std::vector<double> rounded(std::vector<double> values, double to) {
  for (double& value : values) value = std::round(value / to) * to;
  return values;
}

inline std::vector<SampleCase> sample_cases() {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  std::vector<SampleCase> cases{
      {"one and one", {1.0}, {2.0}},
      {"equal", {1.0, 1.0, 1.0}, {1.0, 1.0}},
      {"zeros of either sign", {0.0, -0.0, 1.0}, {-0.0, 2.0}},
      {"gaps", {kNan, 1.0, kNan, 3.0}, {2.0, -kNan, 2.5}},
      {"infinities", {-kInf, 1.0, 2.0}, {kInf, 1.5, 2.0}},
      {"few with ties", {1, 2, 2, 3, 3, 3, 4}, {2, 3, 3, 5, 5, 6}},
      {"no values", {kNan, kNan}, {1.0}},
      {"empty", {}, {1.0, 2.0}},
      {"normal", normal(700, 0.0, 1), normal(900, 0.2, 2)},
      {"over a tile", normal(5000, 0.0, 3), normal(3000, 0.1, 4)},
      {"one side after the other", normal(2500, 0.0, 5), normal(2600, 50.0, 6)},
      {"rounded", rounded(normal(3000, 0.0, 7), 0.1), rounded(normal(2800, 0.1, 8), 0.1)},
      {"one long run", std::vector<double>(6000, 2.0), rounded(normal(500, 2.0, 9), 0.5)},
      {"large", {1e300, -1e300, 1e308}, {1e299, -1e308}},
  };
  SampleCase gaps{"many gaps", normal(4000, 0.0, 10), normal(4100, 0.0, 11)};
  for (std::size_t i = 0; i < gaps.x.size(); i += 3) gaps.x[i] = kNan;
  for (std::size_t i = 0; i < gaps.y.size(); i += 7) gaps.y[i] = kNan;
  cases.push_back(gaps);
  return cases;
}

/// Row-major rows of normal numbers.
struct RowsCase {
  std::int64_t count;
  std::int64_t dims;
  std::vector<double> values;
};

inline RowsCase normal_rows(std::int64_t count, std::int64_t dims, double mean, unsigned seed) {
  return {count, dims, normal(static_cast<std::size_t>(count * dims), mean, seed)};
}

/// Whether every value of a case is a float, as its kernels of 32 bits need.
inline void to_floats(std::vector<double>& values) {
  for (double& value : values) value = static_cast<float>(value);
}

}  // namespace inlay::cuda::test
