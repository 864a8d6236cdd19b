// What an update may call: this file's undefined CUDA symbols are an allow-list in tests/cuda.

#include <inlay/error.hpp>

#include "runtime/fork.hpp"
#include "runtime/monitor.hpp"

namespace inlay::cuda {
namespace {

std::string stream_name(cudaStream_t stream) {
  return detail::describe(
      static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(stream)));
}

}  // namespace

bool Monitor::usable() {
  if (disabled()) return false;
  if (fork_generation() != fork_generation_) {
    disable("the process forked after the monitor was made; make another in the child");
    return false;
  }
  return true;
}

void Monitor::disable(const std::string& error) {
  const std::lock_guard lock(error_mutex_);
  if (disabled_.load(std::memory_order_relaxed)) return;
  error_ = error;
  disabled_.store(true, std::memory_order_release);
  news_.store(true, std::memory_order_release);
}

void Monitor::fail(const CudaError& error) {
  disable(error.what());
  skipped_.fetch_add(1, std::memory_order_relaxed);
}

void Monitor::check_stream(cudaStream_t stream) const {
#if CUDART_VERSION >= 12080
  // These three are of whichever device is current.
  if (stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return;
  int device = 0;
  const cudaError_t code = cudaStreamGetDevice(stream, &device);
  if (code != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    throw InvalidArgument("stream is no stream of this process, or was destroyed: " +
                          stream_name(stream));
  }
  if (device != device_) {
    throw InvalidArgument("stream is of device " + std::to_string(device) +
                          ", the monitor of device " + std::to_string(device_) + ": " +
                          stream_name(stream));
  }
#else
  static_cast<void>(stream);
#endif
}

bool Monitor::begin_update(cudaStream_t stream, Launch& launch) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  const cudaError_t asked = cudaStreamIsCapturing(stream, &capture);
  if (asked == cudaErrorStreamCaptureImplicit) {
    static_cast<void>(cudaGetLastError());
    return false;
  }
  if (asked != cudaSuccess) check_stream(stream);
  check(asked, "asking whether a stream captures");
  launch = own_launch();
  launch.stream = stream;
  launch.capturing = capture != cudaStreamCaptureStatusNone;
  // A captured launch is ordered when its graph is replayed, not here.
  if (launch.capturing) return true;

  unsigned long long id = 0;
  check(cudaStreamGetId(stream, &id), "asking for a stream's number");
  if (has_updated_ && id == last_stream_) return true;
  check_stream(stream);
  if (has_updated_) check(cudaStreamWaitEvent(stream, updated_, 0), "ordering updates");
  last_stream_ = id;
  return true;
}

void Monitor::end_update(const Launch& launch) {
  if (launch.capturing) {
    captured_.store(true, std::memory_order_relaxed);
    return;
  }
  check(cudaEventRecord(updated_, launch.stream), "marking an update");
  has_updated_ = true;
}

}  // namespace inlay::cuda
