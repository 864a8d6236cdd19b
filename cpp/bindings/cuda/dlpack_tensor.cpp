#include "dlpack_tensor.hpp"

#include <inlay/error.hpp>
#include <limits>
#include <string>
#include <unordered_map>

#include "tensor_fields.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

constexpr const char* kCapsule = "dltensor";
constexpr const char* kVersionedCapsule = "dltensor_versioned";

cuda::Element element_of(dlpack::DataType type) {
  using cuda::Element;
  if (type.lanes == 1) {
    switch (type.code << 8 | type.bits) {
      case dlpack::kFloat << 8 | 64:
        return Element::kF64;
      case dlpack::kFloat << 8 | 32:
        return Element::kF32;
      case dlpack::kFloat << 8 | 16:
        return Element::kF16;
      case dlpack::kBfloat << 8 | 16:
        return Element::kBF16;
      case dlpack::kFloat8E4M3Fn << 8 | 8:
        return Element::kF8E4M3;
      case dlpack::kFloat8E5M2 << 8 | 8:
        return Element::kF8E5M2;
      case dlpack::kInt << 8 | 64:
        return Element::kI64;
      case dlpack::kInt << 8 | 32:
        return Element::kI32;
      case dlpack::kInt << 8 | 16:
        return Element::kI16;
      case dlpack::kInt << 8 | 8:
        return Element::kI8;
      case dlpack::kUInt << 8 | 8:
        return Element::kU8;
      case dlpack::kBool << 8 | 8:
        return Element::kBool;
      default:
        break;
    }
  }
  std::string name;
  switch (type.code) {
    case dlpack::kInt:
      name = "int";
      break;
    case dlpack::kUInt:
      name = "uint";
      break;
    case dlpack::kFloat:
      name = "float";
      break;
    case dlpack::kComplex:
      name = "complex";
      break;
    default:
      name = "DLPack type " + std::to_string(type.code) + " of bits ";
  }
  name += std::to_string(type.bits);
  if (type.lanes != 1) name += " in " + std::to_string(type.lanes) + " lanes";
  throw py::type_error("elements of this type are not supported: " + name);
}

template <class Managed>
void free_managed(PyObject* capsule) {
  auto* const managed =
      static_cast<Managed*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
  if (managed == nullptr) {
    PyErr_WriteUnraisable(capsule);
  } else if (managed->deleter != nullptr) {
    managed->deleter(managed);
  }
}

// The producer's capsule is marked as used, as the protocol asks; ours owns the tensor from then.
template <class Managed>
py::object take_over(py::handle capsule, Managed* managed, const char* used) {
  py::object owner = py::reinterpret_steal<py::object>(
      PyCapsule_New(managed, "inlay.dltensor", &free_managed<Managed>));
  if (!owner) throw py::error_already_set();
  if (PyCapsule_SetName(capsule.ptr(), used) != 0) {
    PyCapsule_SetDestructor(owner.ptr(), nullptr);
    throw py::error_already_set();
  }
  return owner;
}

}  // namespace

void refuse_device(dlpack::Device device) {
  switch (device.type) {
    case dlpack::kCuda:
    case dlpack::kCudaManaged:
      return;
    case dlpack::kCpu:
    case dlpack::kCudaHost:
      throw py::type_error("a tensor in host memory, not on a CUDA device: DLPack device " +
                           std::to_string(device.type));
    case dlpack::kRocm:
    case dlpack::kRocmHost:
      throw py::type_error("a tensor of ROCm; only CUDA devices are supported: DLPack device " +
                           std::to_string(device.type));
    default:
      throw py::type_error("a tensor that is not on a CUDA device: DLPack device " +
                           std::to_string(device.type));
  }
}

DlpackTensor read_dlpack(const dlpack::Tensor& from) {
  using Limits = std::numeric_limits<std::int64_t>;
  DlpackTensor read;
  cuda::Tensor& tensor = read.tensor;
  refuse_device(from.device);
  tensor.element = element_of(from.dtype);
  if (from.device.id < 0)
    detail::fail<InvalidArgument>("a DLPack tensor of no device", from.device.id);
  tensor.device = from.device.id;
  read.managed = from.device.type == dlpack::kCudaManaged;

  if (from.ndim < 0) detail::fail<InvalidArgument>("a DLPack tensor of dimensions", from.ndim);
  if (from.ndim > cuda::Tensor::kMaxDims)
    detail::fail<InvalidArgument>("a tensor of more than 8 dimensions", from.ndim);
  if (from.ndim > 0 && from.shape == nullptr)
    detail::fail<InvalidArgument>("a DLPack tensor without a shape, of dimensions", from.ndim);
  tensor.dims = from.ndim;
  for (int i = 0; i < from.ndim; ++i) {
    tensor.shape[i] = from.shape[i];
    if (from.strides != nullptr) tensor.strides[i] = from.strides[i];
  }
  if (from.byte_offset > static_cast<std::uint64_t>(Limits::max()))
    detail::fail<InvalidArgument>("a DLPack tensor at byte offset",
                                  static_cast<unsigned long long>(from.byte_offset));
  if (from.data != nullptr) tensor.data = static_cast<const char*>(from.data) + from.byte_offset;
  finish_tensor(tensor, from.strides == nullptr);
  return read;
}

ConsumedCapsule consume_capsule(py::handle capsule) {
  const char* const name = PyCapsule_GetName(capsule.ptr());
  if (name == nullptr) {
    PyErr_Clear();
    throw py::type_error("a capsule without a name is no DLPack tensor");
  }
  const std::string_view kind = name;
  if (kind == kCapsule) {
    auto* const managed =
        static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (managed == nullptr) throw py::error_already_set();
    py::object owner = take_over(capsule, managed, "used_dltensor");
    return ConsumedCapsule{std::move(owner), &managed->tensor, false};
  }
  if (kind == kVersionedCapsule) {
    auto* const managed =
        static_cast<dlpack::ManagedTensorVersioned*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (managed == nullptr) throw py::error_already_set();
    py::object owner = take_over(capsule, managed, "used_dltensor_versioned");
    if (managed->version.major != dlpack::kMajorVersion)
      detail::fail<InvalidArgument>("a DLPack tensor of a major version that is not understood",
                                    managed->version.major);
    return ConsumedCapsule{std::move(owner), &managed->tensor,
                           (managed->flags & dlpack::kReadOnly) != 0};
  }
  if (kind == "used_dltensor" || kind == "used_dltensor_versioned")
    detail::fail<InvalidArgument>("a DLPack capsule can be read once, and this one was", kind);
  throw py::type_error("a capsule that is no DLPack tensor: " + detail::describe(kind));
}

py::object call_dlpack(py::handle object, std::int64_t stream) {
  const py::object method = object.attr("__dlpack__");
  // Without a stream the producer would take the legacy default stream for ours.
  try {
    return method(py::arg("stream") = stream,
                  py::arg("max_version") = py::make_tuple(dlpack::kMajorVersion, 3));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return method(py::arg("stream") = stream);
}

const dlpack::ExchangeApi* exchange_api(py::handle object) {
  // Types are few and are kept, so that the address of one that ended cannot mean another.
  static auto* const known = new std::unordered_map<PyTypeObject*, const dlpack::ExchangeApi*>;
  PyTypeObject* const type = Py_TYPE(object.ptr());
  const auto found = known->find(type);
  if (found != known->end()) return found->second;
  const dlpack::ExchangeApi* api = nullptr;
  const py::handle type_object(reinterpret_cast<PyObject*>(type));
  const py::object attribute = py::getattr(type_object, "__dlpack_c_exchange_api__", py::none());
  if (PyCapsule_IsValid(attribute.ptr(), "dlpack_exchange_api") != 0) {
    auto* header = static_cast<dlpack::ExchangeHeader*>(
        PyCapsule_GetPointer(attribute.ptr(), "dlpack_exchange_api"));
    while (header != nullptr && header->version.major != dlpack::kMajorVersion)
      header = header->previous;
    if (header != nullptr) {
      api = reinterpret_cast<const dlpack::ExchangeApi*>(header);
      if (api->tensor_from_object == nullptr || api->current_stream == nullptr) api = nullptr;
    }
  }
  if (known->size() < 64) {
    type_object.inc_ref();
    if (!attribute.is_none()) attribute.inc_ref();
    known->emplace(type, api);
  }
  return api;
}

}  // namespace inlay::python
