// Eight doubles in a register: x86-64-v4.
#define INLAY_KERNEL_WIDTH 8
#include "summary/edge_kernels_loops.hpp"

namespace inlay::detail {

constinit const EdgeKernels kEdgeKernelsAvx512 = make_edge_kernels(24, 48);

}  // namespace inlay::detail
