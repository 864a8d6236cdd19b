#include "summary/column_launch.cuh"

namespace inlay::cuda {

template void load_columns_of<double>(ColumnCounts, std::uint32_t, int);
template void launch_columns_of<double>(const ColumnArgs&, ColumnCounts, cudaStream_t);

}  // namespace inlay::cuda
