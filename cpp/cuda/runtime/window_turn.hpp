#pragma once

#include <cuda_runtime_api.h>

namespace inlay::cuda {

struct WindowControl;

/// Makes launches that begin from now on write to the other state.
/// @throws CudaError if it cannot be enqueued.
void enqueue_turn(WindowControl* control, cudaStream_t stream);

}  // namespace inlay::cuda
