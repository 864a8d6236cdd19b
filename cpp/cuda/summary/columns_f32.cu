#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<float>;

}  // namespace inlay::cuda
