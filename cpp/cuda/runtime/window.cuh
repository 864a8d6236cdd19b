#pragma once

#include "runtime/device_code.cuh"
#include "runtime/window_control.hpp"

namespace inlay::cuda {

/// The state that this launch writes to: 0 or 1. Every thread of every block calls it, once, first.
__device__ inline unsigned enter_window(WindowControl* control) {
  __shared__ unsigned chosen;
  if (threadIdx.x == 0) {
    if (atomicAdd(&control->started, 1U) == 0) {
      unsigned state = atomicAdd(&control->active, 0U);
      for (;;) {
        atomicAdd(&control->entered[state], 1U);
        __threadfence();
        const unsigned now = atomicAdd(&control->active, 0U);
        if (now == state) break;
        // The window turned in between; whoever reads the closed state must not wait for us.
        atomicAdd(&control->left[state], 1U);
        state = now;
      }
      chosen = state;
      atomicExch(&control->chosen, state + 1);
    } else {
      // The first block is running, so this ends.
      unsigned state = 0;
      while ((state = atomicAdd(&control->chosen, 0U)) == 0) {
      }
      chosen = state - 1;
    }
  }
  __syncthreads();
  return chosen;
}

/// Whether this block is the last of the launch to get here; what the others wrote before is then
/// visible to it. Every thread of every block calls it, once; the last block must call
/// leave_window() when it is done.
__device__ inline bool is_last_block(WindowControl* control) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    const unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
    last = atomicAdd(&control->ended, 1U) == blocks - 1;
  }
  __syncthreads();
  if (last) __threadfence();
  return last;
}

/// Ends the launch; all threads of the last block call it.
__device__ inline void leave_window(WindowControl* control, unsigned state) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    control->started = 0;
    control->ended = 0;
    control->chosen = 0;
    __threadfence();
    atomicAdd(&control->left[state], 1U);
  }
}

/// Closes the active state: launches that begin from now on write to the other. By one thread.
__device__ inline void turn_window(WindowControl* control) {
  atomicExch(&control->quiet, 0U);
  __threadfence();
  atomicXor(&control->active, 1U);
}

/// Decides, once for the whole extraction that follows on the same stream, whether every launch has
/// left the closed state; writes 1 or 0 to `answer` too. By one thread.
///
/// A launch may still register with the closed state and leave it again without writing, so a block
/// that looked for itself might see what another does not.
__device__ inline void settle_window(WindowControl* control, unsigned closed, unsigned* answer) {
  __threadfence();
  // In this order: a launch that enters between the two reads is counted by the second alone.
  const unsigned left = atomicAdd(&control->left[closed], 0U);
  const unsigned entered = atomicAdd(&control->entered[closed], 0U);
  const bool quiet = entered == left;
  control->quiet = quiet ? closed + 1 : 0U;
  *answer = quiet ? 1U : 0U;
}

/// What settle_window() decided: whether this extraction may read the closed state. The same for
/// every block; where it is false the kernel must return and touch nothing.
__device__ inline bool window_is_quiet(const WindowControl* control, unsigned closed) {
  return control->quiet == closed + 1;
}

}  // namespace inlay::cuda
