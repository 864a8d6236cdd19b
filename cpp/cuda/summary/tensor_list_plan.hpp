#pragma once

#include "runtime/tensor.hpp"
#include "summary/column_plan.hpp"
#include "summary/tensor_list_kernel.cuh"

namespace inlay::cuda {

/// Appends a tensor to a launch's list; false if its values do not lie one behind the other.
inline bool append_tensor(TensorListArgs& args, const Tensor& tensor) {
  const ColumnWalk walk = plan_columns(tensor, -1, 1);
  const std::uint32_t at = args.count;
  args.first_chunk[at] = args.chunks;
  args.elements[at] =
      static_cast<std::uint8_t>(tensor.element == Element::kBool ? Element::kU8 : tensor.element);
  args.data[at] = walk.data;
  args.sizes[at] = static_cast<unsigned long long>(walk.rows);
  const bool own_place = reinterpret_cast<std::uintptr_t>(walk.data) % size_of(tensor.element) == 0;
  if (walk.rows != 0 && !(walk.dims == 1 && walk.strides[0] == 1 && own_place)) return false;
  args.chunks += static_cast<std::uint32_t>((walk.rows + kListChunk - 1) / kListChunk);
  args.first_chunk[++args.count] = args.chunks;
  return true;
}

}  // namespace inlay::cuda
