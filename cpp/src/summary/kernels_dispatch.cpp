#include "summary/kernels.hpp"

namespace inlay::detail {

const SummaryKernels& summary_kernels() noexcept { return kSummaryKernelsScalar; }

}  // namespace inlay::detail
