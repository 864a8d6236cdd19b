#include "summary/column_launch.cuh"

namespace inlay::cuda {

template void load_columns_of<AnyFloat>(const ColumnArgs&);
template void launch_columns_of<AnyFloat>(const ColumnArgs&, cudaStream_t);

}  // namespace inlay::cuda
