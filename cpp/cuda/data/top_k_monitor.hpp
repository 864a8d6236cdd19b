#pragma once

#include <cuda_runtime_api.h>

#include <inlay/summary/top_k.hpp>
#include <memory>

#include "data/counter_plan.hpp"
#include "data/top_ids_state.hpp"
#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// The most frequent ids, token ids for instance, with exact counts.
///
/// Each id of the vocabulary has a counter in device memory, and others have one while a table has
/// room; the largest are picked when a window closes.
class TopKMonitor : public Monitor {
 public:
  static constexpr std::uint64_t kMaxVocabulary = std::uint64_t{1} << 24;

  /// @param vocabulary ids 0 to vocabulary - 1 have counters of their own; 0 if it is not known
  /// @throws InvalidArgument if capacity or vocabulary are out of range; CudaError.
  TopKMonitor(int device, std::uint32_t capacity, std::uint64_t vocabulary = 0,
              std::shared_ptr<Allocator> allocator = nullptr);
  ~TopKMonitor() override;

  /// Enqueues the count of all ids on `stream`.
  /// @throws InvalidArgument if the elements are floats.
  void update(const Tensor& tensor, cudaStream_t stream);
  /// What arrived since the last call.
  TopK take();

 private:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

  TopIdsLayout layout_;
  CounterPlan plan_;
  unsigned blocks_;
  TopK top_;
};

}  // namespace inlay::cuda
