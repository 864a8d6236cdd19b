#include "model/binary_kernels.hpp"
#include "summary/kernels.hpp"

namespace inlay::detail {

const BinaryKernels& binary_kernels() noexcept {
#if defined(__x86_64__)
  // Wider registers gain nothing: most of the time goes into counting, row by row.
  if (&summary_kernels() != &kSummaryKernelsScalar) return kBinaryKernelsAvx2;
#endif
  return kBinaryKernelsScalar;
}

}  // namespace inlay::detail
