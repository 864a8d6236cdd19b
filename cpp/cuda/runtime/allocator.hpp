#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>

namespace inlay::cuda {

/// Where device memory comes from. Both calls are in the order of a stream of the current device.
/// Any thread may call.
class Allocator {
 public:
  Allocator() = default;
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;
  virtual ~Allocator();

  /// @returns memory aligned to 256 bytes, for use on `stream` or after it; never null.
  /// @throws CudaError if there is none.
  virtual void* allocate(std::size_t bytes, cudaStream_t stream) = 0;
  /// Takes it back: later work on `stream` may get it.
  virtual void release(void* memory, std::size_t bytes, cudaStream_t stream) noexcept = 0;
};

/// The driver's own pool of each device: cudaMallocAsync.
std::shared_ptr<Allocator> pool_allocator();

/// What monitors use that were given none: the pool, or what was set last.
std::shared_ptr<Allocator> default_allocator();
/// Sets it, for monitors made from now on; null means the pool again.
void set_default_allocator(std::shared_ptr<Allocator> allocator);

}  // namespace inlay::cuda
