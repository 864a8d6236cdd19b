#include <cstdint>
#include <inlay/error.hpp>
#include <string>

#include "summary/column_monitor.hpp"
#include "summary/column_plan.hpp"

namespace inlay::cuda {

bool ColumnMonitor::update(const Tensor& tensor, cudaStream_t stream, int axis) {
  if (tensor.device != device()) {
    inlay::detail::fail<InvalidArgument>(
        "the tensor must be on device " + std::to_string(device()) + ", but is on", tensor.device);
  }
  int columns_axis = -1;
  if (options_.columns != 1) {
    columns_axis = axis < 0 ? axis + tensor.dims : axis;
    if (columns_axis < 0 || columns_axis >= tensor.dims) {
      inlay::detail::fail<InvalidArgument>(
          "the tensor has " + std::to_string(tensor.dims) + " dimensions, none of number", axis);
    }
    if (tensor.shape[columns_axis] != static_cast<std::int64_t>(options_.columns)) {
      inlay::detail::fail<InvalidArgument>(
          "the tensor must have " + std::to_string(options_.columns) + " columns, but has",
          tensor.shape[columns_axis]);
    }
  }
  ColumnArgs args = args_;
  args.walk = plan_columns(tensor, columns_axis, target_blocks_);
  if (args.walk.rows == 0) return true;
  if (column_values(args.walk) > INT32_MAX) {
    inlay::detail::fail<InvalidArgument>("a tensor must have fewer values", tensor.size());
  }
  args.window = window_for(args.walk, args.scale, args.block);
  const bool narrow =
      with_element(tensor.element, []<class T>() { return sizeof(Real<T>) == sizeof(float); });
  args.bucket_cells = cells_[narrow ? 0 : 1];
  args.edges = edges_at_[narrow ? 0 : 1];
  return enqueue(stream, [&](const Launch& launch) { launch_columns(args, launch.stream); });
}

}  // namespace inlay::cuda
