// Eight floats in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "model/logits_kernels_loops.hpp"

namespace inlay::detail {

constinit const LogitsKernels kLogitsKernelsAvx2 = make_logits_kernels();

}  // namespace inlay::detail
