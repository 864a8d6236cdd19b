// The poller of GPUs with the fake driver library: threads, forks, ends.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "inlay/error.hpp"
#include "inlay/infra/gpu.hpp"
#include "points_view.hpp"

namespace inlay::infra {
namespace {

struct GpuPollerTest : testing::Test {
  void* library = dlopen(INLAY_FAKE_NVML, RTLD_NOW | RTLD_LOCAL);

  void load(const char* text) const {
    ASSERT_NE(library, nullptr) << dlerror();
    const auto load_text =
        reinterpret_cast<int (*)(const char*)>(dlsym(library, "inlay_fake_nvml_load_text"));
    ASSERT_EQ(load_text(text), 0);
  }

  void advance(double seconds) const {
    reinterpret_cast<void (*)(double)>(dlsym(library, "inlay_fake_nvml_advance"))(seconds);
  }

  static GpuOptions options() {
    GpuOptions options;
    options.library = INLAY_FAKE_NVML;
    options.fast_us = 2'000;
    options.medium_us = 100'000;
    options.slow_us = 1'000'000;
    return options;
  }

  static std::uint64_t fast_ticks(const GpuPoller& poller) {
    for (const TaskStats& task : poller.stats()) {
      if (task.name == "fast") return task.ticks;
    }
    return 0;
  }

  static void wait_for_ticks(const GpuPoller& poller, std::uint64_t more) {
    const std::uint64_t before = fast_ticks(poller);
    while (fast_ticks(poller) < before + more) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
};

TEST_F(GpuPollerTest, rows_arrive_while_many_threads_take_and_look) {
  load("gpus 4\ngpu 1 at 0s throttle hw_thermal for 10ms every 20ms");
  GpuPoller poller(options());
  Observer observer;
  poller.attach(observer);
  poller.start();
  EXPECT_EQ(poller.discovery(10'000'000).status, "ok");
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        poller.stats();
        poller.discovery(0);
        poller.losses();
        observer.peek();
        poller.next_event(100);
      }
    });
  }
  double joules = 0;
  for (int round = 0; round < 20; ++round) {
    wait_for_ticks(poller, 5);
    poller.observe(observer);
    for (const auto& row : points_of(*observer.turn(), "gpu.energy")) joules += *row.value;
  }
  done = true;
  for (auto& thread : threads) thread.join();
  poller.stop();
  EXPECT_GT(joules, 0);
}

TEST_F(GpuPollerTest, events_are_in_the_window_before_anybody_asks) {
  load("gpus 2\nclock manual\ngpu 1 at 1s xid 79");
  GpuPoller poller(options());
  Observer observer;
  poller.attach(observer);
  poller.start();
  ASSERT_EQ(poller.discovery(10'000'000).status, "ok");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  advance(2);
  std::optional<Event> event;
  while (!event || event->name != "gpu.xid") event = poller.next_event(10'000'000);
  EXPECT_NE(event->attrs.find(R"("xid":"79")"), std::string::npos);
  const Table events = observer.peek()->events;
  EXPECT_EQ(events.num_rows(), 3);  // what the GPUs are, and the Xid
}

TEST_F(GpuPollerTest, forks_find_no_lock_taken) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer lets no child of a fork start threads";
#endif
  load("gpus 4");
  GpuPoller poller(options());  // made before the observer: handlers of forks come in any order
  Observer observer;
  poller.attach(observer);
  poller.start();
  ASSERT_EQ(poller.discovery(10'000'000).status, "ok");
  for (int round = 0; round < 10; ++round) {
    wait_for_ticks(poller, 1);
    const pid_t child = fork();
    if (child == 0) {
      const bool quiet = !poller.running();
      poller.start();
      wait_for_ticks(poller, 3);
      poller.observe(observer);
      const bool read = observer.turn()->points.num_rows() > 0;
      poller.stop();
      _exit(quiet && read ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST_F(GpuPollerTest, an_observer_that_is_gone_is_passed_over) {
  load("gpus 1\nclock manual\ngpu 0 at 1s xid 13");
  GpuPoller poller(options());
  {
    poller.attach(Observer());
  }
  poller.start();
  ASSERT_EQ(poller.discovery(10'000'000).status, "ok");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  advance(2);
  EXPECT_TRUE(poller.next_event(10'000'000));
}

TEST_F(GpuPollerTest, starts_and_stops_at_any_time) {
  load("gpus 2");
  for (int round = 0; round < 10; ++round) {
    GpuPoller poller(options());
    poller.start();
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    poller.stop();
    poller.start();
  }
}

TEST_F(GpuPollerTest, options_out_of_range_are_refused) {
  for (const auto& change : std::vector<void (*)(GpuOptions&)>{
           [](GpuOptions& options) { options.fast_us = 999; },
           [](GpuOptions& options) { options.medium_us = 1'000; },
           [](GpuOptions& options) { options.slow_us = 4'000'000'000; },
           [](GpuOptions& options) { options.devices = {"first"}; }}) {
    GpuOptions options;
    change(options);
    EXPECT_THROW(GpuPoller{options}, InvalidArgument);
  }
}

}  // namespace
}  // namespace inlay::infra
