#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/allocator.hpp"
#include "runtime/fork.hpp"

namespace inlay::cuda {

/// Owns bytes of an allocator, given back in the order of the stream they were allocated on. The
/// stream must outlive it. In a forked child nothing is given back: the driver is the parent's.
/// Move-only.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// @throws CudaError if there is no memory.
  DeviceMemory(std::shared_ptr<Allocator> allocator, std::size_t bytes, cudaStream_t stream)
      : allocator_(std::move(allocator)),
        bytes_(bytes),
        stream_(stream),
        fork_generation_(fork_generation()),
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
    if (memory_ != nullptr && fork_generation_ == fork_generation())
      allocator_->release(memory_, bytes_, stream_);
    memory_ = nullptr;
    bytes_ = 0;
    allocator_.reset();
  }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(allocator_, other.allocator_);
    std::swap(bytes_, other.bytes_);
    std::swap(stream_, other.stream_);
    std::swap(fork_generation_, other.fork_generation_);
    std::swap(memory_, other.memory_);
  }

  std::shared_ptr<Allocator> allocator_;
  std::size_t bytes_ = 0;
  cudaStream_t stream_ = nullptr;
  std::uint64_t fork_generation_ = 0;
  void* memory_ = nullptr;
};

}  // namespace inlay::cuda
