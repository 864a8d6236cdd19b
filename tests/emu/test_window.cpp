// A window's turn, as Monitor enqueues it: turn, settle, extract; settle and extract again where a
// launch was still in the closed state.

#include "emulator.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "runtime/window.cuh"

namespace inlay::cuda {
namespace {

using emu::machine;
using emu::Order;

constexpr unsigned kCells = 40;

struct State {
  unsigned sums[kCells];
  unsigned launches;
};

// What a monitor's kernel does: all blocks add, the last one counts the launch.
void add(WindowControl* control, State* states, unsigned by,
         const std::function<void()>& between_blocks = {}) {
  const unsigned state = enter_window(control);
  for (unsigned i = threadIdx.x; i < kCells; i += blockDim.x) atomicAdd(&states[state].sums[i], by);
  if (threadIdx.x == 0 && between_blocks) between_blocks();
  if (is_last_block(control)) {
    if (threadIdx.x == 0) ++states[state].launches;
    leave_window(control, state);
  }
}

void extract(const WindowControl* control, unsigned closed, State* states, State* result) {
  if (!window_is_quiet(control, closed)) return;
  const unsigned words = sizeof(State) / sizeof(unsigned);
  auto* const from = reinterpret_cast<unsigned*>(&states[closed]);
  auto* const to = reinterpret_cast<unsigned*>(result);
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < words; i += gridDim.x * blockDim.x) {
    to[i] = from[i];
    from[i] = 0;
  }
}

class Window : public testing::TestWithParam<Order> {
 protected:
  void SetUp() override { machine().order = GetParam(); }
  void TearDown() override { machine().order = Order::kForward; }

  void update(unsigned blocks, unsigned by, const std::function<void()>& between_blocks = {}) {
    emu::launch(blocks, 48, 0, [&] { add(&control, states, by, between_blocks); });
  }
  void turn() {
    emu::launch(1, 1, 0, [&] { turn_window(&control); });
    active ^= 1U;
  }
  /// Whether the closed window came out.
  bool collect() {
    unsigned answer = 7;
    emu::launch(1, 1, 0, [&] { settle_window(&control, active ^ 1U, &answer); });
    emu::launch(3, 8, 0, [&] { extract(&control, active ^ 1U, states, &result); });
    EXPECT_LE(answer, 1U);
    return answer == 1;
  }

  WindowControl control{};
  State states[2] = {};
  State result{};
  unsigned active = 0;
};

TEST_P(Window, WhatWasCountedComesOutOnceAndTheStateIsCleared) {
  update(3, 1);
  update(2, 10);
  turn();
  update(4, 100);
  ASSERT_TRUE(collect());
  EXPECT_EQ(result.launches, 2U);
  for (const unsigned sum : result.sums) EXPECT_EQ(sum, 23U);
  for (const unsigned sum : states[0].sums) EXPECT_EQ(sum, 0U);
  turn();
  update(1, 5);
  ASSERT_TRUE(collect());
  EXPECT_EQ(result.launches, 1U);
  for (const unsigned sum : result.sums) EXPECT_EQ(sum, 400U);
}

TEST_P(Window, ALaunchInFlightKeepsTheClosedStateFromBeingRead) {
  unsigned block = 0;
  bool came = true;
  State before{};
  // The turn and a first attempt fall between the first block of a launch and its second. Kernels
  // cannot nest here, so the bodies run by themselves, as one thread would.
  update(3, 1, [&] {
    if (++block != 1) return;
    turn_window(&control);
    active ^= 1U;
    unsigned answer = 7;
    settle_window(&control, 0, &answer);
    came = answer != 0;
    EXPECT_FALSE(window_is_quiet(&control, 0));
    before = result;
  });
  EXPECT_FALSE(came);
  EXPECT_EQ(control.entered[0], 1U);
  EXPECT_EQ(control.entered[1], 0U);
  // All of the launch went where its first block went.
  ASSERT_TRUE(collect());
  EXPECT_EQ(result.launches, 1U);
  for (const unsigned sum : result.sums) EXPECT_EQ(sum, 3U);
}

TEST_P(Window, AnAttemptThatIsNotQuietTouchesNothing) {
  update(1, 1);
  turn();
  control.entered[0] += 1;  // a launch that registered and has not left
  EXPECT_FALSE(collect());
  EXPECT_EQ(result.launches, 0U);
  for (const unsigned sum : states[0].sums) EXPECT_EQ(sum, 1U);
  control.left[0] += 1;
  ASSERT_TRUE(collect());
  for (const unsigned sum : result.sums) EXPECT_EQ(sum, 1U);
}

TEST_P(Window, ATurnWithdrawsTheAnswerForTheWindowBefore) {
  turn();
  ASSERT_TRUE(collect());
  EXPECT_TRUE(window_is_quiet(&control, 0));
  turn();
  EXPECT_FALSE(window_is_quiet(&control, 0));
  EXPECT_FALSE(window_is_quiet(&control, 1));
}

TEST_P(Window, CountersMayPassTheirLargestValue) {
  for (const unsigned state : {0U, 1U}) control.entered[state] = control.left[state] = ~0U;
  update(2, 1);
  turn();
  ASSERT_TRUE(collect());
  EXPECT_EQ(control.entered[0], 0U);
  for (const unsigned sum : result.sums) EXPECT_EQ(sum, 2U);
}

TEST_P(Window, NothingIsLostOrCountedTwiceOverManyTurns) {
  std::mt19937 random(11);
  unsigned expected = 0;
  unsigned total = 0;
  unsigned launches = 0;
  unsigned total_launches = 0;
  const auto take = [&] {
    ASSERT_TRUE(collect());
    total += result.sums[0];
    total_launches += result.launches;
  };
  for (int i = 0; i < 200; ++i) {
    const unsigned blocks = 1 + random() % 5;
    const unsigned by = random() % 7;
    update(blocks, by);
    expected += blocks * by;
    ++launches;
    if (random() % 3 == 0) {
      turn();
      take();
    }
  }
  turn();
  take();
  EXPECT_EQ(total, expected);
  EXPECT_EQ(total_launches, launches);
}

INSTANTIATE_TEST_SUITE_P(Orders, Window,
                         testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

}  // namespace
}  // namespace inlay::cuda
