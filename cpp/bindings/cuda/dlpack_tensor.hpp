#pragma once

#include <pybind11/pybind11.h>

#include "dlpack.hpp"
#include "runtime/tensor.hpp"

namespace inlay::python {

/// A tensor and what must be known of where it lies.
struct DlpackTensor {
  cuda::Tensor tensor;
  bool managed = false;  // readable from every device
};

/// @throws py::type_error a device whose memory CUDA kernels cannot or should not read
void refuse_device(dlpack::Device device);

/// Reads a DLPack struct, believing nothing in it.
/// @throws py::type_error  memory of another kind of device, an element type unknown here
/// @throws InvalidArgument a field that cannot be
DlpackTensor read_dlpack(const dlpack::Tensor& from);

/// Consumes a capsule: what comes back owns the tensor and runs its deleter. With the struct.
/// @throws InvalidArgument one that was consumed before, or of another major version
/// @throws py::type_error  a capsule of something else
struct ConsumedCapsule {
  pybind11::object owner;
  const dlpack::Tensor* tensor;
  bool read_only;
};
ConsumedCapsule consume_capsule(pybind11::handle capsule);

/// Calls object.__dlpack__ with the newest version that is understood, or without one where the
/// producer does not know that argument.
pybind11::object call_dlpack(pybind11::handle object, std::int64_t stream);

/// The exchange functions of a type, null if it has none that are understood. Looked up once for
/// each type.
const dlpack::ExchangeApi* exchange_api(pybind11::handle object);

}  // namespace inlay::python
