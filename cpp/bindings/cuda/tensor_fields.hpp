#pragma once

#include "runtime/tensor.hpp"

namespace inlay::python {

/// Fills in row-major strides where there are none, and refuses what no memory can hold.
/// `tensor` has its data, element, dims and shape, and strides unless `row_major`.
/// @throws InvalidArgument a negative size, more bytes than can be addressed, no memory where there
///   are elements, or memory that is not aligned to them
void finish_tensor(cuda::Tensor& tensor, bool row_major);

/// What errors and tests call an element type, as numpy and torch do.
const char* name_of(cuda::Element element);

}  // namespace inlay::python
