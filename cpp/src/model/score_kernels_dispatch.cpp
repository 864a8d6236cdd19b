#include "model/score_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const ScoreKernels& score_kernels() noexcept {
#if defined(__x86_64__)
  if (&summary_kernels() != &kSummaryKernelsScalar) return kScoreKernelsAvx2;
#endif
  return kScoreKernelsScalar;
}

}  // namespace inlay::detail
