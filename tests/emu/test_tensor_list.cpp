#include "emulator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "../cuda/column_cases.hpp"
#include "summary/tensor_list_plan.hpp"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

class EmulatedTensorList : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

/// Runs the list through the kernel `updates` times and compares with sums of doubles.
void check_list(const std::vector<cases::Batch>& batches, unsigned blocks, int updates = 1) {
  std::vector<std::vector<Bytes16>> memory;
  auto args = std::make_unique<TensorListArgs>();
  for (const cases::Batch& batch : batches) {
    Tensor tensor = batch.tensor;
    memory.emplace_back(batch.memory.size() / 16 + 1);
    std::copy(batch.memory.begin(), batch.memory.end(),
              reinterpret_cast<unsigned char*>(memory.back().data()));
    tensor.data = reinterpret_cast<const unsigned char*>(memory.back().data()) +
                  static_cast<std::size_t>(batch.offset) * size_of(tensor.element);
    ASSERT_TRUE(append_tensor(*args, tensor));
  }
  std::vector<TensorRecord> states[2];
  for (auto& state : states) state.resize(batches.size());
  std::vector<TensorRecord> slots(blocks + batches.size());
  WindowControl control{};
  control.active = 1;
  args->control = &control;
  for (int i = 0; i < 2; ++i) args->states[i] = states[i].data();
  args->slots = slots.data();
  if (args->chunks != 0) {
    for (int i = 0; i < updates; ++i) {
      emu::launch(std::min(blocks, args->chunks), kListThreads, 0,
                  [&] { count_tensor_list(*args); });
    }
  }
  for (std::size_t i = 0; i < batches.size(); ++i) {
    SCOPED_TRACE("tensor " + std::to_string(i));
    cases::Case c;
    c.batches.assign(static_cast<std::size_t>(updates), batches[i]);
    const std::vector<double> values = cases::values_of(c)[0];
    TensorRecord expected{};
    long double squares = 0;
    for (const double v : values) {
      if (std::isnan(v)) {
        ++expected.nan;
      } else if (std::isinf(v)) {
        ++(v > 0 ? expected.pos_inf : expected.neg_inf);
      } else {
        ++expected.count;
        expected.zero += v == 0;
        expected.largest = std::max(expected.largest, std::fabs(v));
        squares += static_cast<long double>(v) * v;
      }
    }
    const TensorRecord& found = states[1][i];
    EXPECT_EQ(found.count, expected.count);
    EXPECT_EQ(found.nan, expected.nan);
    EXPECT_EQ(found.pos_inf, expected.pos_inf);
    EXPECT_EQ(found.neg_inf, expected.neg_inf);
    EXPECT_EQ(found.zero, expected.zero);
    EXPECT_EQ(found.largest, expected.largest);
    EXPECT_NEAR(found.squares, static_cast<double>(squares), 1e-6 * static_cast<double>(squares));
    EXPECT_EQ(states[0][i].count, 0U);  // the closed window's
  }
}

cases::Batch values_batch(Element element, std::int64_t size,
                          const std::function<double(std::int64_t)>& value,
                          std::int64_t offset = 0) {
  return cases::make_batch(element, size + offset, offset, {size}, {1}, value);
}

TEST_P(EmulatedTensorList, EqualsSumsOfDoubles) {
  std::mt19937_64 random(3);
  std::vector<cases::Batch> batches;
  for (const Element element : cases::kAllElements) {
    for (const std::int64_t size : {0, 1, 3, 17, 300, 5000}) {
      batches.push_back(values_batch(
          element, size,
          [&](std::int64_t) {
            const double v = cases::spread(random) * 5;
            const auto kind = random() % 40;
            return kind == 0   ? NAN
                   : kind == 1 ? HUGE_VAL
                   : kind == 2 ? -HUGE_VAL
                   : kind < 6  ? 0.0
                               : v;
          },
          size % 5));
    }
  }
  for (const unsigned blocks : {1U, 7U, 64U}) check_list(batches, blocks);
}

TEST_P(EmulatedTensorList, LongTensorsAreSharedByBlocks) {
  std::vector<cases::Batch> batches;
  const auto value = [](std::int64_t i) { return std::sin(static_cast<double>(i)); };
  batches.push_back(values_batch(Element::kF32, 5, value));
  batches.push_back(values_batch(Element::kF32, 3 * kListChunk + 77, value, 1));
  batches.push_back(values_batch(Element::kBF16, 2 * kListChunk, value));
  batches.push_back(values_batch(Element::kF32, 0, value));
  batches.push_back(values_batch(Element::kF64, kListChunk + 1, value));
  for (const unsigned blocks : {1U, 3U, 100U}) check_list(batches, blocks, 2);
}

TEST_P(EmulatedTensorList, SquaresBeyondFloats) {
  std::mt19937_64 random(4);
  std::vector<cases::Batch> batches;
  for (const double scale : {1e-40, 1e-30, 1e-20, 1e20, 1e37}) {
    batches.push_back(values_batch(Element::kF32, 1000,
                                   [&](std::int64_t) { return cases::spread(random) * scale; }));
  }
  batches.push_back(
      values_batch(Element::kF32, 1000, [](std::int64_t i) { return i == 500 ? 1e30 : 1e-30; }));
  batches.push_back(values_batch(Element::kF64, 1000,
                                 [&](std::int64_t) { return cases::spread(random) * 1e100; }));
  check_list(batches, 4);
}

TEST_P(EmulatedTensorList, DenseTensorsOfAnyOrder) {
  const auto value = [](std::int64_t i) { return static_cast<double>(i % 17) - 8; };
  std::vector<cases::Batch> batches;
  batches.push_back(cases::make_batch(Element::kF32, 600, 0, {20, 30}, {1, 20}, value));
  batches.push_back(cases::make_batch(Element::kF32, 600, 599, {600}, {-1}, value));
  batches.push_back(cases::make_batch(Element::kF32, 1, 0, {}, {}, value));
  check_list(batches, 2);
  auto args = std::make_unique<TensorListArgs>();
  Tensor gaps = batches[0].tensor;
  gaps.strides[1] = 21;
  EXPECT_FALSE(append_tensor(*args, gaps));
}

INSTANTIATE_TEST_SUITE_P(Orders, EmulatedTensorList,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

}  // namespace
}  // namespace inlay::cuda
