#pragma once

#include "detect/rows.cuh"
#include "detect_cases.hpp"

namespace inlay::cuda {

/// The rows of a case, as kernels on the host read them.
inline Rows rows_of(const test::RowsCase& rows) {
  Rows out;
  out.data = rows.values.data();
  out.element = Element::kF64;
  out.count = rows.count;
  out.dims = rows.dims;
  out.row_stride = rows.dims;
  out.dim_stride = 1;
  return out;
}

}  // namespace inlay::cuda
