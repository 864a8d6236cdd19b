#include "torch_tensor.hpp"

#include <inlay/error.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stream_argument.hpp"
#include "tensor_fields.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

PyObject* interned(const char* name) {
  PyObject* const text = PyUnicode_InternFromString(name);
  if (text == nullptr) throw py::error_already_set();
  return text;
}

// What is asked of torch, looked up once and kept for good.
struct Torch {
  py::object tensor_type;
  bool rocm = false;
  std::vector<std::pair<PyObject*, cuda::Element>> dtypes;
  py::object raw_stream;  // device -> handle of the current stream
  PyObject* get_device = interned("get_device");
  PyObject* data_ptr = interned("data_ptr");
  PyObject* dtype = interned("dtype");
  PyObject* shape = interned("shape");
  PyObject* stride = interned("stride");
  PyObject* is_neg = interned("is_neg");

  explicit Torch(py::module_ torch) : tensor_type(torch.attr("Tensor")) {
    using cuda::Element;
    rocm = !py::getattr(torch.attr("version"), "hip", py::none()).is_none();
    for (const Element element : {Element::kF64, Element::kF32, Element::kF16, Element::kBF16,
                                  Element::kF8E4M3, Element::kF8E5M2, Element::kI64, Element::kI32,
                                  Element::kI16, Element::kI8, Element::kU8, Element::kBool}) {
      py::object known = py::getattr(torch, name_of(element), py::none());
      if (!known.is_none()) dtypes.emplace_back(known.release().ptr(), element);
    }
    raw_stream =
        py::getattr(py::getattr(torch, "_C", py::none()), "_cuda_getCurrentRawStream", py::none());
    if (raw_stream.is_none()) {
      raw_stream = py::cpp_function(
          [current = py::object(torch.attr("cuda").attr("current_stream"))](
              int device) -> py::object { return current(device).attr("cuda_stream"); });
    }
  }
};

const Torch* the_torch() {
  static Torch* torch = nullptr;
  if (torch == nullptr) {
    const py::object module =
        py::reinterpret_steal<py::object>(PyImport_GetModule(py::str("torch").ptr()));
    // Another thread may be importing it.
    if (!module || !py::hasattr(module, "Tensor") || !py::hasattr(module, "version") ||
        !py::hasattr(module, "cuda")) {
      PyErr_Clear();
      return nullptr;
    }
    torch = new Torch(py::reinterpret_borrow<py::module_>(module));
  }
  return torch;
}

py::object call(py::handle object, PyObject* method) {
  py::object result =
      py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(object.ptr(), method));
  if (!result) throw py::error_already_set();
  return result;
}

py::object attribute(py::handle object, PyObject* name) {
  py::object result = py::reinterpret_steal<py::object>(PyObject_GetAttr(object.ptr(), name));
  if (!result) throw py::error_already_set();
  return result;
}

void fill(std::int64_t* to, py::handle tuple, int count) {
  for (int i = 0; i < count; ++i) {
    to[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple.ptr(), i));
    if (to[i] == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  }
}

bool says(py::handle tensor, const char* name) {
  try {
    const py::object value = tensor.attr(name);
    return (PyCallable_Check(value.ptr()) != 0 ? value() : value).cast<bool>();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

bool is_torch(py::handle object) {
  const Torch* const torch = the_torch();
  return torch != nullptr && PyObject_TypeCheck(object.ptr(), reinterpret_cast<PyTypeObject*>(
                                                                  torch->tensor_type.ptr())) != 0;
}

void check_torch(py::handle tensor) {
  const Torch* const torch = the_torch();
  if (torch == nullptr) return;
  if (torch->rocm)
    throw py::type_error("a tensor of ROCm; only CUDA devices are supported: torch for HIP");
  if (call(tensor, torch->is_neg).ptr() == Py_True)
    throw py::type_error(
        "a tensor whose memory holds its negative; pass tensor.resolve_neg(): is_neg()");
}

void explain_torch(py::handle tensor) {
  if (says(tensor, "is_meta")) throw py::type_error("a meta tensor has no elements");
  const auto layout = std::string(py::str(py::getattr(tensor, "layout", py::str("torch.strided"))));
  if (layout != "torch.strided")
    throw py::type_error("a sparse tensor cannot be read; pass its values(): " + layout);
  if (says(tensor, "is_quantized"))
    throw py::type_error("a quantised tensor cannot be read; pass its dequantize(): " +
                         std::string(py::str(tensor.attr("dtype"))));
  if (says(tensor, "is_conj"))
    throw py::type_error("a conjugated tensor cannot be read: " +
                         std::string(py::str(tensor.attr("dtype"))));
  if (says(tensor, "is_neg"))
    throw py::type_error(
        "a tensor whose memory holds its negative; pass tensor.resolve_neg(): is_neg()");
  if (!says(tensor, "is_cuda"))
    throw py::type_error("a tensor that is not on a CUDA device: " +
                         std::string(py::str(py::getattr(tensor, "device", py::none()))));
}

TorchTensor read_torch(py::handle object) {
  const Torch& torch = *the_torch();
  TorchTensor read;
  cuda::Tensor& tensor = read.tensor;
  try {
    tensor.device = PyLong_AsLong(call(object, torch.get_device).ptr());
    if (tensor.device < 0) {
      PyErr_Clear();
      throw py::type_error("a tensor that is not on a CUDA device");
    }
    const py::object dtype = attribute(object, torch.dtype);
    bool known = false;
    for (const auto& [candidate, element] : torch.dtypes) {
      if (candidate != dtype.ptr()) continue;
      tensor.element = element;
      known = true;
      break;
    }
    if (!known)
      throw py::type_error("elements of this type are not supported: " +
                           std::string(py::str(dtype)));
    const py::object shape = attribute(object, torch.shape);
    const py::object strides = call(object, torch.stride);
    if (!PyTuple_Check(shape.ptr()) || !PyTuple_Check(strides.ptr()) ||
        PyTuple_GET_SIZE(shape.ptr()) != PyTuple_GET_SIZE(strides.ptr()))
      throw py::type_error("a tensor without strides");
    if (PyTuple_GET_SIZE(shape.ptr()) > cuda::Tensor::kMaxDims)
      detail::fail<InvalidArgument>("a tensor of more than 8 dimensions",
                                    static_cast<long long>(PyTuple_GET_SIZE(shape.ptr())));
    tensor.dims = static_cast<int>(PyTuple_GET_SIZE(shape.ptr()));
    fill(tensor.shape, shape, tensor.dims);
    fill(tensor.strides, strides, tensor.dims);
    tensor.data = PyLong_AsVoidPtr(call(object, torch.data_ptr).ptr());
  } catch (const py::type_error&) {
    explain_torch(object);
    throw;
  } catch (const py::error_already_set&) {
    explain_torch(object);
    throw;
  }
  finish_tensor(tensor, false);
  read.stream = stream_of_handle(
      reinterpret_cast<std::uintptr_t>(PyLong_AsVoidPtr(torch.raw_stream(tensor.device).ptr())));
  return read;
}

}  // namespace inlay::python
