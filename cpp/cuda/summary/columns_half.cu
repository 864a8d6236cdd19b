#include "summary/column_launch.cuh"

namespace inlay::cuda {

template void load_columns_of<Half>(const ColumnArgs&);
template void launch_columns_of<Half>(const ColumnArgs&, cudaStream_t);

}  // namespace inlay::cuda
