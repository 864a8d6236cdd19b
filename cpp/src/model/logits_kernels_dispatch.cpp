#include "model/logits_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const LogitsKernels& logits_kernels() noexcept {
#if defined(__x86_64__)
  const SummaryKernels* chosen = &summary_kernels();
  if (chosen == &kSummaryKernelsAvx512) return kLogitsKernelsAvx512;
  if (chosen == &kSummaryKernelsAvx2) return kLogitsKernelsAvx2;
#endif
  return kLogitsKernelsScalar;
}

}  // namespace inlay::detail
