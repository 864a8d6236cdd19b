#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "detect/device_rows.hpp"
#include "runtime/allocator.hpp"

namespace inlay::cuda {

struct SlicedDistances {
  std::vector<double> powers;  // of each direction, Wasserstein-p to the p-th power
  OddRows odd;
};

/// Distances of both sides seen from directions, [count][dims] in host memory, in doubles.
///
/// Projections are sorted one by one, at most 256 MiB of them at a time. Enqueues on `stream`,
/// waits for it once.
/// @param p 1 or 2
/// @throws InvalidArgument if the shapes differ, a side has no rows or the stream captures;
///   CudaError.
SlicedDistances sliced_distances(const DeviceRows& x, const DeviceRows& y, const double* directions,
                                 std::int32_t count, int p, cudaStream_t stream,
                                 std::shared_ptr<Allocator> allocator = nullptr);

}  // namespace inlay::cuda
