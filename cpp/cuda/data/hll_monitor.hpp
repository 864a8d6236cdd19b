#pragma once

#include <cuda_runtime_api.h>

#include <inlay/summary/hll.hpp>
#include <memory>

#include "data/distinct_state.hpp"
#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// The Hll of what is in device memory: hash, coupons and registers are the CPU's, bit for bit.
class HllMonitor : public Monitor {
 public:
  /// @throws InvalidArgument if lg_k is out of range; CudaError.
  explicit HllMonitor(int device, int lg_k = Hll::kDefaultLgK,
                      std::shared_ptr<Allocator> allocator = nullptr);
  ~HllMonitor() override;

  /// Enqueues the items of a tensor of any type on `stream`.
  void update(const Tensor& tensor, cudaStream_t stream);
  /// What arrived since the last call.
  Hll take();

 private:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

  DistinctLayout layout_;
  int shared_bytes_;  // of the registers that a block has of its own, or 0
  unsigned blocks_;
  Hll sketch_;
};

}  // namespace inlay::cuda
