#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <inlay/arrow/c_data.hpp>
#include <vector>

namespace inlay::python {

/// A column of numbers lent by a Python object: anything with the buffer protocol (numpy arrays,
/// array.array, memoryview, …; read-only, strided and n-dimensional ones too), with
/// __arrow_c_array__ or __arrow_c_stream__ (nulls, slices and chunks), with __array__, or a
/// sequence of numbers and None.
///
/// float32 and float64 are passed on as they lie in memory; other floats, integers and booleans are
/// converted to double a block at a time, exactly up to 53 bits and to the nearest double beyond.
/// Byte-swapped, complex, temporal, decimal and text values are refused with a TypeError that names
/// them. Nothing is copied but n-dimensional arrays with gaps, sequences, and single blocks.
///
/// Made and destroyed with the GIL; read without it if the reader likes. One thread at a time.
class ColumnInput {
 public:
  /// @throws pybind11::type_error if the object is no such column, and whatever it raises itself.
  explicit ColumnInput(PyObject* object);
  ColumnInput(const ColumnInput&) = delete;
  ColumnInput& operator=(const ColumnInput&) = delete;
  ~ColumnInput();

  /// Values, nulls included.
  std::size_t size() const noexcept { return size_; }

  /// Whether reading takes so long (about 10 microseconds) that the GIL should be released.
  bool is_long() const noexcept { return size_ > kShort; }

  /// Calls f(const double*, size) or f(const float*, size) for runs of values that are not null, in
  /// order, and returns the number of nulls. f returns nothing and must not throw. Touches no
  /// Python object.
  template <class F>
  std::size_t for_each_span(F&& f) const noexcept {
    std::size_t nulls = nulls_;
    if (run_.size != 0) nulls += visit(run_, f);
    for (const Run& run : more_runs_) nulls += visit(run, f);
    return nulls;
  }

 private:
  static constexpr std::size_t kShort = 4096;
  static constexpr std::size_t kBlock = 1024;

  enum class Element : std::uint8_t {
    kF64,
    kF32,
    kF16,
    kLongDouble,
    kI8,
    kI16,
    kI32,
    kI64,
    kU8,
    kU16,
    kU32,
    kU64,
    kBits
  };

  /// Values `stride` bytes apart; null where `validity` has a 0 at bit `bit_offset` + i.
  struct Run {
    const char* data = nullptr;
    std::size_t size = 0;
    std::ptrdiff_t stride = 0;
    const std::uint8_t* validity = nullptr;
    std::size_t bit_offset = 0;  // into validity, and into data if its elements are bits
    Element element = Element::kF64;
  };

  template <class F>
  static std::size_t visit(const Run& run, F& f) noexcept {
    if (run.validity == nullptr) {
      if (run.element == Element::kF64 && is_packed<double>(run)) {
        f(reinterpret_cast<const double*>(run.data), run.size);
        return 0;
      }
      if (run.element == Element::kF32 && is_packed<float>(run)) {
        f(reinterpret_cast<const float*>(run.data), run.size);
        return 0;
      }
    }
    double block[kBlock];
    std::size_t valid = 0;
    for (std::size_t at = 0; at < run.size; at += kBlock) {
      const std::size_t size = run.size - at < kBlock ? run.size - at : kBlock;
      const std::size_t kept = convert(run, at, size, block);
      if (kept != 0) f(static_cast<const double*>(block), kept);
      valid += kept;
    }
    return run.size - valid;
  }

  template <class T>
  static bool is_packed(const Run& run) noexcept {
    return run.stride == static_cast<std::ptrdiff_t>(sizeof(T)) &&
           reinterpret_cast<std::uintptr_t>(run.data) % alignof(T) == 0;
  }

  // Writes the values at..at+size-1 that are not null and returns how many they are.
  static std::size_t convert(const Run& run, std::size_t at, std::size_t size,
                             double* out) noexcept;
  static std::size_t width_of(Element element) noexcept;
  static bool element_of_format(const char* format, Py_ssize_t item_size, Element& out) noexcept;
  static bool element_of_arrow(const char* format, Element& out) noexcept;

  bool take_buffer(PyObject* object);
  bool take_arrow(PyObject* object);
  void take_sequence(PyObject* object);
  void take_arrow_array(const ArrowSchema& schema, ArrowArray& array);
  void release() noexcept;

  std::size_t size_ = 0;
  std::size_t nulls_ = 0;
  Run run_;
  std::vector<Run> more_runs_;
  std::vector<char> copied_;
  std::vector<ArrowArray> arrays_;
  Py_buffer view_;
  bool has_view_ = false;
};

/// Calls f for the runs of a column, without the GIL if it is long, and returns the nulls.
template <class F>
std::size_t for_each_span(PyObject* column, F&& f) {
  const ColumnInput input(column);
  if (!input.is_long()) return input.for_each_span(f);
  // Safe: the input holds the memory, and no Python object is touched until it is read.
  const pybind11::gil_scoped_release release;
  return input.for_each_span(f);
}

}  // namespace inlay::python
