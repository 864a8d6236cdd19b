#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <inlay/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../python_bytes.hpp"
#include "components.hpp"
#include "model/logits_monitor.hpp"
#include "monitor_methods.hpp"
#include "stream_argument.hpp"
#include "tensor_fields.hpp"
#include "tensor_input.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

constexpr const char* kName = "logits monitor";

// Leading dimensions are rows, if the strides let them be one.
void flatten_rows(cuda::Tensor& tensor, const char* what) {
  if (tensor.dims == 1) {
    tensor.shape[1] = tensor.shape[0];
    tensor.strides[1] = tensor.strides[0];
    tensor.shape[0] = 1;
    tensor.strides[0] = 0;
    tensor.dims = 2;
    return;
  }
  while (tensor.dims > 2) {
    const int last = tensor.dims - 2;
    const bool adjoin = tensor.size() == 0 || tensor.shape[0] == 1 || tensor.shape[1] == 1 ||
                        tensor.strides[0] == tensor.shape[1] * tensor.strides[1];
    if (!adjoin) {
      throw InvalidArgument(std::string(what) +
                            " of more than two dimensions must have rows at equal distances: "
                            "reshape them to [rows, columns]");
    }
    if (tensor.shape[1] == 1) tensor.strides[1] = tensor.strides[0];
    tensor.shape[1] *= tensor.shape[0];
    for (int i = 0; i <= last; ++i) {
      tensor.shape[i] = tensor.shape[i + 1];
      tensor.strides[i] = tensor.strides[i + 1];
    }
    --tensor.dims;
  }
}

// Chosen tokens in the shape of the rows, as one dimension.
void flatten_ids(cuda::Tensor& tensor) {
  if (tensor.dims == 0) {
    tensor.dims = 1;
    tensor.shape[0] = 1;
    tensor.strides[0] = 1;
  }
  if (tensor.dims == 1) return;
  tensor.shape[tensor.dims] = 1;
  tensor.strides[tensor.dims] = 1;
  if (tensor.dims == cuda::Tensor::kMaxDims) throw InvalidArgument("chosen tokens of 8 dimensions");
  ++tensor.dims;
  flatten_rows(tensor, "chosen tokens");
  tensor.dims = 1;
}

void enqueue(cuda::LogitsMonitor& self, const py::object& logits, const py::object& chosen,
             const py::object& mask, const py::object& out, const py::object& stream,
             std::int64_t vocabulary) {
  const TensorInput entries(logits, stream, self.device());
  cuda::LogitsInput input;
  input.logits = entries.tensor();
  if (input.logits.dims == 0) throw InvalidArgument("logits have at least one dimension, not 0");
  switch (input.logits.element) {
    case cuda::Element::kF64:
    case cuda::Element::kF32:
    case cuda::Element::kF16:
    case cuda::Element::kBF16:
      break;
    default:
      throw py::type_error(std::string("logits are float64, float32, float16 or bfloat16, not ") +
                           name_of(input.logits.element));
  }
  flatten_rows(input.logits, "logits");
  if (vocabulary >= 0 && input.logits.shape[1] != vocabulary) {
    throw InvalidArgument("logits have vocabulary = " + std::to_string(vocabulary) +
                          " columns, not " + std::to_string(input.logits.shape[1]));
  }
  // The others go where the logits go, after what their producers have enqueued.
  const py::int_ where(dlpack_integer(entries.stream()));
  std::optional<TensorInput> ids;
  cuda::Tensor id_tensor;
  if (!chosen.is_none()) {
    ids.emplace(chosen, where, self.device());
    id_tensor = ids->tensor();
    if (id_tensor.element != cuda::Element::kI64 && id_tensor.element != cuda::Element::kI32) {
      throw py::type_error(std::string("chosen tokens on a device are int64 or int32, not ") +
                           name_of(id_tensor.element));
    }
    flatten_ids(id_tensor);
    input.chosen = &id_tensor;
  }
  std::optional<TensorInput> hidden;
  cuda::Tensor mask_tensor;
  if (!mask.is_none()) {
    hidden.emplace(mask, where, self.device());
    mask_tensor = hidden->tensor();
    if (mask_tensor.element != cuda::Element::kBool && mask_tensor.element != cuda::Element::kU8) {
      throw py::type_error(std::string("a mask is of bool or uint8, not ") +
                           name_of(mask_tensor.element));
    }
    if (mask_tensor.dims > 2) flatten_rows(mask_tensor, "a mask");
    input.mask = &mask_tensor;
  }
  std::optional<TensorInput> results;
  if (!out.is_none()) {
    results.emplace(out, where, self.device());
    if (results->read_only()) throw py::type_error("results of rows go to no read-only tensor");
    input.out = &results->tensor();
  }
  self.update(input, entries.stream());
}

void update(cuda::LogitsMonitor& self, const py::object& logits, const py::object& chosen,
            const py::object& mask, const py::object& out, const py::object& stream,
            std::int64_t vocabulary) {
  update_monitor(self, kName,
                 [&] { enqueue(self, logits, chosen, mask, out, stream, vocabulary); });
}

py::bytes take(cuda::LogitsMonitor& self) { return bytes_of(self.take().to_bytes()); }

}  // namespace

void register_logits(py::module_& m) {
  py::class_<cuda::LogitsMonitor, MonitorHolder<cuda::LogitsMonitor>> type(
      m, "LogitsMonitor", "Distributions of logits, counted on a device.");
  type.def(
      py::init([](int device, int scale) { return make_held<cuda::LogitsMonitor>(device, scale); }),
      py::kw_only(), py::arg("device"), py::arg("scale"));
  type.def("update", &update, py::arg("logits"), py::arg("chosen") = py::none(), py::kw_only(),
           py::arg("mask") = py::none(), py::arg("out") = py::none(),
           py::arg("stream") = py::none(), py::arg("vocabulary") = -1,
           "Enqueue the reading of a batch.");
  type.def("take", &take, "Return, as bytes of a Logits, what has arrived since the last call.");
  bind_monitor<cuda::LogitsMonitor>(type, kName);
}

}  // namespace inlay::python
