#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "detect/embedding_scratch.hpp"
#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// Loads what updates launch into the current device.
void load_embedding_kernels();

/// Mean, scatter and mean random phases of rows, in windows on a device.
class EmbeddingMonitor final : public Monitor {
 public:
  /// @param directions [dims][frequencies] in host memory: what phases are products with
  /// @throws CudaError if the device or its memory cannot be had.
  EmbeddingMonitor(int device, EmbeddingShape shape, const double* directions,
                   std::shared_ptr<Allocator> allocator = nullptr);
  ~EmbeddingMonitor() override;

  /// Enqueues rows, shape (n, dims), or (n,) if dims is 1; of any strides. Rows with a value that
  /// is not finite are left out and counted.
  /// @throws InvalidArgument if the shape or the device is another.
  void update(const Tensor& rows, cudaStream_t stream);

  const EmbeddingShape& shape() const noexcept { return shape_; }

  /// What has arrived and was not taken yet. Numbers lie as EmbeddingShape says; there are none
  /// without rows.
  struct Summed {
    EmbeddingHead head{};
    std::vector<double> numbers;
  };
  /// Any thread may call.
  Summed take();

 protected:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

 private:
  EmbeddingShape shape_;
  EmbeddingScratch scratch_;
  Summed summed_;
};

}  // namespace inlay::cuda
