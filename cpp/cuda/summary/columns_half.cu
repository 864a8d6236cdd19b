#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<Half>;

}  // namespace inlay::cuda
