#include "runtime/window.cuh"

#include "runtime/error.hpp"
#include "runtime/window_turn.hpp"

namespace inlay::cuda {
namespace {

__global__ void turn_kernel(WindowControl* control) { atomicXor(&control->active, 1U); }

}  // namespace

void enqueue_turn(WindowControl* control, cudaStream_t stream) {
  turn_kernel<<<1, 1, 0, stream>>>(control);
  check(cudaGetLastError(), "turning a window");
}

}  // namespace inlay::cuda
