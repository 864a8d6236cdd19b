#include "summary/column_launch.cuh"

namespace inlay::cuda {

template struct ColumnKernels<std::uint8_t>;

}  // namespace inlay::cuda
