#pragma once

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include <optional>

#include "runtime/tensor.hpp"

namespace inlay::python {

/// What reading a tensor needs of the driver; a test stands in for it.
class IntakeDriver {
 public:
  virtual ~IntakeDriver() = default;
  /// A stream of this library's own, for producers that name none.
  virtual cudaStream_t own_stream(int device) = 0;
  virtual bool capturing(cudaStream_t stream) = 0;
  /// The device that memory belongs to. @throws py::type_error memory of none
  virtual int device_of(const void* memory) = 0;
};

/// A tensor as it was lent, and where its kernel must run.
struct TensorReading {
  cuda::Tensor tensor;
  cudaStream_t stream = nullptr;
  /// What the producer works on, where that is another stream: `stream` must follow it.
  std::optional<cudaStream_t> after;
  /// "torch", "exchange", "dlpack", "capsule" or "cuda_array_interface".
  const char* route = "";
  bool read_only = false;  // as far as the producer tells
  pybind11::object owner;
  /// Nothing orders the reuse of the memory after `stream`: keep `owner` until the kernel has run.
  bool hold = false;
};

/// @param stream the caller's `stream=`
/// @param device where the state is, -1 for any
/// @throws as TensorInput does
TensorReading read_tensor(pybind11::handle object, pybind11::handle stream, int device,
                          IntakeDriver& driver);

}  // namespace inlay::python
