#pragma once

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include <optional>

#include "runtime/tensor.hpp"

namespace inlay::python {

/// What a __cuda_array_interface__ says. It does not name the device.
struct ArrayInterface {
  cuda::Tensor tensor;
  std::optional<cudaStream_t> stream;  // what the producer works on; none if the data is ready
  bool read_only = false;
};

/// Reads version 2 or 3 of the interface, believing nothing in it.
/// @returns nothing where the element type is one that the interface has no name for
/// @throws py::type_error  a field of the wrong type, elements of an unsupported type
/// @throws InvalidArgument a value that cannot be or is not allowed, stream 0 for one
std::optional<ArrayInterface> read_array_interface(pybind11::handle interface);

}  // namespace inlay::python
