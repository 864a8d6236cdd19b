// Rows of a tensor on the host, for what no kernel computes.

#include "data/host_copy.hpp"

#include <pybind11/pybind11.h>

#include "components.hpp"
#include "tensor_fields.hpp"
#include "tensor_input.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

py::tuple tensor_facts(py::handle values) {
  TensorInput input(values, py::none());
  input.finished();  // nothing reads it
  const cuda::Tensor& tensor = input.tensor();
  py::tuple shape(static_cast<std::size_t>(tensor.dims));
  for (int d = 0; d < tensor.dims; ++d) shape[static_cast<std::size_t>(d)] = tensor.shape[d];
  return py::make_tuple(tensor.device, shape, name_of(tensor.element));
}

py::bytearray columns_to_host(py::handle values, std::int64_t first, std::int64_t count,
                              py::handle stream) {
  TensorInput input(values, stream);
  const cuda::TableShape shape = cuda::table_shape(input.tensor());
  const std::size_t bytes = count <= 0
                                ? 0
                                : static_cast<std::size_t>(count) *
                                      static_cast<std::size_t>(shape.columns) * shape.element_bytes;
  py::bytearray out(nullptr, bytes);
  char* const to = PyByteArray_AsString(out.ptr());
  {
    // Safe: `input` holds the memory on the device, and nobody else knows `out`.
    const py::gil_scoped_release release;
    cuda::copy_to_host(input.tensor(), first, count, to, input.stream());
  }
  input.finished();
  return out;
}

}  // namespace

void register_host_copy(py::module_& m) {
  m.def("tensor_facts", &tensor_facts, py::arg("values"),
        "Return the number of a tensor's device, its shape and the name of its element type.");
  m.def("columns_to_host", &columns_to_host, py::arg("values"), py::arg("first"), py::arg("count"),
        py::arg("stream") = py::none(),
        "Return rows of a tensor of one or two dimensions, column after column; bfloat16 and "
        "floats of 8 bits become float32. Waits for them.");
}

}  // namespace inlay::python
