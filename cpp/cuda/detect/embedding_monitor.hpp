#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "detect/embedding_shape.hpp"
#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// Mean, scatter and mean random phases of rows, in windows on a device.
class EmbeddingMonitor final : public Monitor {
 public:
  /// @param directions [dims][frequencies] in host memory: what phases are products with
  /// @throws CudaError if the device or its memory cannot be had.
  EmbeddingMonitor(int device, EmbeddingShape shape, const double* directions,
                   std::shared_ptr<Allocator> allocator = nullptr);

  /// Enqueues rows, shape (n, dims), or (n,) if dims is 1; of any strides. Rows with a value that
  /// is not finite are left out and counted.
  /// @throws InvalidArgument if the shape is another.
  void update(const Tensor& rows, cudaStream_t stream);

  const EmbeddingShape& shape() const noexcept { return shape_; }

  /// What has arrived and was not taken yet, as the state lies on the device: counts, then
  /// mean, scatter, cosines and sines. Any thread may call.
  struct Taken {
    EmbeddingHead head{};
    std::vector<double> numbers;  // empty without rows
  };
  std::vector<Taken> take();

 protected:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

 private:
  void launch_block(const Launch& launch, const Tensor& rows, std::int64_t first,
                    std::int64_t count);

  EmbeddingShape shape_;
  DeviceMemory scratch_;
  std::vector<Taken> taken_;
};

}  // namespace inlay::cuda
