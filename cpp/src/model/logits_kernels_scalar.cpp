// The baseline: SSE2 on x86-64, any vector unit of four floats elsewhere.
#define INLAY_KERNEL_WIDTH 2
#include "model/logits_kernels_loops.hpp"

namespace inlay::detail {

constinit const LogitsKernels kLogitsKernelsScalar = make_logits_kernels();

}  // namespace inlay::detail
