#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "runtime/monitor.hpp"

namespace inlay::cuda {

/// The least that a monitor can be: counts threads and launches.
class CountMonitor final : public Monitor {
 public:
  struct State {
    unsigned long long threads;
    unsigned long long launches;
  };

  explicit CountMonitor(int device, std::shared_ptr<Allocator> allocator = nullptr);

  /// Counts blocks * 64 threads on the device.
  bool update(unsigned blocks, cudaStream_t stream);
  /// Fails as a launch of an impossible size does.
  bool update_that_fails(cudaStream_t stream);

  std::uint64_t threads() const;
  std::uint64_t launches() const;
  int windows() const;

 private:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

  State total_{};
  int windows_ = 0;
};

}  // namespace inlay::cuda
