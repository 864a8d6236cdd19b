#include "data/host_copy.hpp"

#include <algorithm>
#include <inlay/error.hpp>
#include <string>

#include "data/host_copy.cuh"
#include "runtime/allocator.hpp"
#include "runtime/device_memory.hpp"
#include "runtime/guards.hpp"

namespace inlay::cuda {

TableShape table_shape(const Tensor& tensor) {
  if (tensor.dims != 1 && tensor.dims != 2) {
    detail::fail<InvalidArgument>(
        "a tensor must have one or two dimensions to be a table; dimensions", tensor.dims);
  }
  return {tensor.shape[0], tensor.dims == 2 ? tensor.shape[1] : 1, host_size_of(tensor.element)};
}

void copy_to_host(const Tensor& tensor, std::int64_t first, std::int64_t count, void* to,
                  cudaStream_t stream) {
  const TableShape shape = table_shape(tensor);
  if (first < 0 || count < 0 || first > shape.rows - count) {
    detail::fail<InvalidArgument>(
        "there are " + std::to_string(shape.rows) + " rows, not as many from row", first);
  }
  const std::int64_t size = count * shape.columns;
  if (size == 0) return;
  const BesideCaptures beside;
  const DeviceGuard guard(tensor.device);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status), "asking whether a stream is captured");
  if (status != cudaStreamCaptureStatusNone) {
    throw InvalidArgument(
        "rows are copied to the host, which cannot be while their stream is being captured");
  }
  const std::size_t bytes = static_cast<std::size_t>(size) * shape.element_bytes;
  const DeviceMemory gathered(default_allocator(), bytes, stream);
  const auto blocks =
      static_cast<unsigned>(std::min<std::int64_t>((size + 255) / 256, std::int64_t{1} << 14));
  const auto before =
      first * tensor.strides[0] * static_cast<std::int64_t>(size_of(tensor.element));
  gather_columns_kernel<<<blocks, 256, 0, stream>>>(
      tensor.element, static_cast<const unsigned char*>(tensor.data) + before, count, shape.columns,
      tensor.strides[0], tensor.dims == 2 ? tensor.strides[1] : 0, gathered.get());
  check(cudaGetLastError(), "gathering columns");
  check(cudaMemcpyAsync(to, gathered.get(), bytes, cudaMemcpyDeviceToHost, stream),
        "copying columns to the host");
  check(cudaStreamSynchronize(stream), "copying columns to the host");
}

}  // namespace inlay::cuda
