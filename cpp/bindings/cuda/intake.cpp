// What Python may ask about tensors and the driver; nothing here launches anything.

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <inlay/error.hpp>
#include <string>

#include "components.hpp"
#include "stream_argument.hpp"
#include "tensor_fields.hpp"
#include "tensor_reading.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using Facts = py::typing::Dict<py::str, py::object>;

// Stands in for the driver, so that what a producer lends can be looked at without one.
class NoDriver final : public IntakeDriver {
 public:
  NoDriver(bool capturing, int memory_device)
      : capturing_(capturing), memory_device_(memory_device) {}
  cudaStream_t own_stream(int) override { return own(); }
  bool capturing(cudaStream_t) override { return capturing_; }
  int device_of(const void*) override { return memory_device_; }

  static cudaStream_t own() {
    static char place;
    return reinterpret_cast<cudaStream_t>(&place);
  }

 private:
  bool capturing_;
  int memory_device_;
};

py::object stream_object(cudaStream_t stream) {
  if (stream == NoDriver::own()) return py::str("own");
  return py::int_(dlpack_integer(stream));
}

Facts describe(py::handle object, py::handle stream, int device, bool capturing,
               int memory_device) {
  NoDriver driver(capturing, memory_device);
  const TensorReading read = read_tensor(object, stream, device, driver);
  py::list shape;
  py::list strides;
  for (int i = 0; i < read.tensor.dims; ++i) {
    shape.append(read.tensor.shape[i]);
    strides.append(read.tensor.strides[i]);
  }
  Facts facts;
  facts["route"] = read.route;
  facts["pointer"] = reinterpret_cast<std::uintptr_t>(read.tensor.data);
  facts["dtype"] = name_of(read.tensor.element);
  facts["shape"] = py::tuple(shape);
  facts["strides"] = py::tuple(strides);
  facts["device"] = read.tensor.device;
  facts["stream"] = stream_object(read.stream);
  facts["after"] = read.after ? stream_object(*read.after) : py::none();
  facts["held"] = read.hold;
  facts["read_only"] = read.read_only;
  return facts;
}

// Told apart by hand: without a driver the runtime speaks of one that is too old.
Facts availability() {
  Facts facts;
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  int devices = 0;
  const cudaError_t code = cudaGetDeviceCount(&devices);
  static_cast<void>(cudaGetLastError());
  facts["driver"] = driver;
  facts["runtime"] = CUDART_VERSION;
  facts["devices"] = code == cudaSuccess ? devices : 0;
  facts["error"] = code == cudaSuccess || code == cudaErrorNoDevice
                       ? std::string()
                       : std::string(cudaGetErrorString(code));
  return facts;
}

}  // namespace

void register_intake(py::module_& m) {
  m.def("availability", &availability,
        "Return the versions of driver and runtime (13000 is 13.0), the number of devices, and "
        "what CUDA says where it cannot count them. The first call of the driver in a process.");
  m.def("describe", &describe, py::arg("object"), py::arg("stream") = py::none(), py::kw_only(),
        py::arg("device") = -1, py::arg("capturing") = false, py::arg("memory_device") = 0,
        "Return how a tensor would be read, without a driver: a capsule is consumed. `capturing` "
        "and `memory_device` are what a driver would say.");
}

}  // namespace inlay::python
