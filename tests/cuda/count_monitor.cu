#include "count_monitor.hpp"
#include "runtime/kernel.hpp"
#include "runtime/window.cuh"

namespace inlay::cuda {
namespace {

using State = CountMonitor::State;

__global__ void count_kernel(WindowControl* control, State* first, State* second) {
  const unsigned state = enter_window(control);
  State* const mine = state == 0 ? first : second;
  if (threadIdx.x == 0) atomicAdd(&mine->threads, static_cast<unsigned long long>(blockDim.x));
  if (is_last_block(control)) {
    if (threadIdx.x == 0) mine->launches += 1;
    leave_window(control, state);
  }
}

__global__ void extract_count_kernel(const WindowControl* control, unsigned closed, State* state,
                                     State* result) {
  if (!window_is_quiet(control, closed)) return;
  *result = *state;
  *state = State{};
}

}  // namespace

CountMonitor::CountMonitor(int device, std::shared_ptr<Allocator> allocator)
    : Monitor(device, sizeof(State), sizeof(State), std::move(allocator)) {
  const DeviceGuard guard(device);
  load_kernel(count_kernel);
  load_kernel(extract_count_kernel);
}

bool CountMonitor::update(unsigned blocks, cudaStream_t stream) {
  return enqueue(stream, [blocks](const Launch& launch) {
    count_kernel<<<blocks, 64, 0, launch.stream>>>(launch.control,
                                                   static_cast<State*>(launch.states[0]),
                                                   static_cast<State*>(launch.states[1]));
    check(cudaGetLastError(), "counting");
  });
}

bool CountMonitor::update_that_fails(cudaStream_t stream) {
  return enqueue(stream, [](const Launch& launch) {
    count_kernel<<<1, 4096, 0, launch.stream>>>(launch.control,
                                                static_cast<State*>(launch.states[0]),
                                                static_cast<State*>(launch.states[1]));
    check(cudaGetLastError(), "counting");
  });
}

void CountMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                  cudaStream_t stream) {
  extract_count_kernel<<<1, 1, 0, stream>>>(launch.control, closed,
                                            static_cast<State*>(launch.states[closed]),
                                            static_cast<State*>(result));
  check(cudaGetLastError(), "extracting counts");
}

void CountMonitor::arrived(const void* result) {
  const auto& state = *static_cast<const State*>(result);
  total_.threads += state.threads;
  total_.launches += state.launches;
  ++windows_;
}

std::uint64_t CountMonitor::threads() const {
  const std::lock_guard lock(results_mutex());
  return total_.threads;
}
std::uint64_t CountMonitor::launches() const {
  const std::lock_guard lock(results_mutex());
  return total_.launches;
}
int CountMonitor::windows() const {
  const std::lock_guard lock(results_mutex());
  return windows_;
}

}  // namespace inlay::cuda
