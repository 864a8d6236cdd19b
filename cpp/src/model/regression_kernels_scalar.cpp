// Two doubles in a register: what every x86-64 and AArch64 machine has.
#define INLAY_KERNEL_WIDTH 2
#include "model/regression_kernels_loops.hpp"

namespace inlay::detail {

constinit const RegressionKernels kRegressionKernelsScalar = make_regression_kernels();

}  // namespace inlay::detail
