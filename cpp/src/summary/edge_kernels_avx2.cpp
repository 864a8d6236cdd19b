// Four doubles in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "summary/edge_kernels_loops.hpp"

namespace inlay::detail {

constinit const EdgeKernels kEdgeKernelsAvx2 = make_edge_kernels(12, 24);

}  // namespace inlay::detail
