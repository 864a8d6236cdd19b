#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inlay::python {

/// The segments of rows: one index for all of them, or a column of integers with one a row.
class SegmentInput {
 public:
  /// @throws pybind11::type_error if it is neither an integer nor a column of integers.
  /// @throws InvalidArgument naming the first index that is null, negative or not below
  /// kMaxSegments and its row, or both sizes if there are not `rows` of them.
  SegmentInput(PyObject* object, std::size_t rows);

  /// Of each row, or null if all have one().
  const std::uint32_t* each() const noexcept { return has_each_ ? each_.data() : nullptr; }
  std::uint32_t one() const noexcept { return one_; }

 private:
  std::vector<std::uint32_t> each_;
  std::uint32_t one_ = 0;
  bool has_each_ = false;
};

}  // namespace inlay::python
