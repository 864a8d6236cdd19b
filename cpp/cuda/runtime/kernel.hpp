#pragma once

#include <cuda_runtime_api.h>

namespace inlay::cuda {

/// Loads a kernel into the current device. Called where a monitor is made: a kernel that its first
/// launch had to load would do so within a step of the model, or while a graph is captured.
/// @param shared_bytes dynamic shared memory it may be launched with; over 48 KiB needs saying.
/// @throws CudaError if the kernel has no code for the device, or the device not that much memory.
void load_kernel_at(const void* kernel, int shared_bytes);

template <class... Arguments>
void load_kernel(void (*kernel)(Arguments...), int shared_bytes = 0) {
  load_kernel_at(reinterpret_cast<const void*>(kernel), shared_bytes);
}

}  // namespace inlay::cuda
