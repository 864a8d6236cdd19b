#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<Float8E4M3>;

}  // namespace inlay::cuda
