#include "emulator.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "runtime/element.cuh"
#include "runtime/window.cuh"

#include <inlay/half_float.hpp>

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

class Emulator : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }
};

void reverse_in_shared(const int* in, int* out) {
  INLAY_DYNAMIC_SHARED(memory);
  int* const tile = reinterpret_cast<int*>(memory);
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = in[at];
  __syncthreads();
  out[at] = tile[blockDim.x - 1 - threadIdx.x];
}

TEST_P(Emulator, BarriersOrderSharedMemory) {
  std::vector<int> in(300);
  std::vector<int> out(300);
  for (int i = 0; i < 300; ++i) in[static_cast<std::size_t>(i)] = i;
  emu::launch(3, 100, 100 * sizeof(int), [&] { reverse_in_shared(in.data(), out.data()); });
  for (std::size_t i = 0; i < 300; ++i)
    EXPECT_EQ(out[i], static_cast<int>(i / 100 * 100 + 99 - i % 100));
}

TEST_P(Emulator, ShufflesAndVotes) {
  std::vector<unsigned> sums(64);
  std::vector<unsigned> votes(64);
  emu::launch(1, 64, 0, [&] {
    unsigned sum = threadIdx.x;
    for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(kAllLanes, sum, by);
    sums[threadIdx.x] = sum;
    votes[threadIdx.x] = __ballot_sync(kAllLanes, static_cast<int>(threadIdx.x % 2));
  });
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_EQ(sums[i], i < 32 ? 496U : 496U + 32U * 32U);
    EXPECT_EQ(votes[i], 0xAAAAAAAAU);
  }
}

void count_in_window(WindowControl* control, unsigned* counts) {
  const unsigned state = enter_window(control);
  atomicAdd(&counts[state], 1U);
  if (is_last_block(control)) leave_window(control, state);
}

TEST_P(Emulator, ALaunchStaysWithItsWindow) {
  WindowControl control{};
  unsigned counts[2] = {};
  emu::launch(4, 32, 0, [&] { count_in_window(&control, counts); });
  control.active = 1;
  emu::launch(2, 32, 0, [&] { count_in_window(&control, counts); });
  EXPECT_EQ(counts[0], 128U);
  EXPECT_EQ(counts[1], 64U);
  for (const unsigned state : {0U, 1U}) {
    EXPECT_EQ(control.entered[state], 1U);
    EXPECT_EQ(control.left[state], 1U);
  }
  EXPECT_EQ(control.started, 0U);
}

INSTANTIATE_TEST_SUITE_P(Orders, Emulator,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

bool same(float value, double expected) {
  return value == expected || (std::isnan(value) && std::isnan(expected));
}

TEST(Element, EveryHalfAndEveryByteIsExact) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    ASSERT_TRUE(same(to_real(Half{half}), inlay::detail::from_half(half))) << bits;
  }
  for (unsigned bits = 0; bits < 256; ++bits) {
    const unsigned exponent = bits >> 3 & 15U;
    const unsigned mantissa = bits & 7U;
    double expected = exponent == 0
                          ? std::ldexp(mantissa / 8.0, -6)
                          : std::ldexp(1 + mantissa / 8.0, static_cast<int>(exponent) - 7);
    if ((bits & 0x7FU) == 0x7FU) expected = NAN;
    if ((bits & 0x80U) != 0) expected = -expected;
    ASSERT_TRUE(same(to_real(Float8E4M3{static_cast<std::uint8_t>(bits)}), expected)) << bits;
  }
}

}  // namespace
}  // namespace inlay::cuda
