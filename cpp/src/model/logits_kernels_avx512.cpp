// Sixteen floats in a register: x86-64-v4.
#define INLAY_KERNEL_WIDTH 8
#include "model/logits_kernels_loops.hpp"

namespace inlay::detail {

constinit const LogitsKernels kLogitsKernelsAvx512 = make_logits_kernels();

}  // namespace inlay::detail
