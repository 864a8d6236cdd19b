// The baseline: SSE2 on x86-64, any vector unit of two doubles elsewhere.
#define INLAY_KERNEL_WIDTH 2
#include "summary/kernels_loops.hpp"

namespace inlay::detail {

constinit const SummaryKernels kSummaryKernelsScalar = make_kernels("scalar");

}  // namespace inlay::detail
