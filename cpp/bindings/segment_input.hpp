#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "column_blocks.hpp"

namespace inlay::python {

/// The segments of rows: one index for all of them, or a column of integers with one a row.
class SegmentInput {
 public:
  /// @throws pybind11::type_error if it is neither an integer nor a column of numbers.
  /// @throws InvalidArgument naming the first index that is no integer, negative or not below
  /// kMaxSegments and its row, or both sizes if there are not `rows` of them.
  /// With `in_place`, packed int64 are left where they lie, unchecked, and each() is null.
  SegmentInput(PyObject* object, std::size_t rows, bool in_place = false);

  /// Of each row, or null if all have one().
  const std::uint32_t* each() const noexcept { return each_.get(); }
  /// @throws InvalidArgument as the constructor, of those that are left where they lie.
  void check_in_place() const;
  /// Those that are left where they lie, or null.
  const std::int64_t* in_place() const noexcept { return in_place_; }
  std::uint32_t one() const noexcept { return one_; }

 private:
  std::unique_ptr<std::uint32_t[]> each_;
  std::unique_ptr<ColumnBlocks> kept_;
  const std::int64_t* in_place_ = nullptr;
  std::size_t rows_ = 0;
  std::uint32_t one_ = 0;
};

}  // namespace inlay::python
