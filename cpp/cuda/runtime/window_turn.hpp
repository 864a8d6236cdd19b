#pragma once

#include <cuda_runtime_api.h>

namespace inlay::cuda {

struct WindowControl;

/// Makes launches that begin from now on write to the other state.
/// @throws CudaError if it cannot be enqueued.
void enqueue_turn(WindowControl* control, cudaStream_t stream);

/// Decides on the device whether every launch has left `closed`, for the extraction enqueued next
/// on `stream`, and writes 1 or 0 to `answer` in device memory.
/// @throws CudaError if it cannot be enqueued.
void enqueue_settle(WindowControl* control, unsigned closed, unsigned* answer, cudaStream_t stream);

/// Loads both kernels into the current device.
void load_window_kernels();

}  // namespace inlay::cuda
