#include "runtime/window.cuh"

#include "runtime/error.hpp"
#include "runtime/kernel.hpp"
#include "runtime/window_turn.hpp"

namespace inlay::cuda {
namespace {

__global__ void turn_kernel(WindowControl* control) { turn_window(control); }

__global__ void settle_kernel(WindowControl* control, unsigned closed, unsigned* answer) {
  settle_window(control, closed, answer);
}

}  // namespace

void enqueue_turn(WindowControl* control, cudaStream_t stream) {
  turn_kernel<<<1, 1, 0, stream>>>(control);
  check(cudaGetLastError(), "turning a window");
}

void enqueue_settle(WindowControl* control, unsigned closed, unsigned* answer,
                    cudaStream_t stream) {
  settle_kernel<<<1, 1, 0, stream>>>(control, closed, answer);
  check(cudaGetLastError(), "settling a window");
}

void load_window_kernels() {
  load_kernel(turn_kernel);
  load_kernel(settle_kernel);
}

}  // namespace inlay::cuda
