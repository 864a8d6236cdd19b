// Four doubles in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "model/binary_kernels_loops.hpp"

namespace inlay::detail {

constinit const BinaryKernels kBinaryKernelsAvx2 = make_binary_kernels();

}  // namespace inlay::detail
