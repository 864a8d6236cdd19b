#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<BFloat16>;

}  // namespace inlay::cuda
