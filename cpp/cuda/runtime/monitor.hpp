#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/allocator.hpp"
#include "runtime/device_memory.hpp"
#include "runtime/error.hpp"
#include "runtime/guards.hpp"

namespace inlay::cuda {

struct WindowControl;

/// Base of everything that keeps a window's state on a device.
///
/// Two zeroed states lie in device memory and launches pick one by enter_window(). An update only
/// enqueues: no synchronise, no allocation, no copy, and it may be captured in a graph. Turning
/// closes the state on a stream of the monitor's own; what it held arrives in pinned memory later
/// and poll() hands it to the derived class.
///
/// Updates of one monitor must follow each other on the device. Those enqueued here do, whatever
/// their streams; where captured graphs are replayed, the caller orders them (the same stream
/// does).
///
/// A device error disables the monitor instead of leaving enqueue(): see status(). Any thread may
/// call; updates are independent of turn(), poll() and collect().
class Monitor {
 public:
  /// What a kernel gets. Both states: it picks by enter_window(control).
  struct Launch {
    WindowControl* control;
    void* states[2];
    cudaStream_t stream;
    bool capturing;
  };

  struct Status {
    bool disabled = false;
    std::string error;          ///< what disabled it; empty while it works
    std::uint64_t skipped = 0;  ///< updates that did nothing
  };

  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  /// Waits for what it has in flight.
  virtual ~Monitor();

  int device() const noexcept { return device_; }

  /// Closes the window; never waits. While an earlier one has not arrived the window stays open
  /// instead, and what it holds comes with the next.
  /// @returns whether the window was closed.
  bool turn();

  /// Takes in the closed window if it has arrived: calls arrived() once. Never waits.
  /// @returns false while a closed window has not arrived.
  bool poll();

  /// Waits for all updates enqueued so far and takes in all they counted. Synchronises: for the end
  /// of a run and for tests, not for a step of a model.
  /// @throws InvalidArgument if that takes waiting for the device while one of its streams
  /// captures.
  void collect();

  /// Disables the monitor for an error that its update met elsewhere; counts the update as skipped.
  void fail(const CudaError& error);

  Status status() const;
  bool disabled() const noexcept { return disabled_.load(std::memory_order_acquire); }
  /// True once after the monitor was disabled, for whoever reports it.
  bool take_news() noexcept { return news_.exchange(false, std::memory_order_acq_rel); }

 protected:
  /// @param state_bytes  size of one window state; both begin as zeros
  /// @param result_bytes what launch_extract() writes
  /// @param allocator    null for default_allocator()
  /// @throws CudaError if the device or its memory cannot be had.
  Monitor(int device, std::size_t state_bytes, std::size_t result_bytes,
          std::shared_ptr<Allocator> allocator = nullptr);

  /// Calls f(const Launch&), which launches kernels on launch.stream and checks for errors
  /// (check(cudaGetLastError(), …)), after the update before. A CudaError disables the monitor;
  /// what else f throws passes through.
  /// @returns false where nothing was enqueued: the monitor is disabled, f failed, or `stream` is
  /// the
  ///   legacy one while another captures (a launch would spoil that capture).
  /// @throws InvalidArgument if the stream is none of this device.
  template <class F>
  bool enqueue(cudaStream_t stream, F&& f) {
    if (usable()) {
      const std::lock_guard lock(update_mutex_);
      try {
        if (!disabled()) {
          const DeviceGuard guard(device_);
          Launch launch;
          if (begin_update(stream, launch)) {
            std::forward<F>(f)(static_cast<const Launch&>(launch));
            end_update(launch);
            return true;
          }
        }
      } catch (const CudaError& error) {
        disable(error.what());
      }
    }
    skipped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  /// Launches on `stream` what copies state `closed` to `result` (device memory of result_bytes)
  /// and zeroes the state. The kernel must return untouched where !window_is_quiet(control,
  /// closed): it is launched again then.
  virtual void launch_extract(const Launch& launch, unsigned closed, void* result,
                              cudaStream_t stream) = 0;

  /// Takes in the result of a closed window, result_bytes long. Under results_mutex().
  virtual void arrived(const void* result) = 0;

  /// Device memory with a copy of what lies in host memory. Waits: for constructors.
  /// @throws CudaError
  DeviceMemory upload(const void* from, std::size_t bytes) const;

  /// Waits for all that is in flight. First in the destructor of a class that has device memory of
  /// its own, which would be given back while kernels read it.
  void finish() noexcept;

  /// Held while arrived() runs; whoever reads what it accumulates holds it too.
  std::mutex& results_mutex() const noexcept { return results_mutex_; }

  /// A stream of the monitor's own, for what a derived class prepares when it is made; the base
  /// has zeroed the states on it.
  cudaStream_t own_stream() const noexcept { return own_stream_; }
  const std::shared_ptr<Allocator>& allocator() const noexcept { return allocator_; }

 private:
  // What precedes a result in device memory and in pinned memory.
  struct alignas(16) Header {
    unsigned quiet;
  };

  bool begin_update(cudaStream_t stream, Launch& launch);
  void end_update(const Launch& launch);
  // Asked before a mutex is locked: a forked child may have inherited it as another thread of the
  // parent held it, and nobody would ever let go of it.
  bool usable();
  void disable(const std::string& error);
  void check_stream(cudaStream_t stream) const;
  void release() noexcept;

  Launch own_launch() const;
  void wait_for_updates();
  bool turn_locked();
  bool poll_locked();
  void enqueue_extract();

  const int device_;
  const std::size_t result_bytes_;
  const std::uint64_t fork_generation_;
  std::shared_ptr<Allocator> allocator_;
  cudaStream_t own_stream_ = nullptr;
  cudaEvent_t updated_ = nullptr;    // after the last update that was not captured
  cudaEvent_t extracted_ = nullptr;  // after the last copy to pinned memory
  DeviceMemory states_[2];
  DeviceMemory control_;
  DeviceMemory staging_;
  void* pinned_ = nullptr;

  std::mutex update_mutex_;
  bool has_updated_ = false;
  unsigned long long last_stream_ = 0;  // its id: handles are used again
  std::atomic<bool> captured_{false};

  std::mutex window_mutex_;
  unsigned active_ = 0;
  bool closing_ = false;
  mutable std::mutex results_mutex_;

  std::atomic<bool> disabled_{false};
  std::atomic<bool> news_{false};
  std::atomic<std::uint64_t> skipped_{0};
  mutable std::mutex error_mutex_;
  std::string error_;
};

}  // namespace inlay::cuda
