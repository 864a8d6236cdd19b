#include "array_interface.hpp"

#include <inlay/error.hpp>
#include <string>

#include "stream_argument.hpp"
#include "tensor_fields.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

py::object field(const py::dict& interface, const char* name) {
  return interface.contains(name) ? py::object(interface[name]) : py::none();
}

std::int64_t integer(py::handle value, const char* what) {
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) {
    PyErr_Clear();
    throw py::type_error(std::string("__cuda_array_interface__: ") + what +
                         " is no integer: " + std::string(py::repr(value)));
  }
  const long long number = PyLong_AsLongLong(index.ptr());
  if (number == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw InvalidArgument(std::string("__cuda_array_interface__: ") + what +
                          " does not fit 64 bits: " + std::string(py::repr(value)));
  }
  return number;
}

py::tuple tuple(py::handle value, const char* what) {
  if (!py::isinstance<py::tuple>(value))
    throw py::type_error(std::string("__cuda_array_interface__: ") + what +
                         " is no tuple: " + std::string(py::repr(value)));
  return py::reinterpret_borrow<py::tuple>(value);
}

std::optional<cuda::Element> element_of(py::handle typestr) {
  using cuda::Element;
  if (!py::isinstance<py::str>(typestr))
    throw py::type_error("__cuda_array_interface__: typestr is no str: " +
                         std::string(py::repr(typestr)));
  const auto text = typestr.cast<std::string>();
  if (text.size() < 3)
    throw InvalidArgument("__cuda_array_interface__: typestr " + detail::describe(text));
  const std::string kind = text.substr(1);
  if (text[0] == '>' && kind.substr(1) != "1")
    throw py::type_error("elements in big-endian order are not supported: " + text);
  if (kind[0] == 'V') return std::nullopt;  // how bfloat16 and the like appear
  if (kind == "f8") return Element::kF64;
  if (kind == "f4") return Element::kF32;
  if (kind == "f2") return Element::kF16;
  if (kind == "i8") return Element::kI64;
  if (kind == "i4") return Element::kI32;
  if (kind == "i2") return Element::kI16;
  if (kind == "i1") return Element::kI8;
  if (kind == "u1") return Element::kU8;
  if (kind == "b1") return Element::kBool;
  throw py::type_error("elements of this type are not supported: " + text);
}

}  // namespace

std::optional<ArrayInterface> read_array_interface(py::handle given) {
  if (!py::isinstance<py::dict>(given))
    throw py::type_error("__cuda_array_interface__ is no dict: " + std::string(py::repr(given)));
  const auto interface = py::reinterpret_borrow<py::dict>(given);
  const std::int64_t version = integer(field(interface, "version"), "version");
  if (version < 2)
    detail::fail<InvalidArgument>("__cuda_array_interface__ of a version before 2", version);
  if (!field(interface, "mask").is_none())
    throw py::type_error("__cuda_array_interface__ with a mask is not supported");

  ArrayInterface read;
  cuda::Tensor& tensor = read.tensor;
  const std::optional<cuda::Element> element = element_of(field(interface, "typestr"));
  if (!element) return std::nullopt;
  tensor.element = *element;

  const py::tuple shape = tuple(field(interface, "shape"), "shape");
  if (shape.size() > cuda::Tensor::kMaxDims)
    detail::fail<InvalidArgument>("a tensor of more than 8 dimensions", shape.size());
  tensor.dims = static_cast<int>(shape.size());
  for (int i = 0; i < tensor.dims; ++i)
    tensor.shape[i] = integer(shape[static_cast<std::size_t>(i)], "a size");

  const py::object strides = field(interface, "strides");
  if (!strides.is_none()) {
    const py::tuple given_strides = tuple(strides, "strides");
    if (given_strides.size() != shape.size())
      detail::fail<InvalidArgument>("__cuda_array_interface__: as many strides as sizes are needed",
                                    given_strides.size());
    const auto item = static_cast<std::int64_t>(size_of(tensor.element));
    for (int i = 0; i < tensor.dims; ++i) {
      const std::int64_t bytes = integer(given_strides[static_cast<std::size_t>(i)], "a stride");
      // Where there is one element no step is taken.
      if (bytes % item != 0 && tensor.shape[i] > 1)
        detail::fail<InvalidArgument>("a stride that is no multiple of the element's size", bytes);
      tensor.strides[i] = bytes / item;
    }
  }

  const py::tuple data = tuple(field(interface, "data"), "data");
  if (data.size() != 2)
    detail::fail<InvalidArgument>("__cuda_array_interface__: data has entries", data.size());
  const py::object address =
      py::reinterpret_steal<py::object>(PyNumber_Index(py::object(data[0]).ptr()));
  if (!address) {
    PyErr_Clear();
    throw py::type_error("__cuda_array_interface__: a pointer is no integer: " +
                         std::string(py::repr(py::object(data[0]))));
  }
  const unsigned long long bits = PyLong_AsUnsignedLongLong(address.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw InvalidArgument("__cuda_array_interface__: no pointer: " +
                          std::string(py::repr(address)));
  }
  tensor.data = reinterpret_cast<const void*>(static_cast<std::uintptr_t>(bits));
  const int read_only = PyObject_IsTrue(py::object(data[1]).ptr());
  if (read_only < 0) throw py::error_already_set();
  read.read_only = read_only != 0;
  finish_tensor(tensor, strides.is_none());

  const py::object stream = field(interface, "stream");
  if (!stream.is_none())
    read.stream = stream_of_integer(stream, "__cuda_array_interface__: stream");
  return read;
}

}  // namespace inlay::python
