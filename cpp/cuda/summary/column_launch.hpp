#pragma once

#include <cuda_runtime_api.h>

#include "summary/column_args.hpp"

namespace inlay::cuda {

enum class ColumnCounts { kMoments, kBuckets, kBucketsAndEdges };

/// Loads the kernels of all element types and lets them take their shared memory; to be called
/// once per device before the first launch, never while capturing.
/// @throws CudaError
void prepare_columns();

/// Enqueues the kernel that counts what args.walk describes.
/// @throws CudaError if it cannot be enqueued.
void launch_columns(const ColumnArgs& args, ColumnCounts counts, cudaStream_t stream);

}  // namespace inlay::cuda
