// Four doubles in a register: x86-64-v3.
#define INLAY_KERNEL_WIDTH 4
#include "data/scan_kernels_loops.hpp"

namespace inlay::detail {

constinit const ScanKernels kScanKernelsAvx2 = make_scan_kernels();

}  // namespace inlay::detail
