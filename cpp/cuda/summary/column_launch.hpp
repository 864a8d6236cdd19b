#pragma once

#include <cuda_runtime_api.h>

#include "summary/column_args.hpp"

namespace inlay::cuda {

/// Loads what launch_columns() may need into the current device, for such arguments (block and
/// edges are looked at); to be called before the first launch, never while capturing.
/// @throws CudaError
void load_columns(const ColumnArgs& args);

/// Enqueues the kernel that counts what args.walk describes.
/// @throws CudaError if it cannot be enqueued.
void launch_columns(const ColumnArgs& args, cudaStream_t stream);

/// The same for one Walked type; each has a file of its own, columns_<type>.cu.
template <class T>
void load_columns_of(const ColumnArgs& args);
template <class T>
void launch_columns_of(const ColumnArgs& args, cudaStream_t stream);

/// Enqueues the kernel that moves a closed state to `result`, if all launches have left it.
/// @throws CudaError if it cannot be enqueued.
void launch_extract_columns(const WindowControl* control, unsigned closed, unsigned char* state,
                            const ColumnLayout& layout, unsigned char* result, cudaStream_t stream);
void load_extract_columns();

}  // namespace inlay::cuda
