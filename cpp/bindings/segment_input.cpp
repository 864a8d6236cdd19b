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

// Indices of the rows from `at` on.
void check(const std::int64_t* segments, std::size_t size, std::size_t at) {
  static_assert((kMaxSegments & (kMaxSegments - 1)) == 0);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < size; ++i) all |= static_cast<std::uint64_t>(segments[i]);
  if (all < kMaxSegments) return;
  for (std::size_t i = 0; i < size; ++i) {
    if (segments[i] >= 0 && segments[i] < std::int64_t{kMaxSegments}) continue;
    refuse(", not at row " + std::to_string(at + i),
           segments[i] == ColumnBlocks::kNoInteger ? "no integer" : std::to_string(segments[i]));
  }
}

}  // namespace

SegmentInput::SegmentInput(PyObject* object, std::size_t rows, bool in_place) : rows_(rows) {
  if (PyLong_CheckExact(object) != 0) {
    int overflow = 0;
    const long long segment = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0 || segment < 0 || segment >= std::int64_t{kMaxSegments}) {
      refuse("", pybind11::str(pybind11::handle(object)));
    }
    one_ = static_cast<std::uint32_t>(segment);
    return;
  }
  kept_ = std::make_unique<ColumnBlocks>(object);
  ColumnBlocks& column = *kept_;
  check_same_size("segments", column.size(), "y_true", rows);
  if (in_place) {
    in_place_ = column.packed_integers(rows);
    if (in_place_ != nullptr) return;
  }
  each_ = std::make_unique_for_overwrite<std::uint32_t[]>(rows);
  std::int64_t block[1024];
  for (std::size_t at = 0; at < rows; at += 1024) {
    const std::size_t size = std::min<std::size_t>(rows - at, 1024);
    const std::int64_t* found = column.packed_integers(size);
    if (found == nullptr) {
      column.integers(size, block);
    } else {
      std::copy_n(found, size, block);  // what is looked at is what is kept: others may write there
    }
    for (std::size_t i = 0; i < size; ++i) each_[at + i] = static_cast<std::uint32_t>(block[i]);
    check(block, size, at);
  }
}

void SegmentInput::check_in_place() const {
  if (in_place_ != nullptr) check(in_place_, rows_, 0);
}

}  // namespace inlay::python
