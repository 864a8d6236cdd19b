#pragma once

#include <cuda_runtime_api.h>

#include "summary/column_args.hpp"

namespace inlay::cuda {

enum class ColumnCounts { kBuckets, kBucketsAndEdges };

/// Loads what launch_columns() may need into the current device, for columns with edges of
/// `edge_steps`; to be called before the first launch, never while capturing.
/// @throws CudaError
void load_columns(ColumnCounts counts, std::uint32_t edge_steps, int block_window);

/// The same for one element type; each has a file of its own, columns_<element>.cu.
template <class T>
void load_columns_of(ColumnCounts counts, std::uint32_t edge_steps, int block_window);
template <class T>
void launch_columns_of(const ColumnArgs& args, ColumnCounts counts, cudaStream_t stream);

/// Enqueues the kernel that counts what args.walk describes.
/// @throws CudaError if it cannot be enqueued.
void launch_columns(const ColumnArgs& args, ColumnCounts counts, cudaStream_t stream);

/// Enqueues the kernel that moves a closed state to `result`, if all launches have left it.
/// @throws CudaError if it cannot be enqueued.
void launch_extract_columns(const WindowControl* control, unsigned closed, unsigned char* state,
                            const ColumnLayout& layout, unsigned char* result, cudaStream_t stream);
void load_extract_columns();

}  // namespace inlay::cuda
