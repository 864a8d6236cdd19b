#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<double>;

}  // namespace inlay::cuda
