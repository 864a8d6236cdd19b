#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "runtime/tensor.hpp"

namespace inlay::cuda {

struct LogitsState;
struct WindowControl;

/// Rows of logits on a device, with what goes with them.
struct LogitsInput {
  Tensor logits;                   // [rows, columns] of float64, float32, float16 or bfloat16
  const Tensor* chosen = nullptr;  // [rows] of int64 or int32
  const Tensor* mask = nullptr;    // bool or uint8: [rows, columns], [columns] or [1, columns]
  const Tensor* out = nullptr;     // float32 [rows, kLogitsOut], contiguous
};

/// Bytes of scratch memory that a launch may use, whatever its input.
std::size_t logits_scratch_bytes();

/// Loads all kernels into the current device.
void load_logits_kernels();

/// Reads a batch, each row by `parts` blocks, or as many as fit the device if 0. Enqueues one
/// kernel; nothing without rows.
/// @throws InvalidArgument for shapes and types that do not go together, before anything is
/// enqueued.
/// @throws CudaError if it cannot be enqueued.
void update_logits_async(const LogitsInput& input, int scale, WindowControl* control,
                         LogitsState* const states[2], void* scratch, int multiprocessors,
                         unsigned parts, cudaStream_t stream);

/// Moves a closed state, of logits_state_bytes(scale), to `result` and leaves it empty.
void extract_logits_async(const WindowControl* control, unsigned closed, LogitsState* state,
                          void* result, int scale, cudaStream_t stream);

}  // namespace inlay::cuda
