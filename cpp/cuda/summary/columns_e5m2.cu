#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<Float8E5M2>;

}  // namespace inlay::cuda
