#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

struct TensorRecord;

/// What the values of one tensor of a list came to.
struct TensorSums {
  std::uint64_t count = 0;  // finite values
  std::uint64_t nan_count = 0;
  std::uint64_t pos_inf_count = 0;
  std::uint64_t neg_inf_count = 0;
  std::uint64_t zero_count = 0;
  double sum_of_squares = 0;
  double max_abs = 0;  // of finite values; 0 without any
};

/// Counts, sums of squares and largest magnitudes of a list of tensors on a device, gradients for
/// instance, in one launch for each 1,024 of them.
///
/// Counts and magnitudes are exact. Squares of floats and narrower types are summed in float, 16 at
/// most, then in double: their sum's relative error stays below 1e-6.
class TensorList : public Monitor {
 public:
  /// @throws InvalidArgument if there is no tensor or more than 2^20, CudaError if the device or
  /// its memory cannot be had.
  TensorList(int device, std::size_t count, std::shared_ptr<Allocator> allocator = nullptr);

  /// Enqueues the count of all tensors' values.
  /// @returns false where nothing was enqueued, see Monitor::enqueue().
  /// @throws InvalidArgument if there are more or fewer tensors than the list has, or one is on
  /// another device or has gaps between its values.
  bool update(const std::vector<Tensor>& tensors, cudaStream_t stream);

  std::size_t count() const noexcept { return count_; }
  /// What windows that have arrived held, of each tensor.
  std::vector<TensorSums> sums() const;
  /// Forgets what has arrived.
  void reset();

 protected:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

 private:
  const std::size_t count_;
  std::uint32_t blocks_ = 0;
  std::vector<TensorSums> sums_;
};

}  // namespace inlay::cuda
