#include "tensor_reading.hpp"

#include <inlay/error.hpp>
#include <string>
#include <utility>

#include "array_interface.hpp"
#include "dlpack_tensor.hpp"
#include "stream_argument.hpp"
#include "torch_tensor.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

class Reader {
 public:
  Reader(py::handle object, py::handle stream, int device, IntakeDriver& driver)
      : object_(object), given_(read_stream(stream)), device_(device), driver_(driver) {}

  TensorReading read() {
    if (PyCapsule_CheckExact(object_.ptr())) {
      read_capsule(py::reinterpret_borrow<py::object>(object_));
      read_.route = "capsule";
      return std::move(read_);
    }
    const bool torch = is_torch(object_);
    if (torch) check_torch(object_);
    if (const dlpack::ExchangeApi* const api = exchange_api(object_)) {
      read_exchange(*api, torch);
    } else if (torch) {
      TorchTensor lent = read_torch(object_);
      read_.tensor = lent.tensor;
      read_.route = "torch";
      settle_device(false);
      runs_after(lent.stream);
    } else {
      read_protocols();
    }
    if (!read_.owner) read_.owner = py::reinterpret_borrow<py::object>(object_);
    return std::move(read_);
  }

 private:
  void read_exchange(const dlpack::ExchangeApi& api, bool torch) {
    dlpack::Tensor lent{};
    if (api.tensor_from_object(object_.ptr(), &lent) != 0) {
      py::error_already_set error;
      if (torch) explain_torch(object_);
      throw error;
    }
    DlpackTensor known = read_lent(lent, torch);
    read_.tensor = known.tensor;
    read_.route = "exchange";
    settle_device(known.managed);
    void* stream = nullptr;
    if (api.current_stream(lent.device.type, read_.tensor.device, &stream) != 0)
      throw py::error_already_set();
    runs_after(stream_of_handle(reinterpret_cast<std::uintptr_t>(stream)));
  }

  DlpackTensor read_lent(const dlpack::Tensor& lent, bool torch) {
    try {
      return read_dlpack(lent);
    } catch (const py::type_error&) {
      if (torch) explain_torch(object_);
      throw;
    }
  }

  // An interface that names its stream goes first: DLPack does not tell the current one.
  void read_protocols() {
    const bool speaks_dlpack =
        py::hasattr(object_, "__dlpack__") && py::hasattr(object_, "__dlpack_device__");
    const py::object interface = py::getattr(object_, "__cuda_array_interface__", py::none());
    if (interface.is_none()) {
      if (!speaks_dlpack)
        throw py::type_error("no tensor on a CUDA device: " +
                             std::string(py::repr(py::type::of(object_))));
      return read_dlpack_object(std::nullopt);
    }
    const std::optional<ArrayInterface> lent = read_array_interface(interface);
    if (!lent) {
      if (speaks_dlpack) {
        const py::object stream = interface[py::str("version")].cast<int>() < 3
                                      ? py::none()
                                      : interface.attr("get")("stream");
        std::optional<cudaStream_t> current;
        if (!stream.is_none())
          current = stream_of_integer(stream, "__cuda_array_interface__: stream");
        return read_dlpack_object(current);
      }
      throw py::type_error("elements of this type are not supported: " +
                           std::string(py::str(interface[py::str("typestr")])));
    }
    if (!lent->stream && speaks_dlpack) return read_dlpack_object(std::nullopt);
    read_.tensor = lent->tensor;
    read_.route = "cuda_array_interface";
    read_.read_only = lent->read_only;
    read_.tensor.device = read_.tensor.size() > 0 ? driver_.device_of(read_.tensor.data)
                                                  : (device_ < 0 ? 0 : device_);
    settle_device(false);
    if (lent->stream) {
      runs_after(*lent->stream);
    } else {
      read_.stream = given_ ? *given_ : driver_.own_stream(read_.tensor.device);
      read_.hold = true;
    }
  }

  void read_dlpack_object(std::optional<cudaStream_t> current) {
    const py::object pair = object_.attr("__dlpack_device__")();
    if (!py::isinstance<py::tuple>(pair) || py::len(pair) != 2)
      throw py::type_error("__dlpack_device__ gives no pair: " + std::string(py::repr(pair)));
    dlpack::Tensor where{};
    where.device = {number(pair[py::int_(0)]), number(pair[py::int_(1)])};
    const bool managed = where.device.type == dlpack::kCudaManaged;
    refuse_device(where.device);
    const int device = managed && device_ >= 0 ? device_ : where.device.id;
    if (device_ >= 0 && device != device_) refuse_other_device(device);
    std::int64_t follows = -1;
    if (given_) {
      read_.stream = *given_;
    } else if (current) {
      read_.stream = *current;
    } else {
      read_.stream = driver_.own_stream(device);
    }
    if (!(current && dlpack_integer(*current) == dlpack_integer(read_.stream)) &&
        !driver_.capturing(read_.stream))
      follows = dlpack_integer(read_.stream);
    const py::object capsule = call_dlpack(object_, follows);
    if (!PyCapsule_CheckExact(capsule.ptr()))
      throw py::type_error("__dlpack__ gives no capsule: " + std::string(py::repr(capsule)));
    read_lent_capsule(capsule);
    read_.route = "dlpack";
    settle_device(managed);
    read_.hold = !current || given_;
  }

  // A capsule alone: whoever made it saw to it that the legacy default stream may read it, which
  // our own stream follows.
  void read_capsule(const py::object& capsule) {
    const bool managed = read_lent_capsule(capsule);
    settle_device(managed);
    read_.stream = given_ ? *given_ : driver_.own_stream(read_.tensor.device);
    read_.hold = true;
  }

  bool read_lent_capsule(const py::object& capsule) {
    ConsumedCapsule consumed = consume_capsule(capsule);
    read_.owner = std::move(consumed.owner);
    read_.read_only = consumed.read_only;
    const DlpackTensor lent = read_dlpack(*consumed.tensor);
    read_.tensor = lent.tensor;
    return lent.managed;
  }

  static std::int32_t number(py::handle value) {
    // Members of an IntEnum are integers too.
    const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!index) throw py::error_already_set();
    int overflow = 0;
    const long result = PyLong_AsLongAndOverflow(index.ptr(), &overflow);
    if (overflow != 0 || result < INT32_MIN || result > INT32_MAX)
      throw InvalidArgument("__dlpack_device__ gives no device: " + std::string(py::str(index)));
    return static_cast<std::int32_t>(result);
  }

  void settle_device(bool managed) {
    if (managed && device_ >= 0) read_.tensor.device = device_;
    if (device_ >= 0 && read_.tensor.device != device_) refuse_other_device(read_.tensor.device);
  }

  [[noreturn]] void refuse_other_device(int device) const {
    throw InvalidArgument("a tensor on another device than the state, which is on " +
                          std::to_string(device_) + ": " + std::to_string(device));
  }

  void runs_after(cudaStream_t producer) {
    read_.stream = given_ ? *given_ : producer;
    if (given_ && dlpack_integer(*given_) != dlpack_integer(producer)) read_.after = producer;
  }

  const py::handle object_;
  const std::optional<cudaStream_t> given_;
  const int device_;
  IntakeDriver& driver_;
  TensorReading read_;
};

}  // namespace

TensorReading read_tensor(py::handle object, py::handle stream, int device, IntakeDriver& driver) {
  return Reader(object, stream, device, driver).read();
}

}  // namespace inlay::python
