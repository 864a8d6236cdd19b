// What the baseline has: x86-64-v2, or the registers of another architecture.
#define INLAY_KERNEL_WIDTH 2
#include "model/binary_kernels_loops.hpp"

namespace inlay::detail {

constinit const BinaryKernels kBinaryKernelsScalar = make_binary_kernels();

}  // namespace inlay::detail
