#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <inlay/detect/two_sample.hpp>
#include <memory>
#include <vector>

#include "runtime/allocator.hpp"
#include "runtime/tensor.hpp"

namespace inlay::cuda {

/// What the CPU says of two columns, and what was kept apart.
struct ComparedColumns {
  TwoSample result;
  std::uint64_t nan[2] = {0, 0};
  std::uint64_t rounded = 0;  // integers that no double holds
};

/// Compares columns of two matrices, shape (n, d) and (m, d) or (n,) and (m,), one by one: each
/// pair is sorted as one by the device, and one walk over it gives all statistics.
///
/// Kolmogorov-Smirnov is that of the CPU exactly, all else to some 1e-12. Takes 10 bytes a value of
/// a pair, or 18 where a value is no float, once for all columns. Enqueues on `stream`, waits for
/// it once.
/// @throws InvalidArgument if the shapes are others, a side has 2^30 values or more, or the stream
///   captures; CudaError.
std::vector<ComparedColumns> compare_columns(const Tensor& x, const Tensor& y, cudaStream_t stream,
                                             std::shared_ptr<Allocator> allocator = nullptr);

}  // namespace inlay::cuda
