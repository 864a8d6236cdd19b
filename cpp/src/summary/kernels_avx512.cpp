// Eight doubles in a register: x86-64-v4.
#define INLAY_KERNEL_WIDTH 8
#include "summary/kernels_loops.hpp"

namespace inlay::detail {

constinit const SummaryKernels kSummaryKernelsAvx512 = make_kernels("avx512");

}  // namespace inlay::detail
