// The baseline: SSE2 on x86-64, any vector unit of two doubles elsewhere.
#define INLAY_KERNEL_WIDTH 2
#include "summary/edge_kernels_loops.hpp"

namespace inlay::detail {

constinit const EdgeKernels kEdgeKernelsScalar = make_edge_kernels(10, 20);

}  // namespace inlay::detail
