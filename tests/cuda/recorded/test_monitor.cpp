// A monitor's host side, call by call, without a device.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <inlay/error.hpp>
#include <memory>
#include <thread>

#include "../count_monitor.hpp"
#include "recorded_runtime.hpp"
#include "runtime/window_control.hpp"
#include "update_calls.hpp"

namespace inlay::cuda {
namespace {

using recorded::expect_all_on;
using recorded::expect_only_enqueuing;
using recorded::runtime;
using State = CountMonitor::State;

class MonitorCalls : public testing::Test {
 protected:
  void SetUp() override {
    runtime() = [] {
      recorded::Runtime fresh;
      fresh.kernel_names = runtime().kernel_names;
      return fresh;
    }();
    // The kernels of a turn, as the device would run them.
    runtime().kernels["turn_kernel"] = [](void** arguments) {
      (*static_cast<WindowControl**>(arguments[0]))->active ^= 1U;
    };
    runtime().kernels["settle_kernel"] = [this](void** arguments) {
      **static_cast<unsigned**>(arguments[2]) = quiet ? 1U : 0U;
    };
    runtime().kernels["12count_kernel"] = [](void** arguments) {
      auto* const control = *static_cast<WindowControl**>(arguments[0]);
      auto* const state = *static_cast<State**>(arguments[1 + control->active]);
      state->launches += 1;
      state->threads += 64;
    };
    runtime().kernels["extract_count_kernel"] = [this](void** arguments) {
      if (!quiet) return;
      auto* const state = *static_cast<State**>(arguments[2]);
      **static_cast<State**>(arguments[3]) = *state;
      *state = State{};
    };
    for (cudaStream_t* stream : {&one, &two}) {
      ASSERT_EQ(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), cudaSuccess);
    }
    monitor = std::make_unique<CountMonitor>(0);
    runtime().clear();
  }
  void TearDown() override {
    runtime().failing.clear();
    monitor.reset();
    for (cudaStream_t stream : {one, two}) cudaStreamDestroy(stream);
    EXPECT_TRUE(runtime().memory.empty());
    EXPECT_EQ(runtime().live_events, 0U);
  }

  bool quiet = true;
  cudaStream_t one = nullptr;
  cudaStream_t two = nullptr;
  std::unique_ptr<CountMonitor> monitor;
};

TEST_F(MonitorCalls, AnUpdateIsOneLaunchOnItsStream) {
  ASSERT_TRUE(monitor->update(3, one));
  ASSERT_EQ(runtime().launches.size(), 1U);
  const recorded::LaunchRecord& launch = runtime().launches[0];
  EXPECT_TRUE(launch.is("count_kernel"));
  EXPECT_EQ(launch.grid.x, 3U);
  EXPECT_EQ(launch.block.x, 64U);
  EXPECT_EQ(launch.shared_bytes, 0U);
  expect_all_on(one);
  expect_only_enqueuing();
  // On the same stream nothing has to be waited for.
  runtime().clear();
  ASSERT_TRUE(monitor->update(1, one));
  EXPECT_EQ(runtime().count("cudaStreamWaitEvent"), 0U);
  EXPECT_EQ(runtime().count("cudaEventRecord"), 1U);
  EXPECT_LE(runtime().calls.size(), 6U);
}

TEST_F(MonitorCalls, AnUpdateOnAnotherStreamFollowsTheOneBefore) {
  ASSERT_TRUE(monitor->update(1, one));
  runtime().clear();
  ASSERT_TRUE(monitor->update(1, two));
  EXPECT_EQ(runtime().count("cudaStreamWaitEvent"), 1U);
  expect_all_on(two);
  expect_only_enqueuing();
}

TEST_F(MonitorCalls, ACapturedUpdateTouchesNoEvent) {
  ASSERT_TRUE(monitor->update(1, one));
  runtime().clear();
  runtime().capturing = {two};
  ASSERT_TRUE(monitor->update(1, two));
  EXPECT_EQ(runtime().count("cudaStreamWaitEvent"), 0U);
  EXPECT_EQ(runtime().count("cudaEventRecord"), 0U);
  EXPECT_EQ(runtime().launches.size(), 1U);
  expect_only_enqueuing();
}

TEST_F(MonitorCalls, TheLegacyStreamDoesNotSpoilACapture) {
  runtime().capturing = {two};
  EXPECT_FALSE(monitor->update(1, cudaStreamLegacy));
  EXPECT_TRUE(runtime().launches.empty());
  EXPECT_FALSE(monitor->disabled());
  EXPECT_EQ(monitor->status().skipped, 1U);
  runtime().capturing.clear();
  EXPECT_TRUE(monitor->update(1, cudaStreamLegacy));
}

TEST_F(MonitorCalls, TheDeviceIsChosenAndPutBack) {
  runtime().device = 1;
  ASSERT_TRUE(monitor->update(1, one));
  EXPECT_EQ(runtime().device, 1);
  EXPECT_EQ(runtime().count("cudaSetDevice"), 2U);
}

TEST_F(MonitorCalls, AStreamOfAnotherDeviceOrOfNoneIsRefused) {
  runtime().stream_devices[two] = 1;
  EXPECT_THROW(monitor->update(1, two), InvalidArgument);
  EXPECT_THROW(monitor->update(1, reinterpret_cast<cudaStream_t>(0x1234)), InvalidArgument);
  EXPECT_TRUE(runtime().launches.empty());
  EXPECT_FALSE(monitor->disabled());
  EXPECT_TRUE(monitor->update(1, one));
}

TEST_F(MonitorCalls, ATurnIsThreeLaunchesOnAStreamOfItsOwnAndNeverWaits) {
  ASSERT_TRUE(monitor->update(1, one));
  runtime().clear();
  ASSERT_TRUE(monitor->turn());
  ASSERT_EQ(runtime().launches.size(), 3U);
  EXPECT_TRUE(runtime().launches[0].is("turn_kernel"));
  EXPECT_TRUE(runtime().launches[1].is("settle_kernel"));
  EXPECT_TRUE(runtime().launches[2].is("extract_count_kernel"));
  const cudaStream_t own = runtime().launches[0].stream;
  EXPECT_NE(own, one);
  EXPECT_NE(own, nullptr);
  expect_all_on(own);
  EXPECT_EQ(runtime().count("cudaMemcpyAsync"), 1U);
  for (const char* const waiting :
       {"cudaStreamSynchronize", "cudaEventSynchronize", "cudaDeviceSynchronize"})
    EXPECT_EQ(runtime().count(waiting), 0U) << waiting;
  EXPECT_EQ(monitor->windows(), 0);
  ASSERT_TRUE(monitor->poll());
  EXPECT_EQ(monitor->windows(), 1);
  EXPECT_EQ(monitor->threads(), 64U);
  // Taken in once.
  ASSERT_TRUE(monitor->poll());
  EXPECT_EQ(monitor->windows(), 1);
}

TEST_F(MonitorCalls, AWindowThatHasNotArrivedIsAskedForAgain) {
  ASSERT_TRUE(monitor->update(1, one));
  ASSERT_TRUE(monitor->turn());
  runtime().failing["cudaEventQuery"] = cudaErrorNotReady;
  EXPECT_FALSE(monitor->poll());
  // The window stays open meanwhile; nothing is closed twice.
  runtime().clear();
  EXPECT_FALSE(monitor->turn());
  EXPECT_TRUE(runtime().launches.empty());
  ASSERT_TRUE(monitor->update(1, one));
  runtime().failing.clear();
  EXPECT_TRUE(monitor->poll());
  EXPECT_EQ(monitor->launches(), 1U);
  ASSERT_TRUE(monitor->turn());
  EXPECT_TRUE(monitor->poll());
  EXPECT_EQ(monitor->launches(), 2U);
  EXPECT_FALSE(monitor->disabled());
}

TEST_F(MonitorCalls, AStateThatIsStillWrittenToIsExtractedAgain) {
  quiet = false;
  ASSERT_TRUE(monitor->update(1, one));
  ASSERT_TRUE(monitor->turn());
  runtime().clear();
  EXPECT_FALSE(monitor->poll());
  EXPECT_EQ(monitor->windows(), 0);
  ASSERT_EQ(runtime().launches.size(), 2U);
  EXPECT_TRUE(runtime().launches[0].is("settle_kernel"));
  quiet = true;
  EXPECT_FALSE(monitor->poll());
  EXPECT_TRUE(monitor->poll());
  EXPECT_EQ(monitor->launches(), 1U);
}

TEST_F(MonitorCalls, CollectTakesInTheClosedWindowAndTheOpenOne) {
  ASSERT_TRUE(monitor->update(1, one));
  ASSERT_TRUE(monitor->turn());
  ASSERT_TRUE(monitor->update(1, two));
  monitor->collect();
  EXPECT_EQ(monitor->windows(), 2);
  EXPECT_EQ(monitor->launches(), 2U);
  monitor->collect();
  EXPECT_EQ(monitor->launches(), 2U);
}

TEST_F(MonitorCalls, NoTurnAndNoPollWaitsForUpdatesThatACollectWaitsFor) {
  ASSERT_TRUE(monitor->update(1, one));
  std::atomic<bool> waiting{false};
  std::atomic<bool> go_on{false};
  std::atomic<bool> in_vain{false};
  runtime().within["cudaEventSynchronize"] = [&] {
    if (waiting.exchange(true)) return;
    // As a device that works for five seconds.
    for (int i = 0; i < 5'000 && !go_on; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    in_vain = !go_on;
  };
  std::thread collecting([&] { monitor->collect(); });
  while (!waiting) std::this_thread::yield();
  EXPECT_TRUE(monitor->turn());
  EXPECT_TRUE(monitor->poll());
  go_on = true;
  collecting.join();
  runtime().within.clear();
  EXPECT_FALSE(in_vain);
  EXPECT_EQ(monitor->launches(), 1U);
}

TEST_F(MonitorCalls, CollectWaitsForTheDeviceOnceAnUpdateWasCaptured) {
  ASSERT_TRUE(monitor->update(1, one));
  monitor->collect();
  EXPECT_EQ(runtime().count("cudaDeviceSynchronize"), 0U);
  runtime().capturing = {two};
  ASSERT_TRUE(monitor->update(1, two));
  runtime().capturing.clear();
  monitor->collect();
  EXPECT_EQ(runtime().count("cudaDeviceSynchronize"), 1U);
}

TEST_F(MonitorCalls, ADeviceErrorDisablesAndNothingIsThrown) {
  ASSERT_TRUE(monitor->update(1, one));
  EXPECT_FALSE(monitor->update_that_fails(one));
  EXPECT_TRUE(monitor->disabled());
  EXPECT_TRUE(monitor->take_news());
  EXPECT_FALSE(monitor->take_news());
  EXPECT_NE(monitor->status().error.find("cudaErrorInvalidConfiguration"), std::string::npos);
  runtime().clear();
  EXPECT_FALSE(monitor->update(1, one));
  EXPECT_FALSE(monitor->turn());
  EXPECT_TRUE(monitor->poll());
  monitor->collect();
  EXPECT_TRUE(runtime().calls.empty());
  EXPECT_TRUE(runtime().launches.empty());
  EXPECT_EQ(monitor->status().skipped, 2U);
}

TEST_F(MonitorCalls, AnErrorThatAnUpdateMetElsewhereDisablesToo) {
  monitor->fail(CudaError(cudaErrorIllegalAddress, "asking where memory is"));
  EXPECT_TRUE(monitor->disabled());
  EXPECT_TRUE(monitor->take_news());
  EXPECT_EQ(monitor->status().skipped, 1U);
  EXPECT_NE(monitor->status().error.find("asking where memory is"), std::string::npos);
}

TEST_F(MonitorCalls, AnErrorOfAnyCallOfATurnDisables) {
  for (const char* const call :
       {"cudaMemcpyAsync", "cudaEventRecord", "cudaEventQuery", "launch"}) {
    CountMonitor other(0);
    runtime().failing[call] = cudaErrorIllegalAddress;
    other.turn();
    other.poll();
    EXPECT_TRUE(other.disabled()) << call;
    runtime().failing.clear();
  }
}

TEST_F(MonitorCalls, AMonitorThatCannotBeMadeLeavesNothing) {
  const std::size_t memory = runtime().memory.size();
  const std::size_t events = runtime().live_events;
  for (const char* const call :
       {"cudaStreamCreateWithFlags", "cudaEventCreateWithFlags", "cudaMallocAsync",
        "cudaMemsetAsync", "cudaHostAlloc", "cudaFuncGetAttributes", "cudaStreamSynchronize"}) {
    runtime().failing[call] = cudaErrorMemoryAllocation;
    EXPECT_THROW(CountMonitor(0), CudaError) << call;
    runtime().failing.clear();
    EXPECT_EQ(runtime().memory.size(), memory) << call;
    EXPECT_EQ(runtime().live_events, events) << call;
  }
}

class CountingAllocator final : public Allocator {
 public:
  void* allocate(std::size_t bytes, cudaStream_t) override {
    ++live;
    return ::operator new(bytes);
  }
  void release(void* memory, std::size_t, cudaStream_t) noexcept override {
    --live;
    ::operator delete(memory);
  }
  int live = 0;
};

TEST_F(MonitorCalls, MemoryComesFromTheAllocatorGiven) {
  const auto allocator = std::make_shared<CountingAllocator>();
  {
    CountMonitor other(0, allocator);
    EXPECT_EQ(allocator->live, 4);
    other.update(1, one);
    other.turn();
    EXPECT_EQ(allocator->live, 4);
  }
  EXPECT_EQ(allocator->live, 0);
  set_default_allocator(allocator);
  {
    CountMonitor other(0);
    EXPECT_EQ(allocator->live, 4);
  }
  set_default_allocator(nullptr);
  CountMonitor other(0);
  EXPECT_EQ(allocator->live, 0);
}

TEST_F(MonitorCalls, AForkedChildTouchesNoDriver) {
  ASSERT_TRUE(monitor->update(1, one));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    runtime().clear();
    bool right = !monitor->update(1, one) && monitor->disabled();
    right = right && monitor->status().error.find("forked") != std::string::npos;
    monitor->turn();
    monitor->collect();
    monitor.reset();
    right = right && runtime().calls.empty() && runtime().launches.empty();
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(monitor->update(1, one));
}

TEST_F(MonitorCalls, AForkedChildWaitsForNoThreadOfItsParent) {
  // One thread is within an update and one within a turn, each with a lock held.
  std::atomic<int> within{0};
  std::atomic<bool> go_on{false};
  for (const char* const kernel : {"12count_kernel", "turn_kernel"}) {
    runtime().kernels[kernel] = [&](void**) {
      ++within;
      while (!go_on) std::this_thread::yield();
    };
  }
  std::thread updating([&] { monitor->update(1, one); });
  while (within < 1) std::this_thread::yield();
  std::thread turning([&] { monitor->turn(); });
  while (within < 2) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    const bool right = !monitor->update(1, one) && !monitor->turn() && monitor->poll();
    monitor->collect();
    _exit(right ? 0 : 1);
  }
  go_on = true;
  updating.join();
  turning.join();
  ASSERT_GE(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(MonitorCalls, ACollectThatACaptureForbidsDisablesNothing) {
  runtime().capturing = {two};
  ASSERT_TRUE(monitor->update(1, two));
  runtime().failing["cudaDeviceSynchronize"] = cudaErrorStreamCaptureUnsupported;
  EXPECT_THROW(monitor->collect(), InvalidArgument);
  EXPECT_FALSE(monitor->disabled());
  EXPECT_EQ(runtime().last_error, cudaSuccess);
  runtime().capturing.clear();
  runtime().failing.clear();
  monitor->collect();
  EXPECT_EQ(monitor->launches(), 1U);
}

TEST_F(MonitorCalls, TheEndOfADisabledMonitorWaitsForWhatItsLastUpdateLaunched) {
  runtime().failing["cudaEventRecord"] = cudaErrorUnknown;
  EXPECT_FALSE(monitor->update(1, one));
  ASSERT_EQ(runtime().launches.size(), 1U);
  runtime().failing.clear();
  runtime().clear();
  monitor.reset();
  EXPECT_EQ(runtime().count("cudaDeviceSynchronize"), 1U);
}

}  // namespace
}  // namespace inlay::cuda
