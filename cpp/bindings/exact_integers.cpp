#include "exact_integers.hpp"

#include <cstdint>
#include <cstring>
#include <inlay/error.hpp>
#include <string>

namespace py = pybind11;

namespace inlay::python {

ExactInteger exact_integer(const py::object& integer) {
  int overflow = 0;
  const long long small = PyLong_AsLongLongAndOverflow(integer.ptr(), &overflow);
  if (overflow == 0) {
    if (small == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return ExactInteger::of(small);
  }
  if (integer.attr("bit_length")().cast<long long>() > 255) {
    throw InvalidArgument("an integer needs more than 256 bits: " +
                          py::str(integer).cast<std::string>());
  }
  const auto bytes = py::bytes(integer.attr("to_bytes")(32, "little", py::arg("signed") = true));
  std::uint64_t limbs[4];
  std::memcpy(limbs, PyBytes_AS_STRING(bytes.ptr()), sizeof(limbs));
  return ExactInteger::of_limbs(limbs[0], limbs[1], limbs[2], limbs[3]);
}

py::int_ python_int(const ExactInteger& value) {
  if (value.is_short()) return {value.low()};
  PyObject* number = PyLong_FromString(value.text().c_str(), nullptr, 10);
  if (number == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::int_>(number);
}

}  // namespace inlay::python
