#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace inlay::cuda {

/// Temporary memory that sort_doubles() takes for as many.
/// @throws CudaError
std::size_t sort_doubles_bytes(std::int64_t count);

/// Enqueues: `to` is `from`, ascending. They may not overlap.
/// @param bytes of `temporary`, at least sort_doubles_bytes(count)
/// @throws CudaError
void sort_doubles(void* temporary, std::size_t bytes, const double* from, double* to,
                  std::int64_t count, cudaStream_t stream);

}  // namespace inlay::cuda
