#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <inlay/error.hpp>
#include <memory>
#include <string>
#include <utility>

#include "detect/grid.hpp"
#include "detect/layout.hpp"
#include "runtime/device_memory.hpp"
#include "runtime/error.hpp"
#include "runtime/guards.hpp"

namespace inlay::cuda {

/// One allocation that a function's buffers are laid out in: first take() them all, then make().
class Workspace {
 public:
  template <class T>
  class Buffer {
   public:
    T* get(const Workspace& in) const { return place_.at(in.memory_.get()); }

   private:
    friend class Workspace;
    Layout::Buffer<T> place_;
  };

  Workspace(std::shared_ptr<Allocator> allocator, cudaStream_t stream)
      : allocator_(allocator == nullptr ? default_allocator() : std::move(allocator)),
        stream_(stream) {}

  template <class T>
  Buffer<T> take(std::size_t count) {
    Buffer<T> buffer;
    buffer.place_ = layout_.take<T>(count);
    return buffer;
  }
  /// @throws CudaError if there is no memory.
  void make() {
    memory_ = DeviceMemory(allocator_, std::max<std::size_t>(layout_.bytes(), 1), stream_);
  }
  std::size_t bytes() const noexcept { return layout_.bytes(); }

 private:
  std::shared_ptr<Allocator> allocator_;
  cudaStream_t stream_;
  Layout layout_;
  DeviceMemory memory_;
};

/// Copies from pageable memory in the order of the stream; the memory may go when this returns.
template <class T>
void upload(T* to, const T* from, std::size_t count, cudaStream_t stream) {
  if (count == 0) return;
  check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyHostToDevice, stream),
        "copying to a device");
}
template <class T>
void download(T* to, const T* from, std::size_t count, cudaStream_t stream) {
  if (count == 0) return;
  check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyDeviceToHost, stream),
        "copying from a device");
}
template <class T>
void clear(T* at, std::size_t count, cudaStream_t stream) {
  if (count == 0) return;
  check(cudaMemsetAsync(at, 0, count * sizeof(T), stream), "clearing memory");
}
inline void synchronise(cudaStream_t stream) {
  check(cudaStreamSynchronize(stream), "waiting for a statistic");
}

/// @throws InvalidArgument while the stream captures: a number cannot come out of a graph.
inline void refuse_capture(cudaStream_t stream) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &capture), "asking whether a stream captures");
  if (capture != cudaStreamCaptureStatusNone) {
    throw InvalidArgument("a function that returns numbers cannot be captured in a graph");
  }
}

}  // namespace inlay::cuda
