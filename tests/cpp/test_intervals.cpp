// Stretches of time, from ticks.

#include "inlay/infra/intervals.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace inlay::infra {
namespace {

struct IntervalsTest : testing::Test {
  IntervalLog log{8};
  std::uint32_t track =
      log.add({"gpu.throttle", {{"gpu", "GPU-1"}, {"cause", "hw_thermal"}}, "seconds", 1e-6});

  std::vector<Event> take() {
    std::vector<Event> events;
    log.take(events);
    return events;
  }
};

TEST_F(IntervalsTest, ticks_that_follow_one_another_are_one) {
  log.extend(track, 0, 100, 1e6);
  log.extend(track, 100, 200, 2e6);
  log.quiet(track);
  log.quiet(track);
  log.extend(track, 300, 400, 0);
  log.quiet(track);
  const auto events = take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].name, "gpu.throttle");
  EXPECT_EQ(events[0].layer, "infra");
  EXPECT_EQ(events[0].severity, kWarning);
  EXPECT_EQ(events[0].time_us, 0);
  EXPECT_EQ(events[0].end_time_us, 200);
  EXPECT_EQ(events[0].attrs, R"({"cause":"hw_thermal","gpu":"GPU-1","seconds":"3"})");
  EXPECT_EQ(events[1].time_us, 300);
  EXPECT_TRUE(take().empty());
}

TEST_F(IntervalsTest, open_ones_are_told_in_parts) {
  log.extend(track, 0, 100, 1e6);
  auto events = take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_NE(events[0].attrs.find(R"("open":"true")"), std::string::npos);
  EXPECT_TRUE(take().empty());  // no tick since
  log.extend(track, 100, 250, 1e6);
  log.quiet(track);
  events = take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].time_us, 100);
  EXPECT_EQ(events[0].end_time_us, 250);
  EXPECT_EQ(events[0].attrs.find("open"), std::string::npos);
}

TEST_F(IntervalsTest, stalls_have_bounds_within_a_tick) {
  constexpr std::int64_t kTick = 100'000;
  // From 150 ms to 320 ms, seen at each tenth of a second.
  log.stalled(track, 0, kTick, 0);
  log.stalled(track, kTick, 2 * kTick, 50'000);
  log.stalled(track, 2 * kTick, 3 * kTick, 99'500);
  log.stalled(track, 3 * kTick, 4 * kTick, 20'000);
  log.stalled(track, 4 * kTick, 5 * kTick, 0);
  // 30 ms somewhere inside one tick.
  log.stalled(track, 5 * kTick, 6 * kTick, 30'000);
  log.stalled(track, 6 * kTick, 7 * kTick, 0);
  const auto events = take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].time_us, 150'000);
  EXPECT_EQ(events[0].end_time_us, 320'000);
  EXPECT_NE(events[0].attrs.find(R"("seconds":"0.1695")"), std::string::npos) << events[0].attrs;
  EXPECT_EQ(*events[1].end_time_us - *events[1].time_us, 30'000);
}

TEST_F(IntervalsTest, the_oldest_makes_room) {
  for (int i = 0; i < 20; ++i) {
    log.extend(track, i * 10, i * 10 + 5);
    log.quiet(track);
  }
  const auto events = take();
  ASSERT_EQ(events.size(), 8u);
  EXPECT_EQ(events[0].time_us, 120);
  EXPECT_EQ(log.dropped(), 12u);
}

TEST_F(IntervalsTest, numbers_of_no_track_are_passed_over) {
  log.extend(9, 0, 1);
  log.stalled(9, 0, 1, 1);
  log.quiet(9);
  log.extend(track, 5, 1);
  EXPECT_TRUE(take().empty());
}

TEST_F(IntervalsTest, a_child_of_a_fork_begins_with_none) {
  log.extend(track, 0, 1);
  const pid_t child = fork();
  if (child == 0) _exit(take().empty() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(take().size(), 1u);
}

}  // namespace
}  // namespace inlay::infra
