#include "runtime/monitor.hpp"

#include <new>

#include "runtime/fork.hpp"
#include "runtime/window_control.hpp"
#include "runtime/window_turn.hpp"

namespace inlay::cuda {

Monitor::Monitor(int device, std::size_t state_bytes, std::size_t result_bytes,
                 std::shared_ptr<Allocator> allocator)
    : device_(device),
      result_bytes_(result_bytes),
      fork_generation_(fork_generation()),
      allocator_(allocator == nullptr ? default_allocator() : std::move(allocator)) {
  const BesideCaptures beside;
  const DeviceGuard guard(device_);
  try {
    check(cudaStreamCreateWithFlags(&own_stream_, cudaStreamNonBlocking), "making a stream");
    check(cudaEventCreateWithFlags(&updated_, cudaEventDisableTiming), "making an event");
    check(cudaEventCreateWithFlags(&extracted_, cudaEventDisableTiming), "making an event");
    for (DeviceMemory& state : states_) {
      state = DeviceMemory(allocator_, state_bytes, own_stream_);
      check(cudaMemsetAsync(state.get(), 0, state_bytes, own_stream_), "clearing a state");
    }
    control_ = DeviceMemory(allocator_, sizeof(WindowControl), own_stream_);
    check(cudaMemsetAsync(control_.get(), 0, sizeof(WindowControl), own_stream_),
          "clearing a window");
    staging_ = DeviceMemory(allocator_, sizeof(Header) + result_bytes, own_stream_);
    check(cudaHostAlloc(&pinned_, sizeof(Header) + result_bytes, cudaHostAllocDefault),
          "allocating pinned memory");
    load_window_kernels();
    check(cudaStreamSynchronize(own_stream_), "clearing a state");
  } catch (...) {
    release();
    throw;
  }
}

DeviceMemory Monitor::upload(const void* from, std::size_t bytes) const {
  DeviceMemory memory(allocator_, bytes, own_stream_);
  check(cudaMemcpyAsync(memory.get(), from, bytes, cudaMemcpyHostToDevice, own_stream_),
        "copying to the device");
  check(cudaStreamSynchronize(own_stream_), "copying to the device");
  return memory;
}

void Monitor::finish() noexcept {
  if (fork_generation() != fork_generation_) return;
  const BesideCaptures beside;
  int before = 0;
  const bool known = cudaGetDevice(&before) == cudaSuccess;
  static_cast<void>(cudaSetDevice(device_));
  // An update that failed may have launched something, and left no event behind it.
  if (captured_.load(std::memory_order_relaxed) || disabled()) {
    static_cast<void>(cudaDeviceSynchronize());
  } else if (has_updated_) {
    static_cast<void>(cudaEventSynchronize(updated_));
  }
  static_cast<void>(cudaStreamSynchronize(own_stream_));
  if (known) static_cast<void>(cudaSetDevice(before));
}

Monitor::~Monitor() {
  if (fork_generation() != fork_generation_) return;
  // A destroyed monitor's memory may be anyone's, so the launches that write to it must have ended.
  finish();
  const BesideCaptures beside;
  int before = 0;
  const bool known = cudaGetDevice(&before) == cudaSuccess;
  static_cast<void>(cudaSetDevice(device_));
  release();
  if (known) static_cast<void>(cudaSetDevice(before));
}

void Monitor::release() noexcept {
  for (DeviceMemory& state : states_) state.reset();
  control_.reset();
  staging_.reset();
  // At the end of the process the driver may be gone: nothing to do about an error here.
  if (pinned_ != nullptr) static_cast<void>(cudaFreeHost(pinned_));
  if (updated_ != nullptr) static_cast<void>(cudaEventDestroy(updated_));
  if (extracted_ != nullptr) static_cast<void>(cudaEventDestroy(extracted_));
  if (own_stream_ != nullptr) static_cast<void>(cudaStreamDestroy(own_stream_));
}

void Monitor::enqueue_extract() {
  const unsigned closed = active_ ^ 1U;
  auto* const staged = staging_.as<Header>();
  enqueue_settle(control_.as<WindowControl>(), closed, &staged->quiet, own_stream_);
  launch_extract(own_launch(), closed, staged + 1, own_stream_);
  check(cudaMemcpyAsync(pinned_, staged, sizeof(Header) + result_bytes_, cudaMemcpyDeviceToHost,
                        own_stream_),
        "copying a window");
  check(cudaEventRecord(extracted_, own_stream_), "marking a window");
}

bool Monitor::turn_locked() {
  if (closing_) return false;
  enqueue_turn(control_.as<WindowControl>(), own_stream_);
  active_ ^= 1U;
  closing_ = true;
  enqueue_extract();
  return true;
}

bool Monitor::poll_locked() {
  if (!closing_) return true;
  const cudaError_t code = cudaEventQuery(extracted_);
  if (code == cudaErrorNotReady) {
    static_cast<void>(cudaGetLastError());
    return false;
  }
  check(code, "asking for a window");
  if (static_cast<const Header*>(pinned_)->quiet == 0) {
    enqueue_extract();
    return false;
  }
  closing_ = false;
  const std::lock_guard results(results_mutex_);
  arrived(static_cast<const Header*>(pinned_) + 1);
  return true;
}

bool Monitor::turn() {
  if (!usable()) return false;
  const std::lock_guard lock(window_mutex_);
  if (disabled()) return false;
  try {
    const BesideCaptures beside;
    const DeviceGuard guard(device_);
    poll_locked();
    return turn_locked();
  } catch (const CudaError& error) {
    disable(error.what());
    return false;
  }
}

bool Monitor::poll() {
  if (!usable()) return true;
  const std::lock_guard lock(window_mutex_);
  if (disabled()) return true;
  try {
    const BesideCaptures beside;
    const DeviceGuard guard(device_);
    return poll_locked();
  } catch (const CudaError& error) {
    disable(error.what());
    return true;
  }
}

void Monitor::wait_for_updates() {
  if (captured_.load(std::memory_order_relaxed)) {
    // Nobody but the caller knows where its graphs are replayed.
    const cudaError_t waited = cudaDeviceSynchronize();
    if (waited == cudaErrorStreamCaptureUnsupported) {
      static_cast<void>(cudaGetLastError());
      throw InvalidArgument("replayed graphs cannot be waited for while a stream captures");
    }
    check(waited, "waiting for replayed graphs");
    return;
  }
  bool updated = false;
  {
    const std::lock_guard updates(update_mutex_);
    updated = has_updated_;
  }
  if (updated) check(cudaEventSynchronize(updated_), "waiting for updates");
}

void Monitor::collect() {
  if (!usable()) return;
  try {
    const BesideCaptures beside;
    const DeviceGuard guard(device_);
    // Without the lock, since turn() and poll() never wait for a model's step.
    wait_for_updates();
    const std::lock_guard lock(window_mutex_);
    if (disabled()) return;
    const auto take_in = [this] {
      for (;;) {
        check(cudaEventSynchronize(extracted_), "waiting for a window");
        if (poll_locked()) return;
      }
    };
    if (closing_) take_in();
    turn_locked();
    take_in();
  } catch (const CudaError& error) {
    disable(error.what());
  }
}

Monitor::Launch Monitor::own_launch() const {
  return Launch{
      control_.as<WindowControl>(), {states_[0].get(), states_[1].get()}, own_stream_, false};
}

Monitor::Status Monitor::status() const {
  Status status;
  status.disabled = disabled();
  status.skipped = skipped_.load(std::memory_order_relaxed);
  if (status.disabled) {
    const std::lock_guard lock(error_mutex_);
    status.error = error_;
  }
  return status;
}

}  // namespace inlay::cuda
