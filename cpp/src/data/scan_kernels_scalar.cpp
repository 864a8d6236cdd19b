// Two doubles in a register: the baseline of every architecture.
#define INLAY_KERNEL_WIDTH 2
#include "data/scan_kernels_loops.hpp"

namespace inlay::detail {

constinit const ScanKernels kScanKernelsScalar = make_scan_kernels();

}  // namespace inlay::detail
