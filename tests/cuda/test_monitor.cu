// Windows on a device: streams, captured graphs, turns while kernels run.

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "count_monitor.hpp"

namespace inlay::cuda {
namespace {

/// Keeps a stream busy, so that what follows on it is still to come.
__global__ void spin_kernel(long long cycles) {
  const long long start = clock64();
  while (clock64() - start < cycles) {
  }
}

constexpr long long kTenMilliseconds = 20'000'000;

class MonitorOnDevice : public testing::Test {
 protected:
  void SetUp() override {
    for (cudaStream_t* stream : {&one, &two})
      check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "making a stream");
  }
  void TearDown() override {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    for (cudaStream_t stream : {one, two}) cudaStreamDestroy(stream);
  }

  cudaStream_t one = nullptr;
  cudaStream_t two = nullptr;
};

TEST_F(MonitorOnDevice, CollectCountsEveryUpdate) {
  CountMonitor monitor(0);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(monitor.update(7, i % 2 == 0 ? one : two));
  ASSERT_TRUE(monitor.update(1, cudaStreamLegacy));
  ASSERT_TRUE(monitor.update(1, cudaStreamPerThread));
  monitor.collect();
  EXPECT_EQ(monitor.status().error, "");
  EXPECT_EQ(monitor.launches(), 102U);
  EXPECT_EQ(monitor.threads(), 64U * 702U);
  monitor.collect();
  EXPECT_EQ(monitor.launches(), 102U);
}

TEST_F(MonitorOnDevice, TurnsBesideRunningUpdatesLoseNothing) {
  CountMonitor monitor(0);
  std::uint64_t blocks = 0;
  for (int i = 0; i < 2000; ++i) {
    const unsigned size = 1 + static_cast<unsigned>(i * 7919 % 1000);
    ASSERT_TRUE(monitor.update(size, one));
    blocks += size;
    monitor.turn();
  }
  monitor.collect();
  EXPECT_EQ(monitor.status().error, "");
  EXPECT_EQ(monitor.launches(), 2000U);
  EXPECT_EQ(monitor.threads(), 64U * blocks);
  EXPECT_GT(monitor.windows(), 2);
}

TEST_F(MonitorOnDevice, ATurnDoesNotWaitAndTakesWhatWasEnqueuedWhenItCan) {
  CountMonitor monitor(0);
  spin_kernel<<<1, 1, 0, one>>>(kTenMilliseconds);
  ASSERT_TRUE(monitor.update(1, one));
  ASSERT_TRUE(monitor.turn());
  // The launch begins after the turn, so it belongs to the window after it.
  while (!monitor.poll()) std::this_thread::yield();
  const std::uint64_t early = monitor.launches();
  monitor.collect();
  EXPECT_EQ(monitor.launches(), 1U);
  EXPECT_LE(early, 1U);
}

TEST_F(MonitorOnDevice, ACapturedUpdateGoesToTheWindowOfItsReplay) {
  CountMonitor monitor(0);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(one, cudaStreamCaptureModeGlobal), cudaSuccess);
  ASSERT_TRUE(monitor.update(3, one));
  ASSERT_TRUE(monitor.update(2, one));
  // The window loop goes on beside a capture.
  EXPECT_TRUE(monitor.turn());
  while (!monitor.poll()) std::this_thread::yield();
  ASSERT_EQ(cudaStreamEndCapture(one, &graph), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(monitor.launches(), 0U);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(cudaGraphLaunch(executable, one), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(one), cudaSuccess);
    ASSERT_TRUE(monitor.turn());
    while (!monitor.poll()) std::this_thread::yield();
    EXPECT_EQ(monitor.launches(), 2U * static_cast<unsigned>(i + 1));
  }
  ASSERT_EQ(cudaGraphLaunch(executable, one), cudaSuccess);
  monitor.collect();
  EXPECT_EQ(monitor.launches(), 12U);
  EXPECT_EQ(monitor.threads(), 64U * 5U * 6U);
  EXPECT_EQ(monitor.status().error, "");
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
}

TEST_F(MonitorOnDevice, AnImpossibleLaunchDisablesThisMonitorAlone) {
  CountMonitor monitor(0);
  CountMonitor other(0);
  ASSERT_TRUE(monitor.update(1, one));
  EXPECT_FALSE(monitor.update_that_fails(one));
  EXPECT_TRUE(monitor.disabled());
  EXPECT_NE(monitor.status().error.find("cudaErrorInvalid"), std::string::npos)
      << monitor.status().error;
  EXPECT_FALSE(monitor.update(1, one));
  EXPECT_EQ(monitor.status().skipped, 2U);
  ASSERT_TRUE(other.update(1, one));
  other.collect();
  EXPECT_EQ(other.launches(), 1U);
}

TEST_F(MonitorOnDevice, ManyThreadsMayUpdateOneMonitor) {
  CountMonitor monitor(0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) monitor.update(2, cudaStreamPerThread);
    });
  }
  for (int i = 0; i < 50; ++i) monitor.turn();
  for (std::thread& thread : threads) thread.join();
  monitor.collect();
  EXPECT_EQ(monitor.status().error, "");
  EXPECT_EQ(monitor.launches(), 800U);
}

TEST_F(MonitorOnDevice, MonitorsComeAndGoWhileTheirKernelsRun) {
  for (int i = 0; i < 50; ++i) {
    CountMonitor monitor(0);
    monitor.update(1000, one);
    monitor.turn();
  }
}

}  // namespace
}  // namespace inlay::cuda
