#pragma once

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include "runtime/tensor.hpp"

namespace inlay::python {

/// Whether it is a torch.Tensor; imports nothing.
bool is_torch(pybind11::handle object);

/// Refuses what its memory alone does not describe: a tensor of ROCm, one that stands for its
/// negative. @throws py::type_error
void check_torch(pybind11::handle tensor);

/// Says why torch would not lend a tensor's memory, if it is a kind that is known.
/// @throws py::type_error a sparse, quantised, conjugated, negated or meta tensor, or one of a
///   device that is not CUDA
void explain_torch(pybind11::handle tensor);

struct TorchTensor {
  cuda::Tensor tensor;
  cudaStream_t stream;  // torch's current one of the tensor's device
};

/// Reads a torch tensor through its Python attributes, for versions without exchange functions.
/// @throws py::type_error a tensor that is not on a CUDA device or cannot be read
TorchTensor read_torch(pybind11::handle tensor);

}  // namespace inlay::python
