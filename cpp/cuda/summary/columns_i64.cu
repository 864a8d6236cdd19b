#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<std::int64_t>;

}  // namespace inlay::cuda
