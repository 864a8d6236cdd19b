#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "../emu/detect_cases.hpp"
#include "../emu/detect_plain.hpp"
#include "detect/device_kernel_statistic.hpp"
#include "detect/device_row_moments.hpp"
#include "detect/device_sliced.hpp"
#include "detect/device_two_sample.hpp"
#include "detect/embedding_monitor.hpp"
#include "runtime/error.hpp"

namespace inlay::cuda {
namespace {

/// A matrix on the device, row-major, in the element type of T.
template <class T>
class OnDevice {
 public:
  OnDevice(const std::vector<double>& values, std::int64_t rows, std::int64_t dims,
           std::int64_t row_stride = 0)
      : values_(static_cast<std::size_t>(rows * std::max(dims, row_stride)) + 1) {
    const std::int64_t stride = std::max(dims, row_stride);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t d = 0; d < dims; ++d) {
        values_[static_cast<std::size_t>(i * stride + d)] =
            static_cast<T>(values[static_cast<std::size_t>(i * dims + d)]);
      }
    }
    check(cudaMalloc(&memory_, values_.size() * sizeof(T)), "allocating");
    check(cudaMemcpy(memory_, values_.data(), values_.size() * sizeof(T), cudaMemcpyHostToDevice),
          "copying");
    tensor_.data = memory_;
    tensor_.element = sizeof(T) == 4 ? Element::kF32 : Element::kF64;
    tensor_.dims = 2;
    tensor_.shape[0] = rows;
    tensor_.shape[1] = dims;
    tensor_.strides[0] = stride;
    tensor_.strides[1] = 1;
  }
  explicit OnDevice(const test::RowsCase& rows) : OnDevice(rows.values, rows.count, rows.dims) {}
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { static_cast<void>(cudaFree(memory_)); }
  const Tensor& tensor() const { return tensor_; }

 private:
  std::vector<T> values_;
  void* memory_ = nullptr;
  Tensor tensor_;
};

class Detect : public testing::Test {
 protected:
  void SetUp() override {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  }
  void TearDown() override { static_cast<void>(cudaStreamDestroy(stream_)); }
  cudaStream_t stream_ = nullptr;
};

void expect_close(double found, double expected, double tolerance, const char* what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(found)) << what << ' ' << found;
  } else {
    EXPECT_NEAR(found, expected, tolerance * std::fabs(expected)) << what;
  }
}

void expect_same(const ComparedColumns& compared, const std::vector<double>& x,
                 const std::vector<double>& y) {
  const SortedSample left = test::sorted(x);
  const SortedSample right = test::sorted(y);
  const TwoSample expected = two_sample(left, right);
  const TwoSample& found = compared.result;
  EXPECT_EQ(compared.nan[0], left.nan_count());
  EXPECT_EQ(compared.nan[1], right.nan_count());
  EXPECT_EQ(found.n, expected.n);
  EXPECT_EQ(found.m, expected.m);
  EXPECT_EQ(found.ranks, expected.ranks);
  EXPECT_EQ(found.anderson, expected.anderson);
  EXPECT_EQ(found.distances, expected.distances);
  if (expected.ranks == Undefined::kDefined) {
    EXPECT_EQ(found.ks, expected.ks);
    EXPECT_EQ(found.ks_location, expected.ks_location);
  }
  expect_close(found.cramer_von_mises, expected.cramer_von_mises, 1e-12, "Cramer-von Mises");
  expect_close(found.anderson_darling, expected.anderson_darling, 1e-12, "Anderson-Darling");
  expect_close(found.wasserstein, expected.wasserstein, 1e-12, "Wasserstein");
  expect_close(found.energy, expected.energy, 1e-12, "energy");
  expect_close(found.cramer_von_mises_p_value, expected.cramer_von_mises_p_value, 1e-9, "p");
  expect_close(found.anderson_darling_p_value, expected.anderson_darling_p_value, 1e-9, "p");
}

TEST_F(Detect, TwoSampleIsThatOfTheCpu) {
  for (test::SampleCase each : test::sample_cases()) {
    SCOPED_TRACE(each.name);
    const auto n = static_cast<std::int64_t>(each.x.size());
    const auto m = static_cast<std::int64_t>(each.y.size());
    {
      const OnDevice<double> x(each.x, n, 1);
      const OnDevice<double> y(each.y, m, 1);
      expect_same(compare_columns(x.tensor(), y.tensor(), stream_)[0], each.x, each.y);
    }
    if (each.name == "large") continue;
    test::to_floats(each.x);
    test::to_floats(each.y);
    const OnDevice<float> x(each.x, n, 1, 3);
    const OnDevice<float> y(each.y, m, 1);
    expect_same(compare_columns(x.tensor(), y.tensor(), stream_)[0], each.x, each.y);
  }
}

TEST_F(Detect, ManyValuesAndColumns) {
  constexpr std::int64_t kRows = 300'000;
  constexpr std::int64_t kColumns = 3;
  auto x = test::normal(kRows * kColumns, 0.0, 1);
  auto y = test::rounded(test::normal((kRows + 17) * kColumns, 0.01, 2), 0.001);
  test::to_floats(x);
  test::to_floats(y);
  const OnDevice<float> left(x, kRows, kColumns);
  const OnDevice<float> right(y, kRows + 17, kColumns);
  const auto compared = compare_columns(left.tensor(), right.tensor(), stream_);
  ASSERT_EQ(compared.size(), 3U);
  for (std::size_t c = 0; c < 3; ++c) {
    std::vector<double> column_x;
    std::vector<double> column_y;
    for (std::size_t i = c; i < x.size(); i += 3) column_x.push_back(x[i]);
    for (std::size_t i = c; i < y.size(); i += 3) column_y.push_back(y[i]);
    expect_same(compared[c], column_x, column_y);
  }
}

std::vector<std::int8_t> random_signs(std::int64_t n, std::int64_t total, int splits) {
  std::mt19937_64 random(3);
  std::vector<std::int8_t> signs(static_cast<std::size_t>(total * splits), -1);
  std::vector<std::int64_t> order(static_cast<std::size_t>(total));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (int split = 0; split < splits; ++split) {
    for (std::int64_t i = 0; i < n; ++i) {
      signs[static_cast<std::size_t>(order[static_cast<std::size_t>(i)] * splits + split)] = 1;
    }
    std::shuffle(order.begin(), order.end(), random);
  }
  return signs;
}

std::vector<std::int32_t> some_rows(std::int64_t total) {
  std::vector<std::int32_t> out;
  const std::int64_t step = (total + kMostChosen - 1) / kMostChosen;
  for (std::int64_t i = 0; i < total; i += step) out.push_back(static_cast<std::int32_t>(i));
  return out;
}

struct KernelCase {
  test::RowsCase x;
  test::RowsCase y;
  int splits;
};

KernelForms forms_of(const KernelCase& each, bool gaussian, cudaStream_t stream) {
  const OnDevice<float> x(each.x);
  const OnDevice<float> y(each.y);
  const std::int64_t total = each.x.count + each.y.count;
  const auto signs = random_signs(each.x.count, total, each.splits);
  const auto chosen = some_rows(total);
  KernelProblem problem;
  problem.x.tensor = x.tensor();
  problem.y.tensor = y.tensor();
  problem.gaussian = gaussian;
  problem.chosen = chosen.data();
  problem.chosen_count = static_cast<std::int32_t>(chosen.size());
  problem.signs = signs.data();
  problem.splits = each.splits;
  return kernel_forms(problem, stream);
}

TEST_F(Detect, KernelFormsAreThoseOfTheWholeMatrix) {
  std::vector<KernelCase> cases;
  cases.push_back({test::normal_rows(150, 19, 10.0, 1), test::normal_rows(130, 19, 10.5, 2), 20});
  cases.push_back({test::normal_rows(700, 64, 0.0, 3), test::normal_rows(501, 64, 0.2, 4), 101});
  cases.push_back({test::normal_rows(2, 1, 0.0, 5), test::normal_rows(1, 1, 0.0, 6), 1});
  cases.push_back({test::normal_rows(300, 130, 0.0, 7), test::normal_rows(90, 130, 0.3, 8), 300});
  for (KernelCase& each : cases) {
    test::to_floats(each.x.values);
    test::to_floats(each.y.values);
    const test::RowsCase all = test::stacked(each.x, each.y);
    SCOPED_TRACE(all.count);
    const auto squared = test::plain_squared_distances(all);
    const auto signs = random_signs(each.x.count, all.count, each.splits);
    for (const bool gaussian : {true, false}) {
      const KernelForms found = forms_of(each, gaussian, stream_);
      if (all.count <= kMostChosen) {
        const double median = test::plain_median_distance(all);
        EXPECT_NEAR(found.median, median, 1e-11 * median);
      }
      std::vector<double> kernel(squared.size());
      for (std::size_t i = 0; i < kernel.size(); ++i) {
        const double scaled = squared[i] / found.scale / found.scale;
        kernel[i] = (gaussian ? std::exp(-scaled) : -std::sqrt(scaled)) - found.offset;
      }
      const auto plain = test::plain_forms(kernel, signs, static_cast<std::size_t>(each.splits));
      const auto rows = static_cast<double>(all.count);
      for (std::size_t s = 0; s < plain.forms.size(); ++s) {
        EXPECT_NEAR(found.forms[s], plain.forms[s], 1e-6 * rows * rows) << s;
        EXPECT_NEAR(found.linear[s], plain.linear[s], 1e-6 * rows * rows) << s;
      }
      EXPECT_NEAR(found.total, plain.total, 1e-6 * rows * rows);
      EXPECT_EQ(found.odd.left_out[0] + found.odd.left_out[1], 0U);
    }
  }
}

TEST_F(Detect, KernelFormsAreTheSameEveryTime) {
  const KernelCase each{test::normal_rows(900, 40, 0.0, 1), test::normal_rows(800, 40, 0.1, 2), 50};
  const KernelForms first = forms_of(each, true, stream_);
  for (int i = 0; i < 3; ++i) {
    const KernelForms again = forms_of(each, true, stream_);
    EXPECT_EQ(first.forms, again.forms);
    EXPECT_EQ(first.linear, again.linear);
  }
}

TEST_F(Detect, OddRowsAreMarkedAndLeftOut) {
  auto x = test::normal_rows(200, 10, 0.0, 1);
  auto y = test::normal_rows(160, 10, 0.0, 2);
  x.values[37] = NAN;
  y.values[159 * 10] = INFINITY;
  const OnDevice<double> left(x);
  const OnDevice<double> right(y);
  const auto directions = test::normal(10 * 5, 0.0, 9);
  DeviceRows side_x{left.tensor()};
  DeviceRows side_y{right.tensor()};
  const auto odd = sliced_distances(side_x, side_y, directions.data(), 5, 2, stream_).odd;
  EXPECT_EQ(odd.left_out[0], 1U);
  EXPECT_EQ(odd.left_out[1], 1U);
  ASSERT_EQ(odd.marks[0].size(), 200U);
  EXPECT_EQ(odd.marks[0][3], 1);
  EXPECT_EQ(odd.marks[1][159], 1);
  // And again with the others.
  std::vector<std::int32_t> kept_x;
  std::vector<std::int32_t> kept_y;
  for (std::int32_t i = 0; i < 200; ++i) {
    if (odd.marks[0][static_cast<std::size_t>(i)] == 0) kept_x.push_back(i);
  }
  for (std::int32_t i = 0; i < 160; ++i) {
    if (odd.marks[1][static_cast<std::size_t>(i)] == 0) kept_y.push_back(i);
  }
  side_x.kept = kept_x.data();
  side_x.kept_count = 199;
  side_y.kept = kept_y.data();
  side_y.kept_count = 159;
  const auto found = sliced_distances(side_x, side_y, directions.data(), 5, 2, stream_);
  EXPECT_EQ(found.odd.left_out[0] + found.odd.left_out[1], 0U);
  x.values.erase(x.values.begin() + 30, x.values.begin() + 40);
  x.count = 199;
  y.values.resize(1590);
  y.count = 159;
  for (std::size_t i = 0; i < 5; ++i) {
    const double plain = test::plain_sliced(x, y, &directions[i * 10], 2);
    EXPECT_NEAR(found.powers[i], plain, 1e-12 * plain);
  }
}

TEST_F(Detect, SlicedDistancesAreThoseOfTheCpu) {
  for (const auto& [n, m, dims, count] :
       {std::tuple(1000, 700, 33, 70), std::tuple(5, 2000, 3, 9), std::tuple(64, 64, 1, 1)}) {
    const auto x = test::normal_rows(n, dims, 0.0, 1);
    const auto y = test::normal_rows(m, dims, 0.5, 2);
    const OnDevice<double> left(x);
    const OnDevice<double> right(y);
    const auto directions = test::normal(static_cast<std::size_t>(dims * count), 0.0, 9);
    for (const int p : {1, 2}) {
      const auto found =
          sliced_distances({left.tensor()}, {right.tensor()}, directions.data(), count, p, stream_);
      for (int i = 0; i < count; ++i) {
        const double plain =
            test::plain_sliced(x, y, &directions[static_cast<std::size_t>(i * dims)], p);
        EXPECT_NEAR(found.powers[static_cast<std::size_t>(i)], plain, 1e-12 * plain);
      }
    }
  }
}

TEST_F(Detect, RowMomentsAreThoseOfTheCpu) {
  for (const auto& [count, dims] : {std::pair(3000, 70), std::pair(5, 1), std::pair(700, 200)}) {
    auto rows = test::normal_rows(count, dims, 1000.0, 1);
    test::to_floats(rows.values);
    const OnDevice<float> on_device(rows);
    const RowMoments found = row_moments({on_device.tensor()}, true, stream_);
    const auto plain = test::plain_moments(rows);
    for (std::size_t d = 0; d < plain.mean.size(); ++d) {
      EXPECT_NEAR(found.mean[d], plain.mean[d], 1e-12 * 1000.0);
    }
    for (std::size_t i = 0; i < plain.scatter.size(); ++i) {
      EXPECT_NEAR(found.scatter[i], plain.scatter[i], 1e-10 * count);
    }
    double fourth = 0.0;
    for (std::int64_t i = 0; i < count; ++i) {
      double length = 0.0;
      for (std::int64_t d = 0; d < dims; ++d) {
        length += std::pow(rows.values[static_cast<std::size_t>(i * dims + d)] -
                               plain.mean[static_cast<std::size_t>(d)],
                           2.0);
      }
      fourth += length * length;
    }
    EXPECT_NEAR(found.fourth, fourth, 1e-10 * fourth);
  }
}

TEST_F(Detect, EmbeddingWindowsAddUp) {
  for (const bool full : {true, false}) {
    const EmbeddingShape shape{70, 90, full};
    const auto directions = test::normal(70 * 90, 0.0, 5);
    EmbeddingMonitor monitor(0, shape, directions.data());
    auto rows = test::normal_rows(2500, 70, 3.0, 1);
    rows.values[12] = NAN;
    const OnDevice<double> first(rows);
    rows.values.erase(rows.values.begin(), rows.values.begin() + 70);
    rows.count = 2499;
    const auto more = test::normal_rows(10, 70, -3.0, 2);
    const OnDevice<double> second(more);
    monitor.update(first.tensor(), stream_);
    monitor.turn();
    monitor.update(second.tensor(), stream_);
    monitor.collect();
    EXPECT_EQ(monitor.status().error, "");
    const auto found = monitor.take();
    EXPECT_EQ(found.head.count, 2509U);
    EXPECT_EQ(found.head.left_out, 1U);
    ASSERT_EQ(found.numbers.size(), static_cast<std::size_t>(shape.numbers()));
    const auto all = test::stacked(rows, more);
    const auto plain = test::plain_moments(all);
    for (std::size_t d = 0; d < 70; ++d) EXPECT_NEAR(found.numbers[d], plain.mean[d], 1e-12);
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape.scatter_size()); ++i) {
      EXPECT_NEAR(found.numbers[70 + i], plain.scatter[full ? i : i * 71], 1e-8);
    }
    for (std::size_t f = 0; f < 90; ++f) {
      double cosines = 0.0;
      double sines = 0.0;
      for (std::size_t i = 0; i < 2509; ++i) {
        double phase = 0.0;
        for (std::size_t d = 0; d < 70; ++d)
          phase += all.values[i * 70 + d] * directions[d * 90 + f];
        cosines += std::cos(phase);
        sines += std::sin(phase);
      }
      const std::size_t at = 70 + static_cast<std::size_t>(shape.scatter_size()) + f;
      EXPECT_NEAR(found.numbers[at], cosines / 2509.0, 1e-12);
      EXPECT_NEAR(found.numbers[at + 90], sines / 2509.0, 1e-12);
    }
  }
}

TEST_F(Detect, BadInputIsNamed) {
  const OnDevice<double> x(test::normal_rows(10, 3, 0.0, 1));
  const OnDevice<double> y(test::normal_rows(10, 4, 0.0, 1));
  EXPECT_THROW(compare_columns(x.tensor(), y.tensor(), stream_), InvalidArgument);
  EXPECT_THROW(row_moments({Tensor{}}, false, stream_), InvalidArgument);
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capturing");
  EXPECT_THROW(row_moments({x.tensor()}, false, stream_), InvalidArgument);
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_, &graph), "capturing");
  if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
}

}  // namespace
}  // namespace inlay::cuda

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device\n");
    return 77;
  }
  return RUN_ALL_TESTS();
}
