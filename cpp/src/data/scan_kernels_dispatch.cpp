#include "data/scan_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const ScanKernels& scan_kernels() noexcept {
#if defined(__x86_64__)
  const SummaryKernels* chosen = &summary_kernels();
  if (chosen == &kSummaryKernelsAvx512) return kScanKernelsAvx512;
  if (chosen == &kSummaryKernelsAvx2) return kScanKernelsAvx2;
#endif
  return kScanKernelsScalar;
}

}  // namespace inlay::detail
