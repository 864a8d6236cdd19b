// Eight doubles in a register: x86-64-v4.
#define INLAY_KERNEL_WIDTH 8
#include "data/scan_kernels_loops.hpp"

namespace inlay::detail {

constinit const ScanKernels kScanKernelsAvx512 = make_scan_kernels();

}  // namespace inlay::detail
