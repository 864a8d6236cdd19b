#pragma once

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include "runtime/tensor.hpp"
#include "tensor_reading.hpp"

namespace inlay::python {

/// A tensor that Python lends for one call: torch's and whatever else speaks DLPack or
/// __cuda_array_interface__, read where it is. Needs the GIL to make and to destroy.
///
/// With `stream` None work runs on the producer's current stream where it tells, else on a stream
/// of this library's own that follows the legacy default stream and is followed by it. With a
/// stream given (an int by the rules of __cuda_array_interface__, an object with `__cuda_stream__`,
/// `cuda_stream` or `ptr`) it runs on that one, after what the producer enqueued before.
///
/// The memory must stay valid until the kernel has run. What came by a capsule, and what tells no
/// stream, is held until then; torch and CuPy reuse memory in the order of their own streams.
class TensorInput {
 public:
  /// @param device what the state is on, -1 for any
  /// @throws py::type_error     no tensor on a CUDA device, or of a kind that cannot be read:
  /// sparse,
  ///                            quantised, conjugated, meta, of ROCm, of an element type unknown
  ///                            here
  /// @throws InvalidArgument    another device, a stream or a field that is not allowed
  /// @throws py::error_already_set what the producer raised
  TensorInput(pybind11::handle object, pybind11::handle stream, int device = -1);
  TensorInput(const TensorInput&) = delete;
  TensorInput& operator=(const TensorInput&) = delete;
  ~TensorInput();

  const cuda::Tensor& tensor() const noexcept { return read_.tensor; }
  cudaStream_t stream() const noexcept { return read_.stream; }
  bool read_only() const noexcept { return read_.read_only; }
  /// Says that what read the memory has run, so that it need not be held any longer.
  void finished() noexcept { read_.hold = false; }

 private:
  TensorReading read_;
};

}  // namespace inlay::python
