#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// Rows and columns of a tensor of one or two dimensions.
struct TableShape {
  std::int64_t rows;
  std::int64_t columns;
  std::size_t element_bytes;  // as the host gets them
};

/// @throws InvalidArgument if it has no or more than two dimensions.
TableShape table_shape(const Tensor& tensor);

/// Copies `count` rows from `first` on to the host, column after column, in the order of `stream`,
/// and waits for them. What has no type on the host (bfloat16, 8 bits of a float) becomes float.
/// @param to room for all of it
/// @throws InvalidArgument if the rows are not there or the stream is being captured; CudaError.
void copy_to_host(const Tensor& tensor, std::int64_t first, std::int64_t count, void* to,
                  cudaStream_t stream);

}  // namespace inlay::cuda
