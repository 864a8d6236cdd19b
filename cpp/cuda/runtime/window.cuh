#pragma once

#include "runtime/device_code.cuh"

namespace inlay::cuda {

/// Which of a monitor's two window states its kernels write to, kept in device memory.
///
/// The host turns the window by a kernel of its own stream, whatever streams or captured graphs the
/// updates run in: each launch chooses its state when its first block starts and stays with it, and
/// a closed state is read once as many launches have left it as have entered. So a graph captured
/// before a turn writes to the new state after it, and nobody waits.
///
/// The launches of one monitor follow each other (the host orders streams by events), so one set
/// of counters for the launch in flight is enough.
struct WindowControl {
  unsigned active;      // 0 or 1: the state that launches enter
  unsigned entered[2];  // launches that chose the state, and those that are done with it
  unsigned left[2];
  unsigned started;  // blocks of the launch in flight that began, and those that ended
  unsigned ended;
  unsigned chosen;  // its state plus 1; 0 until the first block has chosen
};

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

}  // namespace inlay::cuda
