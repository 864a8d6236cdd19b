#include "segment_input.hpp"

#include <algorithm>
#include <string>

#include <inlay/error.hpp>
#include <inlay/model/segments.hpp>

#include "column_blocks.hpp"

namespace inlay::python {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& value) {
  throw InvalidArgument("a segment is an integer of 0 to " + std::to_string(kMaxSegments - 1) +
                        where + ": " + value);
}

}  // namespace

SegmentInput::SegmentInput(PyObject* object, std::size_t rows) {
  if (PyLong_CheckExact(object) != 0) {
    int overflow = 0;
    const long long segment = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0 || segment < 0 || segment >= std::int64_t{kMaxSegments}) {
      refuse("", pybind11::str(pybind11::handle(object)));
    }
    one_ = static_cast<std::uint32_t>(segment);
    return;
  }
  ColumnBlocks column(object);
  check_same_size("segments", column.size(), "y_true", rows);
  if (rows != 0 && !column.is_integer()) {
    throw pybind11::type_error("segments are an integer, or integers with one a row, not floats");
  }
  has_each_ = true;
  each_.resize(rows);
  std::int64_t block[1024];
  for (std::size_t at = 0; at < rows; at += 1024) {
    const std::size_t size = std::min<std::size_t>(rows - at, 1024);
    column.integers(size, block);
    for (std::size_t i = 0; i < size; ++i) {
      if (block[i] < 0 || block[i] >= std::int64_t{kMaxSegments}) {
        refuse(", not at row " + std::to_string(at + i),
               block[i] == ColumnBlocks::kNoInteger ? "null" : std::to_string(block[i]));
      }
      each_[at + i] = static_cast<std::uint32_t>(block[i]);
    }
  }
}

}  // namespace inlay::python
