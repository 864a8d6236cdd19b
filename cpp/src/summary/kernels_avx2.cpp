// Four doubles in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "summary/kernels_loops.hpp"

namespace inlay::detail {

constinit const SummaryKernels kSummaryKernelsAvx2 = make_kernels("avx2");

}  // namespace inlay::detail
