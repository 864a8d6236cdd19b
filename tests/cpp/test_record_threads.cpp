#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "inlay/observer.hpp"
#include "points_view.hpp"

namespace inlay {
namespace {

struct Totals {
  double counter = 0;
  int64_t histogram = 0;
  int64_t buckets = 0;

  void add(const NativeBatch& batch) {
    for (const auto& row : points_of(batch, "requests")) counter += *row.value;
    for (const auto& row : points_of(batch, "latency")) {
      histogram += *row.count;
      buckets += row.bucket_total;
      EXPECT_EQ(*row.count, row.bucket_total);  // every cut is consistent
    }
  }
};

TEST(Threads, nothing_is_lost_while_the_window_turns) {
  constexpr int kThreads = 4;
  constexpr int kRecords = 200'000;
  Observer observer;
  const auto counter = observer.counter("requests").bind();
  const auto histogram = observer.histogram("latency").bind();
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const float array[3] = {1.0f, 2.0f, 3.0f};
      for (int i = 0; i < kRecords; ++i) {
        counter.add(int64_t{1});
        histogram.record(t + 1.0);
        if (i % 100 == 0) histogram.record_many(array, 3);
      }
      --running;
    });
  }
  Totals totals;
  while (running > 0) {
    observer.peek();
    totals.add(*observer.turn());
  }
  for (auto& thread : threads) thread.join();
  totals.add(*observer.turn());
  EXPECT_EQ(totals.counter, 1.0 * kThreads * kRecords);
  EXPECT_EQ(totals.histogram, int64_t{kThreads} * kRecords / 100 * 103);
  EXPECT_EQ(totals.buckets, totals.histogram);
}

TEST(Threads, shards_of_ended_threads_are_used_again) {
  Observer observer;
  const auto histogram = observer.histogram("latency").bind();
  for (int i = 0; i < 500; ++i) std::thread([&] { histogram.record(1.0); }).join();
  const auto row = points_of(*observer.turn(), "latency").at(0);
  EXPECT_EQ(row.count, 500);
  EXPECT_EQ(observer.stats().folds, 2);  // one shard: its full log, and the tail
}

TEST(Threads, many_come_and_go_while_the_window_turns) {
  Observer observer;
  const auto counter = observer.counter("requests").bind();
  const auto histogram = observer.histogram("latency").bind();
  Totals totals;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) {
          counter.add(1.0);
          histogram.record(2.0);
        }
      });
    }
    totals.add(*observer.turn());
    for (auto& thread : threads) thread.join();
  }
  totals.add(*observer.turn());
  EXPECT_EQ(totals.counter, 20.0 * 8 * 300);
  EXPECT_EQ(totals.histogram, 20 * 8 * 300);
}

TEST(Threads, observers_end_while_threads_that_recorded_live_on) {
  std::atomic<bool> stop{false};
  std::atomic<Observer*> current{nullptr};
  std::atomic<int> seen{0};
  std::thread recorder([&] {
    while (!stop) {
      if (Observer* const observer = current.exchange(nullptr)) {
        observer->counter("requests").bind().add(int64_t{1});
        ++seen;
      }
    }
  });
  for (int i = 0; i < 50; ++i) {
    Observer observer;
    current = &observer;
    while (seen <= i) std::this_thread::yield();
    EXPECT_EQ(points_of(*observer.turn(), "requests").at(0).value, 1.0);
  }
  stop = true;
  recorder.join();
}

struct RecordsWhenDestroyed {
  const BoundCounter* counter = nullptr;
  const BoundHistogram* histogram = nullptr;
  ~RecordsWhenDestroyed() {
    if (counter == nullptr) return;
    counter->add(int64_t{1});
    histogram->record(1.0);
  }
};

TEST(Threads, records_of_destructors_that_run_last_are_kept) {
  Observer observer;
  const auto counter = observer.counter("requests").bind();
  const auto histogram = observer.histogram("latency").bind();
  std::thread([&] {
    // Made before the thread's first record, so destroyed after its shard was given back.
    static thread_local RecordsWhenDestroyed last;
    last = {&counter, &histogram};
    counter.add(int64_t{1});
    histogram.record(1.0);
    last.counter = &counter;
  }).join();
  Totals totals;
  totals.add(*observer.turn());
  EXPECT_GE(totals.counter, 2.0);
  EXPECT_EQ(totals.counter, static_cast<double>(totals.histogram));
}

// The thread sanitizer does not follow a fork out of a process with threads.
#if !defined(__SANITIZE_THREAD__)

int in_child(const auto& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Fork, the_child_starts_empty_under_a_new_origin) {
  Observer observer;
  const auto counter = observer.counter("requests").bind();
  const auto gauge = observer.gauge("depth").bind();
  const auto histogram = observer.histogram("latency").bind();
  counter.add(int64_t{5});
  gauge.set(5);
  histogram.record(5);
  const int64_t origin = observer.origin();
  EXPECT_EQ(in_child([&] {
              if (observer.origin() == origin) return 1;
              if (!points_of(*observer.turn(), "requests").empty()) return 2;
              counter.add(int64_t{2});
              histogram.record(1.0);
              const auto batch = observer.turn();
              if (points_of(*batch, "requests").at(0).value != 2.0) return 3;
              if (points_of(*batch, "latency").at(0).count != 1) return 4;
              if (!points_of(*batch, "depth").empty()) return 5;
              return 0;
            }),
            0);
  const auto batch = observer.turn();
  EXPECT_EQ(points_of(*batch, "requests").at(0).value, 5.0);
  EXPECT_EQ(points_of(*batch, "latency").at(0).count, 1);
}

TEST(Fork, the_timer_starts_again_at_the_childs_first_record) {
  ObserverOptions options;
  options.window_us = 20'000;
  Observer observer(options);
  observer.start();
  const auto counter = observer.counter("requests").bind();
  counter.add(int64_t{1});
  EXPECT_EQ(in_child([&] {
              if (observer.started()) return 1;
              counter.add(int64_t{1});
              if (!observer.started()) return 2;
              if ((observer.attention() & kRestarted) == 0) return 3;
              const Next found = observer.next(10'000'000);
              if (found.what != Next::What::batch) return 4;
              observer.stop();
              return 0;
            }),
            0);
  observer.stop();
}

// The address sanitizer of GCC 12 does not hold its allocator's locks across a fork: a child of a
// process whose other threads allocate may wait for one forever.
#if !defined(__SANITIZE_ADDRESS__)

TEST(Fork, works_while_other_threads_record_and_windows_turn) {
  ObserverOptions options;
  options.window_us = 1000;
  Observer observer(options);
  observer.start();
  const auto counter = observer.counter("requests").bind();
  const auto histogram = observer.histogram("latency", {"", "", {"k"}});
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; !stop; ++i) {
        counter.add(int64_t{1});
        histogram.bind({std::to_string(i % 50)}).record(1.0);
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(in_child([&] {
                counter.add(int64_t{3});
                histogram.bind({"child"}).record(1.0);
                observer.stop();
                return 0;
              }),
              0);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  observer.stop();
}

#endif

#endif

}  // namespace
}  // namespace inlay
