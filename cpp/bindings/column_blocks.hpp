#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include <inlay/error.hpp>

#include "column_input.hpp"

namespace inlay::python {

/// A column of numbers read a block of rows at a time, as columns that belong together are. Nulls
/// keep their places. Each call reads the next `size` rows, which must exist.
///
/// Made and destroyed with the GIL; reading touches no Python object. One thread at a time.
class ColumnBlocks : public ColumnInput {
 public:
  /// Stands for what is no integer of 64 bits: null, NaN, a fraction.
  static constexpr std::int64_t kNoInteger = std::numeric_limits<std::int64_t>::min();

  /// @throws pybind11::type_error if the object is no such column, and whatever it raises itself.
  explicit ColumnBlocks(PyObject* object) : ColumnInput(object) {}

  /// Whether all rows are float32: floats() reads them as they are.
  bool is_f32() const noexcept;

  /// The rows as they lie in memory or, converted, in `scratch`; NaN for null.
  const double* doubles(std::size_t size, double* scratch) noexcept;
  /// Only if is_f32().
  const float* floats(std::size_t size, float* scratch) noexcept;
  /// Integers exactly; kNoInteger for what is none.
  void integers(std::size_t size, std::int64_t* out) noexcept;
  /// The rows where they lie, if they are packed and of this type without nulls; otherwise null,
  /// and nothing is read.
  const std::int64_t* packed_integers(std::size_t size) noexcept;
  const double* packed_doubles(std::size_t size) noexcept;
  const float* packed_floats(std::size_t size) noexcept;

  /// Goes back to the first row.
  void rewind() noexcept { run_index_ = at_ = 0; }

 private:
  template <class T>
  const T* packed(Element element, std::size_t size) noexcept;
  template <class T>
  void copy_integers(const Run& run, std::size_t at, std::size_t size, std::int64_t* out) noexcept;
  template <class F>
  void for_each_part(std::size_t size, F&& f) noexcept;
  const Run* run() noexcept;

  std::size_t run_index_ = 0;
  std::size_t at_ = 0;  // in the run
};

/// @throws InvalidArgument naming both sizes if a column is not as long as another.
inline void check_same_size(const char* what, std::size_t size, const char* other,
                            std::size_t other_size) {
  if (size == other_size) return;
  throw InvalidArgument(std::string(what) + " has " + std::to_string(size) + " rows, " + other +
                        " has " + std::to_string(other_size));
}

}  // namespace inlay::python
