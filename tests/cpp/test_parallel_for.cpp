#include <gtest/gtest.h>

#include <atomic>
#include <inlay/parallel_for.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace inlay::detail {
namespace {

TEST(ParallelFor, CallsEachNumberOnce) {
  for (const std::size_t size : {0U, 1U, 2U, 3U, 100U}) {
    for (const std::size_t threads : {1U, 2U, 7U}) {
      std::vector<std::atomic<int>> calls(size);
      parallel_for(size, threads, [&](std::size_t i) { ++calls[i]; });
      for (const auto& count : calls) EXPECT_EQ(count, 1);
    }
  }
}

TEST(ParallelFor, ThrowsWhatTheLowestDidAfterAllWereCalled) {
  for (const std::size_t threads : {1U, 4U}) {
    std::atomic<int> calls{0};
    std::string said;
    try {
      parallel_for(50, threads, [&](std::size_t i) {
        ++calls;
        if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
      });
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "7");
    EXPECT_EQ(calls, 50);
  }
}

TEST(ParallelFor, WorksOnAsManyThreadsAsAsked) {
  // Each waits for the others, which one thread alone could not.
  constexpr std::size_t kThreads = 3;
  std::atomic<std::size_t> there{0};
  on_threads(kThreads, [&] {
    ++there;
    while (there < kThreads) std::this_thread::yield();
  });
  EXPECT_EQ(there, kThreads);
}

TEST(ParallelFor, AsksForTheCoresUnlessTold) {
  EXPECT_EQ(threads_for(5), 5U);
  EXPECT_GE(threads_for(0), 1U);
}

}  // namespace
}  // namespace inlay::detail
