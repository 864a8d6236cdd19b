#pragma once

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>

namespace inlay::python {

/// Reads the `stream=` of a caller: None, an int, or an object with `__cuda_stream__`,
/// `cuda_stream` (torch) or `ptr` (CuPy).
/// @returns nothing for None
/// @throws py::type_error  something else
/// @throws InvalidArgument an int that is no stream: 0, which could mean two, or a negative one
std::optional<cudaStream_t> read_stream(pybind11::handle stream);

/// A stream as __cuda_array_interface__ and DLPack write it: 1 the legacy default stream, 2 the one
/// of each thread, else a handle. `what` begins the messages.
cudaStream_t stream_of_integer(pybind11::handle stream, const char* what);

/// The handle of an object that knows its stream; here 0 is the legacy default stream.
cudaStream_t stream_of_handle(std::uintptr_t handle) noexcept;

/// A stream as DLPack's consumer passes it.
std::int64_t dlpack_integer(cudaStream_t stream) noexcept;

}  // namespace inlay::python
