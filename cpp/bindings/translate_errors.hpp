#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <inlay/error.hpp>

namespace inlay::python {

/// Sets an error of inlay._exceptions: the classes live in Python, so that they have one home and
/// ordinary documentation.
inline void set_error(const char* class_name, const char* message) {
  const pybind11::object type = pybind11::module_::import("inlay._exceptions").attr(class_name);
  PyErr_SetString(type.ptr(), message);
}

/// Each module's translator of what the core throws; lets other exceptions pass.
inline void translate(std::exception_ptr exception) {
  try {
    if (exception) std::rethrow_exception(exception);
  } catch (const InvalidArgument& error) {
    set_error("InvalidArgumentError", error.what());
  } catch (const OutOfRange& error) {
    set_error("OutOfRangeError", error.what());
  } catch (const SerializationError& error) {
    set_error("SerializationError", error.what());
  } catch (const Error& error) {
    set_error("InlayError", error.what());
  }
}

}  // namespace inlay::python
