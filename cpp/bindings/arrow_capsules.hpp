#pragma once

#include <pybind11/pybind11.h>

#include <inlay/arrow/c_data.hpp>
#include <string>

namespace inlay::python {

/// A schema that a Python object lends by __arrow_c_schema__. Made and destroyed with the GIL; read
/// without it if the reader likes.
class BorrowedSchema {
 public:
  /// @throws pybind11::type_error if the object has none, and whatever it raises itself.
  explicit BorrowedSchema(const pybind11::handle& object);
  const ArrowSchema& schema() const { return *schema_; }

 private:
  pybind11::object capsule_;  // frees the struct, since nobody takes it over
  const ArrowSchema* schema_;
};

/// An array and its schema that a Python object lends by __arrow_c_array__; likewise.
class BorrowedArray {
 public:
  /// @throws pybind11::type_error if the object has none, and whatever it raises itself.
  explicit BorrowedArray(const pybind11::handle& object);
  const ArrowSchema& schema() const { return *schema_; }
  const ArrowArray& array() const { return *array_; }

 private:
  pybind11::object capsules_;
  const ArrowSchema* schema_;
  const ArrowArray* array_;
};

}  // namespace inlay::python
