#include "summary/column_launch.cuh"

namespace inlay::cuda {

template void load_columns_of<double>(const ColumnArgs&);
template void launch_columns_of<double>(const ColumnArgs&, cudaStream_t);

}  // namespace inlay::cuda
