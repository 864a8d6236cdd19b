// Ticks of tasks at their times.

#include "inlay/infra/poller.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>

#include "inlay/error.hpp"
#include "inlay/infra/hand_over.hpp"
#include "points_view.hpp"

namespace {
std::atomic<std::int64_t> g_allocations{0};
}  // namespace

// Counts what any thread of this program allocates.
[[gnu::noinline]] void* operator new(std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace inlay::infra {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000;

struct PollerTest : testing::Test {
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(kStart);
  Poller poller{"tests", clock};
};

TEST_F(PollerTest, tasks_run_at_their_periods_from_the_start) {
  std::vector<std::int64_t> fast, slow;
  poller.add("fast", 100'000, [&](const Tick& tick) { fast.push_back(tick.time_us - kStart); });
  poller.add(
      "slow", 250'000, [&](const Tick& tick) { slow.push_back(tick.time_us - kStart); }, 50'000);
  poller.start();
  clock->advance(0);
  for (int i = 0; i < 12; ++i) clock->advance(50'000);
  poller.stop();
  EXPECT_EQ(fast,
            (std::vector<std::int64_t>{0, 100'000, 200'000, 300'000, 400'000, 500'000, 600'000}));
  EXPECT_EQ(slow, (std::vector<std::int64_t>{50'000, 300'000, 550'000}));
  EXPECT_EQ(poller.stats(0).ticks, 7u);
  EXPECT_EQ(poller.stats(0).missed, 0u);
}

TEST_F(PollerTest, what_was_missed_is_counted_and_not_made_up_for) {
  int ticks = 0;
  poller.add("task", 100'000, [&](const Tick&) { ++ticks; });
  poller.start();
  clock->advance(0);
  clock->advance(1'050'000);
  clock->advance(50'000);
  poller.stop();
  EXPECT_EQ(ticks, 3);
  EXPECT_EQ(poller.stats(0).missed, 9u);
}

TEST_F(PollerTest, a_slow_task_backs_off_and_comes_back) {
  Poller real("real");
  std::atomic<bool> busy{true};
  real.add("task", 2'000, [&](const Tick&) {
    if (busy) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  real.start();
  while (real.stats(0).period_now_us < 16'000) std::this_thread::yield();
  busy = false;
  while (real.stats(0).period_now_us > 2'000) std::this_thread::yield();
  real.stop();
  EXPECT_GE(real.stats(0).backoffs, 3u);
  std::vector<Event> events;
  real.take(events);
  ASSERT_GE(events.size(), 6u);
  EXPECT_EQ(events[0].name, "inlay.collector.backoff");
  EXPECT_NE(events[0].attrs.find(R"("period":"0.004")"), std::string::npos) << events[0].attrs;
}

TEST_F(PollerTest, a_task_that_throws_is_counted) {
  poller.add("task", 100'000, [](const Tick&) { throw std::runtime_error("no"); });
  poller.start();
  clock->advance(200'000);
  clock->advance(100'000);
  poller.stop();
  EXPECT_GE(poller.stats(0).failed, 2u);
}

TEST_F(PollerTest, bad_periods_and_late_tasks_are_refused) {
  EXPECT_THROW(poller.add("task", 10, [](const Tick&) {}), InvalidArgument);
  poller.start();
  EXPECT_THROW(poller.add("task", 10'000, [](const Tick&) {}), InvalidArgument);
  poller.stop();
  EXPECT_THROW(poller.stats(3), OutOfRange);
}

TEST_F(PollerTest, starts_and_stops_from_many_threads) {
  Poller real("real");
  real.add("task", 1'000, [](const Tick&) {});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&real, i] {
      for (int round = 0; round < 50; ++round) {
        if ((round + i) % 2 == 0) {
          real.start();
        } else {
          real.stop();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  real.stop();
  EXPECT_FALSE(real.running());
}

TEST_F(PollerTest, a_child_of_a_fork_has_no_thread_until_it_starts_one) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer lets no child of a fork start threads";
#endif
  Poller real("real");
  Readings readings;
  const auto id = readings.add({"host.test", "1"});
  std::atomic<int> ticks{0};
  real.add("task", 1'000, [&](const Tick& tick) {
    Readings::Writer(readings).gauge(id, 1, tick.time_us);
    ++ticks;
  });
  real.start();
  for (int round = 0; round < 20; ++round) {
    while (ticks < round) std::this_thread::yield();
    const pid_t child = fork();
    if (child == 0) {
      bool right = !real.running();
      ticks = 0;
      real.start();
      while (ticks < 2) usleep(100);
      real.stop();
      right = right && readings.size() == 1;
      _exit(right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(real.running());
}

TEST_F(PollerTest, ticks_allocate_nothing) {
  Poller real("real");
  Readings readings;
  IntervalLog log;
  const auto gauge = readings.add({"host.gauge", "1"});
  Series series{"host.counter", "1"};
  series.kind = ReadingKind::kCounter;
  const auto counter = readings.add(series);
  const auto track = log.add({"host.pressure", {}, "share"});
  std::atomic<std::uint64_t> ticks{0};
  real.add("task", 1'000, [&](const Tick& tick) {
    {
      Readings::Writer writer(readings);
      writer.gauge(gauge, 1, tick.time_us);
      writer.counter(counter, ticks, tick.time_us);
    }
    log.stalled(track, tick.time_us - 1000, tick.time_us, ticks % 3 == 0 ? 500 : 0);
    ++ticks;
  });
  real.start();
  while (ticks < 5) std::this_thread::yield();
  const std::int64_t before = g_allocations;
  const std::uint64_t first = ticks;
  while (ticks < first + 50) std::this_thread::yield();
  EXPECT_EQ(g_allocations, before);
  real.stop();
}

TEST_F(PollerTest, hand_over_gives_an_observer_rows_and_events) {
  ObserverOptions options;
  options.clock = clock;
  options.service_name = "tests";
  Observer observer(options);
  Readings readings;
  IntervalLog log;
  HandOver hand_over(observer.now_us());
  const auto id = readings.add({"host.test", "1"});
  const auto track = log.add({"host.pressure", {{"resource", "cpu"}}});
  Readings::Writer(readings).gauge(id, 4, kStart);
  log.extend(track, kStart, kStart + 5);
  clock->advance(1'000'000);
  EXPECT_EQ(hand_over(observer, readings, &log, &poller), 1);
  const auto batch = observer.turn();
  const auto rows = points_of(*batch, "host.test");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(*rows[0].value, 4.0);
  EXPECT_EQ(rows[0].start_time, kStart);
  EXPECT_EQ(rows[0].time, kStart + 1'000'000);
  EXPECT_EQ(batch->events.num_rows(), 1);
}

}  // namespace
}  // namespace inlay::infra
