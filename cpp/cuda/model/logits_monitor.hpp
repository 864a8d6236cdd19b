#pragma once

#include <inlay/model/logits.hpp>
#include <memory>

#include "model/logits_launch.hpp"
#include "runtime/monitor.hpp"

namespace inlay::cuda {

/// Logits whose rows lie on a device: the distributions of inlay::Logits, counted there.
class LogitsMonitor : public Monitor {
 public:
  /// @throws InvalidArgument if scale lies outside ExpHistogram's.
  /// @throws CudaError if the device or its memory cannot be had.
  LogitsMonitor(int device, int scale, std::shared_ptr<Allocator> allocator = nullptr);

  /// Enqueues the reading of a batch, each row by `parts` blocks, or as many as fit the device if
  /// 0.
  /// @throws InvalidArgument for shapes and types that do not go together, or another device.
  void update(const LogitsInput& input, cudaStream_t stream, unsigned parts = 0);

  int scale() const noexcept { return scale_; }
  /// A copy of what has arrived.
  Logits arrived_logits() const;
  /// What has arrived since it was taken last.
  Logits take();

 private:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

  const int scale_;
  int multiprocessors_ = 0;
  Logits logits_;
};

}  // namespace inlay::cuda
