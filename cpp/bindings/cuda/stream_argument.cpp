#include "stream_argument.hpp"

#include <inlay/error.hpp>
#include <string>

namespace py = pybind11;

namespace inlay::python {
namespace {

std::uintptr_t handle_of(py::handle value, py::handle object) {
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) {
    PyErr_Clear();
    throw py::type_error("stream has a handle that is no integer: " +
                         std::string(py::repr(object)));
  }
  void* const handle = PyLong_AsVoidPtr(index.ptr());
  if (handle == nullptr && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw InvalidArgument("stream has a handle that is no pointer: " +
                          std::string(py::repr(index)));
  }
  return reinterpret_cast<std::uintptr_t>(handle);
}

}  // namespace

cudaStream_t stream_of_handle(std::uintptr_t handle) noexcept {
  return handle == 0 ? cudaStreamLegacy : reinterpret_cast<cudaStream_t>(handle);
}

std::int64_t dlpack_integer(cudaStream_t stream) noexcept {
  if (stream == nullptr || stream == cudaStreamLegacy) return 1;
  if (stream == cudaStreamPerThread) return 2;
  return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(stream));
}

cudaStream_t stream_of_integer(py::handle stream, const char* what) {
  const auto value = [&] { return std::string(py::str(stream)); };
  if (PyBool_Check(stream.ptr()) || PyIndex_Check(stream.ptr()) == 0)
    throw py::type_error(std::string(what) + " is no integer: " + std::string(py::repr(stream)));
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(stream.ptr()));
  if (!index) throw py::error_already_set();
  const unsigned long long number = PyLong_AsUnsignedLongLong(index.ptr());
  if (number == ~0ULL && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw InvalidArgument(std::string(what) + " is no stream: " + value());
  }
  if (number == 0)
    throw InvalidArgument(std::string(what) +
                          " must say which default stream is meant, 1 for the legacy one or 2 for "
                          "the thread's own: 0");
  return reinterpret_cast<cudaStream_t>(static_cast<std::uintptr_t>(number));
}

std::optional<cudaStream_t> read_stream(py::handle stream) {
  if (!stream || stream.is_none()) return std::nullopt;
  if (PyIndex_Check(stream.ptr()) != 0) return stream_of_integer(stream, "stream");
  const py::object protocol = py::getattr(stream, "__cuda_stream__", py::none());
  if (!protocol.is_none()) {
    const py::object pair = PyCallable_Check(protocol.ptr()) != 0 ? protocol() : protocol;
    if (!py::isinstance<py::sequence>(pair) || py::len(pair) != 2)
      throw py::type_error("__cuda_stream__ gives no version and handle: " +
                           std::string(py::repr(pair)));
    const std::uintptr_t version = handle_of(pair[py::int_(0)], pair);
    if (version != 0)
      throw InvalidArgument("__cuda_stream__ of a version that is not understood: " +
                            std::to_string(version));
    return stream_of_handle(handle_of(pair[py::int_(1)], stream));
  }
  for (const char* const name : {"cuda_stream", "ptr"}) {
    const py::object handle = py::getattr(stream, name, py::none());
    if (!handle.is_none()) return stream_of_handle(handle_of(handle, stream));
  }
  throw py::type_error("stream is no CUDA stream: " + std::string(py::repr(stream)));
}

}  // namespace inlay::python
