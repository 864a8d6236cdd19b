#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "detect/device_rows.hpp"
#include "runtime/allocator.hpp"

namespace inlay::cuda {

struct RowMoments {
  std::vector<double> mean;     // [dims]
  std::vector<double> scatter;  // [dims][dims]: sums of outer products of rows less the mean
  double fourth = 0.0;  // sum of squares of the squared lengths of rows less the mean, if wanted
  OddRows odd;          // these rows are left out of all
};

/// Mean and scatter in doubles: two passes, O(n d^2). Enqueues on `stream`, waits for it once.
/// @throws InvalidArgument if the tensor is no matrix or the stream captures; CudaError.
RowMoments row_moments(const DeviceRows& rows, bool fourth, cudaStream_t stream,
                       std::shared_ptr<Allocator> allocator = nullptr);

}  // namespace inlay::cuda
