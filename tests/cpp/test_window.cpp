#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "inlay/observer.hpp"
#include "points_view.hpp"

namespace inlay {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kWindow = 10 * kSecond;
constexpr int64_t kStart = 1'700'000'000 * kSecond + 3 * kSecond;  // 3 s into a window

struct Window : testing::Test {
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(kStart);
  Observer observer = make();

  Observer make() const {
    ObserverOptions options;
    options.clock = clock;
    options.window_us = kWindow;
    return Observer(options);
  }

  std::vector<std::shared_ptr<const NativeBatch>> taken() {
    std::vector<std::shared_ptr<const NativeBatch>> batches;
    for (;;) {
      const Next found = observer.next(0);
      if (found.what != Next::What::batch) return batches;
      batches.push_back(found.batch);
    }
  }
};

void expect_ordered(const std::vector<std::shared_ptr<const NativeBatch>>& batches) {
  for (size_t i = 0; i < batches.size(); ++i) {
    EXPECT_LT(batches[i]->start_time_us, batches[i]->time_us);
    if (i == 0) continue;
    EXPECT_EQ(batches[i]->start_time_us, batches[i - 1]->time_us);
    EXPECT_EQ(batches[i]->window_seq, batches[i - 1]->window_seq + 1);
  }
}

TEST_F(Window, turns_at_multiples_of_its_length) {
  observer.start();
  for (int i = 0; i < 30; ++i) clock->advance(kSecond);
  const auto batches = taken();
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0]->start_time_us, kStart);
  EXPECT_EQ(batches[0]->time_us, kStart + 7 * kSecond);
  EXPECT_EQ(batches[1]->time_us, kStart + 17 * kSecond);
  expect_ordered(batches);
}

TEST_F(Window, one_long_row_follows_a_stall) {
  observer.start();
  const auto counter = observer.counter("requests").bind();
  counter.add(int64_t{1});
  clock->advance(95 * kSecond);
  counter.add(int64_t{1});
  clock->advance(5 * kSecond);
  const auto batches = taken();
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0]->time_us - batches[0]->start_time_us, 95 * kSecond);
  expect_ordered(batches);
}

TEST_F(Window, stays_ordered_and_loses_nothing_when_the_clock_jumps) {
  observer.start();
  const auto counter = observer.counter("requests").bind();
  std::vector<std::shared_ptr<const NativeBatch>> all;
  int64_t added = 0;
  const int64_t jumps[] = {0, 3600, -7200, 86'400, -5, 0, 0, -86'400, 0, 1};
  for (const int64_t jump : jumps) {
    clock->jump(jump * kSecond);
    for (int i = 0; i < 12; ++i) {
      counter.add(int64_t{1});
      ++added;
      clock->advance(kSecond);
    }
    for (auto& batch : taken()) all.push_back(std::move(batch));
  }
  all.push_back(observer.stop());
  expect_ordered(all);
  double counted = 0;
  for (const auto& batch : all) {
    for (const auto& row : points_of(*batch, "requests")) counted += *row.value;
  }
  EXPECT_EQ(counted, static_cast<double>(added));
}

TEST_F(Window, after_a_step_back_it_comes_home_to_the_wall_clock) {
  observer.start();
  clock->jump(-60 * kSecond);
  for (int i = 0; i < 1000; ++i) clock->advance(kSecond);
  const auto batches = taken();
  EXPECT_EQ(batches.back()->time_us % kWindow, 0);
  EXPECT_LE(batches.back()->time_us, clock->now().wall_us);
  expect_ordered(batches);
}

TEST_F(Window, collecting_makes_a_short_window_and_keeps_the_grid) {
  observer.start();
  clock->advance(kSecond);
  const auto batch = observer.turn();
  EXPECT_EQ(batch->time_us, kStart + kSecond);
  clock->advance(6 * kSecond);
  const auto batches = taken();
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[1]->time_us, kStart + 7 * kSecond);
  expect_ordered(batches);
}

TEST_F(Window, two_cuts_at_one_instant_have_ends_of_their_own) {
  expect_ordered({observer.turn(), observer.turn(), observer.turn()});
}

TEST_F(Window, callbacks_run_before_the_cut) {
  observer.set_observing(true);
  observer.start();
  const auto gauge = observer.gauge("depth").bind();
  std::thread delivery([&] {
    for (int runs = 0; runs < 2;) {
      const Next found = observer.next(10 * kSecond);
      if (found.what != Next::What::observe) continue;
      gauge.set(++runs);
      observer.observed();
    }
  });
  clock->advance(kWindow);
  clock->advance(kWindow);
  delivery.join();
  const auto batches = taken();
  ASSERT_FALSE(batches.empty());
  EXPECT_EQ(points_of(*batches.back(), "depth").at(0).value, 2.0);
}

TEST_F(Window, callbacks_that_hang_delay_the_cut_by_the_time_out_alone) {
  ObserverOptions options;
  options.clock = clock;
  options.observe_timeout_us = 1000;
  Observer hasty(options);
  hasty.set_observing(true);
  hasty.start();
  clock->advance(kWindow);  // nobody answers
  EXPECT_EQ(hasty.next(0).what, Next::What::batch);
}

TEST(RealTimer, turns_by_itself) {
  ObserverOptions options;
  options.window_us = 50'000;
  Observer observer(options);
  observer.start();
  const Next first = observer.next(10 * kSecond);
  ASSERT_EQ(first.what, Next::What::batch);
  const Next second = observer.next(10 * kSecond);
  ASSERT_EQ(second.what, Next::What::batch);
  expect_ordered({first.batch, second.batch});
  observer.stop();
}

}  // namespace
}  // namespace inlay
