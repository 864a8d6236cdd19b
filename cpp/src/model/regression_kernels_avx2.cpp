// Four doubles in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "model/regression_kernels_loops.hpp"

namespace inlay::detail {

constinit const RegressionKernels kRegressionKernelsAvx2 = make_regression_kernels();

}  // namespace inlay::detail
