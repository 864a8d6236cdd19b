#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace inlay::python {

/// The segments of rows: one index for all of them, or a column of integers with one a row.
class SegmentInput {
 public:
  /// @throws pybind11::type_error if it is neither an integer nor a column of numbers.
  /// @throws InvalidArgument naming the first index that is no integer, negative or not below
  /// kMaxSegments and its row, or both sizes if there are not `rows` of them.
  SegmentInput(PyObject* object, std::size_t rows);

  /// Of each row, or null if all have one().
  const std::uint32_t* each() const noexcept { return each_.get(); }
  std::uint32_t one() const noexcept { return one_; }

 private:
  std::unique_ptr<std::uint32_t[]> each_;
  std::uint32_t one_ = 0;
};

}  // namespace inlay::python
