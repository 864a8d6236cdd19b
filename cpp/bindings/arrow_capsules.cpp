#include "arrow_capsules.hpp"

#include <inlay/error.hpp>

namespace py = pybind11;

namespace inlay::python {
namespace {

std::string type_name(const py::handle& object) { return Py_TYPE(object.ptr())->tp_name; }

template <class Struct>
const Struct* open(const py::handle& capsule, const char* name) {
  if (!PyCapsule_CheckExact(capsule.ptr())) {
    throw py::type_error(std::string("expected a PyCapsule named '") + name + "', got " +
                         type_name(capsule));
  }
  const auto* value = static_cast<const Struct*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (value == nullptr) throw py::error_already_set();
  if (value->release == nullptr) {
    throw InvalidArgument(std::string(name) + " was already consumed");
  }
  return value;
}

py::object call(const py::handle& object, const char* method) {
  if (!py::hasattr(object, method)) {
    throw py::type_error(std::string("expected an object with ") + method + ", got " +
                         type_name(object));
  }
  return object.attr(method)();
}

}  // namespace

BorrowedSchema::BorrowedSchema(const py::handle& object)
    : capsule_(call(object, "__arrow_c_schema__")),
      schema_(open<ArrowSchema>(capsule_, "arrow_schema")) {}

BorrowedArray::BorrowedArray(const py::handle& object)
    : capsules_(call(object, "__arrow_c_array__")) {
  if (!py::isinstance<py::tuple>(capsules_) || py::len(capsules_) != 2) {
    throw py::type_error(std::string("__arrow_c_array__ must return a pair of capsules, not ") +
                         py::repr(capsules_).cast<std::string>());
  }
  const auto pair = py::reinterpret_borrow<py::tuple>(capsules_);
  schema_ = open<ArrowSchema>(pair[0], "arrow_schema");
  array_ = open<ArrowArray>(pair[1], "arrow_array");
}

}  // namespace inlay::python
