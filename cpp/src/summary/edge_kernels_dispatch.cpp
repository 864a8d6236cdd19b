#include "summary/edge_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const EdgeKernels& edge_kernels() noexcept {
#if defined(__x86_64__)
  const SummaryKernels* chosen = &summary_kernels();
  if (chosen == &kSummaryKernelsAvx512) return kEdgeKernelsAvx512;
  if (chosen == &kSummaryKernelsAvx2) return kEdgeKernelsAvx2;
#endif
  return kEdgeKernelsScalar;
}

}  // namespace inlay::detail
