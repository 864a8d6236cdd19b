#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "runtime/allocator.hpp"

namespace inlay::cuda {

/// Owns bytes of an allocator, given back in the order of the stream they were allocated on. The
/// stream must outlive it. Move-only.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// @throws CudaError if there is no memory.
  DeviceMemory(std::shared_ptr<Allocator> allocator, std::size_t bytes, cudaStream_t stream)
      : allocator_(std::move(allocator)),
        bytes_(bytes),
        stream_(stream),
        memory_(allocator_->allocate(bytes, stream)) {}
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    DeviceMemory taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~DeviceMemory() { reset(); }

  void* get() const noexcept { return memory_; }
  std::size_t bytes() const noexcept { return bytes_; }
  template <class T>
  T* as() const noexcept {
    return static_cast<T*>(memory_);
  }

  void reset() noexcept {
    if (memory_ != nullptr) allocator_->release(memory_, bytes_, stream_);
    forget();
  }
  /// Leaves the memory to the end of the process: a forked child must not touch the driver.
  void forget() noexcept {
    memory_ = nullptr;
    bytes_ = 0;
    allocator_.reset();
  }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(allocator_, other.allocator_);
    std::swap(bytes_, other.bytes_);
    std::swap(stream_, other.stream_);
    std::swap(memory_, other.memory_);
  }

  std::shared_ptr<Allocator> allocator_;
  std::size_t bytes_ = 0;
  cudaStream_t stream_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace inlay::cuda
