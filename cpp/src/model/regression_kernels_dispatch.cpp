#include "model/regression_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const RegressionKernels& regression_kernels() noexcept {
#if defined(__x86_64__)
  if (&summary_kernels() != &kSummaryKernelsScalar) return kRegressionKernelsAvx2;
#endif
  return kRegressionKernelsScalar;
}

}  // namespace inlay::detail
