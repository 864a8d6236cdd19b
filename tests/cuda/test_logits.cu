// The kernel against the CPU on a device: every case, every element type, several launch shapes.

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../cpp/logits_cases.hpp"
#include "model/logits_monitor.hpp"
#include "model/logits_state.hpp"

namespace inlay::cuda {
namespace {

using inlay::testing::LogitsCase;
using inlay::testing::row_of_results;

template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values, std::size_t shift = 0) : shift_(shift) {
    check(cudaMalloc(&data_, (values.size() + shift + 1) * sizeof(T)), "allocating");
    check(cudaMemcpy(get(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
          "copying");
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaFree(data_); }
  T* get() const { return static_cast<T*>(data_) + shift_; }
  std::vector<T> values(std::size_t size) const {
    std::vector<T> out(size);
    check(cudaMemcpy(out.data(), get(), size * sizeof(T), cudaMemcpyDeviceToHost), "copying");
    return out;
  }

 private:
  void* data_ = nullptr;
  std::size_t shift_;
};

Tensor tensor_of(const void* data, Element element, std::size_t rows, std::size_t columns,
                 std::size_t step = 1) {
  Tensor out;
  out.data = data;
  out.element = element;
  out.dims = 2;
  out.shape[0] = static_cast<std::int64_t>(rows);
  out.shape[1] = static_cast<std::int64_t>(columns);
  out.strides[0] = static_cast<std::int64_t>(columns * step);
  out.strides[1] = static_cast<std::int64_t>(step);
  return out;
}

// Reads a case twice, in two windows, and compares rows with the reference, counts with the CPU.
template <class T>
void check_case(const LogitsCase& c, Element element, const std::vector<T>& entries,
                std::size_t shift, std::size_t step, unsigned parts, int scale) {
  SCOPED_TRACE(c.name + ", element " + std::to_string(static_cast<int>(element)) + ", parts " +
               std::to_string(parts) + ", step " + std::to_string(step));
  std::vector<T> spread(entries.size() * step + 1);
  for (std::size_t i = 0; i < entries.size(); ++i) spread[i * step] = entries[i];
  const OnDevice<T> data(spread, shift);
  const OnDevice<std::int64_t> chosen(c.chosen.empty() ? std::vector<std::int64_t>(1) : c.chosen);
  const OnDevice<std::uint8_t> mask(c.mask.empty() ? std::vector<std::uint8_t>(1) : c.mask);
  const OnDevice<float> out(std::vector<float>(c.rows * kLogitsOut, -1.0F));

  const Tensor chosen_tensor = [&] {
    Tensor t = tensor_of(chosen.get(), Element::kI64, 1, c.rows);
    t.dims = 1;
    t.shape[0] = static_cast<std::int64_t>(c.rows);
    t.strides[0] = 1;
    return t;
  }();
  const Tensor mask_tensor = tensor_of(mask.get(), Element::kBool, c.rows, c.columns);
  const Tensor out_tensor = tensor_of(out.get(), Element::kF32, c.rows, kLogitsOut);
  LogitsInput input;
  input.logits = tensor_of(data.get(), element, c.rows, c.columns, step);
  input.chosen = c.chosen.empty() ? nullptr : &chosen_tensor;
  input.mask = c.mask.empty() ? nullptr : &mask_tensor;
  input.out = &out_tensor;

  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  LogitsMonitor monitor(0, scale);
  monitor.update(input, stream, parts);
  ASSERT_TRUE(monitor.turn());
  monitor.update(input, stream, parts);
  monitor.collect();
  ASSERT_EQ(monitor.status().error, "");
  ASSERT_EQ(monitor.status().skipped, 0U);
  check(cudaStreamSynchronize(stream), "reading logits");
  check(cudaStreamDestroy(stream), "ending a stream");

  const std::vector<float> results = out.values(c.rows * kLogitsOut);
  Logits expected(scale);
  std::vector<LogitsRow> rows;
  for (std::size_t i = 0; i < c.rows; ++i) {
    const LogitsRow reference = inlay::testing::reference_row(c, i);
    rows.push_back(row_of_results(results.data() + i * kLogitsOut, reference));
    ASSERT_EQ(inlay::testing::difference(rows.back(), reference), "") << "row " << i;
  }
  for (int twice = 0; twice < 2; ++twice) expected.add(rows.data(), rows.size(), c.columns);
  const Logits found = monitor.arrived_logits();
  EXPECT_EQ(found.rows(), expected.rows());
  EXPECT_EQ(found.masked_rows(), expected.masked_rows());
  EXPECT_EQ(found.nonfinite_rows(), expected.nonfinite_rows());
  EXPECT_EQ(found.entries(), expected.entries());
  EXPECT_EQ(found.masked_count(), expected.masked_count());
  EXPECT_EQ(found.nonfinite_count(), expected.nonfinite_count());
  EXPECT_EQ(found.chosen_rows(), expected.chosen_rows());
  EXPECT_EQ(found.out_of_range_rows(), expected.out_of_range_rows());
  for (std::size_t s = 0; s < Logits::kStatistics; ++s) {
    EXPECT_EQ(found.histogram(s), expected.histogram(s)) << "statistic " << s;
    EXPECT_EQ(found.moments(s).count(), expected.moments(s).count()) << "statistic " << s;
    EXPECT_EQ(found.moments(s).min(), expected.moments(s).min()) << "statistic " << s;
    EXPECT_EQ(found.moments(s).max(), expected.moments(s).max()) << "statistic " << s;
    if (expected.moments(s).count() == 0) continue;
    const double mean = *expected.moments(s).mean();
    EXPECT_NEAR(*found.moments(s).mean(), mean, 1e-12 * std::fabs(mean)) << "statistic " << s;
    const double m2 = *expected.moments(s).m2();
    EXPECT_NEAR(*found.moments(s).m2(), m2, 1e-9 * m2 + 1e-24) << "statistic " << s;
  }
}

std::vector<LogitsCase> all_cases() {
  std::vector<LogitsCase> out = inlay::testing::logits_cases();
  std::mt19937 random(11);
  std::normal_distribution<float> draw(0, 2.5F);
  for (const auto& [rows, columns] : {std::pair{3, 128256}, {64, 32000}, {700, 513}, {1, 262144}}) {
    LogitsCase c;
    c.name = "model " + std::to_string(rows) + "x" + std::to_string(columns);
    c.rows = static_cast<std::size_t>(rows);
    c.columns = static_cast<std::size_t>(columns);
    for (std::size_t i = 0; i < c.rows * c.columns; ++i) c.entries.push_back(draw(random));
    for (std::size_t i = 0; i < c.rows; ++i) {
      c.chosen.push_back(static_cast<std::int64_t>(random() % c.columns));
    }
    out.push_back(std::move(c));
  }
  return out;
}

TEST(DeviceLogits, FloatsAgreeWithTheCpu) {
  for (const LogitsCase& c : all_cases()) {
    if (c.rows == 0) continue;
    for (const unsigned parts : {0U, 1U, 3U, 8U}) {
      check_case(c, Element::kF32, c.entries, 0, 1, parts, 5);
    }
  }
}

TEST(DeviceLogits, MisplacedAndSpreadFloatsAgreeWithTheCpu) {
  for (const LogitsCase& c : inlay::testing::logits_cases()) {
    if (c.rows == 0) continue;
    for (const std::size_t shift : {1, 2, 3}) {
      check_case(c, Element::kF32, c.entries, shift, 1, 0, 8);
    }
    check_case(c, Element::kF32, c.entries, 0, 3, 0, -3);
  }
}

TEST(DeviceLogits, NarrowFloatsAndDoublesAgreeWithTheCpu) {
  for (const LogitsCase& given : all_cases()) {
    if (given.rows == 0) continue;
    const LogitsCase c = inlay::testing::as_brain_floats(given);
    std::vector<std::uint16_t> narrow;
    for (const float x : c.entries) narrow.push_back(inlay::testing::brain_bits(x));
    for (const unsigned parts : {0U, 4U, 1U}) {
      check_case(c, Element::kBF16, narrow, 0, 1, parts, 5);
    }
    check_case(c, Element::kBF16, narrow, 5, 1, 0, 5);
    const std::vector<double> wide(c.entries.begin(), c.entries.end());
    check_case(c, Element::kF64, wide, 1, 1, 0, 5);
  }
}

TEST(DeviceLogits, HalvesAgreeWithTheCpu) {
  LogitsCase c;
  c.name = "halves";
  c.rows = 4;
  c.columns = 5000;
  std::vector<std::uint16_t> halves;
  std::mt19937 random(3);
  for (std::size_t i = 0; i < c.rows * c.columns; ++i) {
    const auto bits = static_cast<std::uint16_t>(random());
    const unsigned exponent = bits >> 10 & 31U;
    // Of any size, but no NaN, and infinite only where masked.
    const bool special = exponent == 31;
    halves.push_back(special ? std::uint16_t{0xFC00} : bits);
    const float mantissa = static_cast<float>(bits & 1023U) / 1024.0F;
    const float size = exponent == 0 ? std::ldexp(mantissa, -14)
                                     : std::ldexp(1.0F + mantissa, static_cast<int>(exponent) - 15);
    c.entries.push_back(special ? -INFINITY : (bits >> 15) != 0 ? -size : size);
  }
  c.chosen = {0, 1, 2, 4999};
  check_case(c, Element::kF16, halves, 0, 1, 2, 5);
  check_case(c, Element::kF16, halves, 3, 1, 0, 5);
}

TEST(DeviceLogits, CapturedGraphsFollowTheWindow) {
  const LogitsCase c = [] {
    for (LogitsCase& each : inlay::testing::logits_cases()) {
      if (each.name.rfind("chosen", 0) == 0) return each;
    }
    return LogitsCase();
  }();
  const OnDevice<float> data(c.entries);
  LogitsInput input;
  input.logits = tensor_of(data.get(), Element::kF32, c.rows, c.columns);
  LogitsMonitor monitor(0, 5);
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "capturing");
  monitor.update(input, stream);
  check(cudaStreamEndCapture(stream, &graph), "capturing");
  check(cudaGraphInstantiate(&executable, graph, 0), "instantiating");
  for (int i = 0; i < 5; ++i) {
    check(cudaGraphLaunch(executable, stream), "replaying");
    if (i == 2) EXPECT_TRUE(monitor.turn());
  }
  monitor.collect();
  EXPECT_EQ(monitor.arrived_logits().rows(), 5 * c.rows);
  check(cudaGraphExecDestroy(executable), "destroying");
  check(cudaGraphDestroy(graph), "destroying");
  check(cudaStreamDestroy(stream), "ending a stream");
}

TEST(DeviceLogits, RefusesWhatDoesNotGoTogether) {
  LogitsMonitor monitor(0, 5);
  LogitsInput input;
  input.logits = tensor_of(nullptr, Element::kI32, 2, 3);
  EXPECT_THROW(monitor.update(input, nullptr), InvalidArgument);
  input.logits = tensor_of(nullptr, Element::kF32, 0, 3);
  monitor.update(input, nullptr);  // nothing to read
  Tensor chosen = tensor_of(nullptr, Element::kI64, 1, 1);
  input.chosen = &chosen;
  EXPECT_THROW(monitor.update(input, nullptr), InvalidArgument);
}

}  // namespace
}  // namespace inlay::cuda

int main(int argc, char** argv) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("skipped: no CUDA device");
    return 77;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
