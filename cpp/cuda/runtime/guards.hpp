#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "runtime/error.hpp"

namespace inlay::cuda {

/// Makes a device the current one of this thread for as long as it lives.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check(cudaGetDevice(&before_), "asking for the current device");
    if (before_ == device) return;
    const cudaError_t code = cudaSetDevice(device);
    if (code != cudaSuccess) throw CudaError(code, "choosing device " + std::to_string(device));
    changed_ = true;
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  ~DeviceGuard() {
    if (changed_) static_cast<void>(cudaSetDevice(before_));
  }

 private:
  int before_ = 0;
  bool changed_ = false;
};

/// Lets this thread allocate and query although another thread captures a graph; without it such a
/// call would spoil that capture.
class BesideCaptures {
 public:
  BesideCaptures() { known_ = cudaThreadExchangeStreamCaptureMode(&mode_) == cudaSuccess; }
  BesideCaptures(const BesideCaptures&) = delete;
  BesideCaptures& operator=(const BesideCaptures&) = delete;
  ~BesideCaptures() {
    if (known_) static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_));
  }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
  bool known_ = false;
};

}  // namespace inlay::cuda
