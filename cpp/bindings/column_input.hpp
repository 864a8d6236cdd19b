#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>

#include "column_source.hpp"

namespace inlay::python {

/// A column of numbers, read as doubles or floats.
///
/// float32 and float64 are passed on as they lie in memory; other floats, integers and booleans are
/// converted to double a block at a time, exactly up to 53 bits and to the nearest double beyond
/// (rounded() tells how many were not exact). Byte-swapped, complex, temporal, decimal and text
/// values are refused with a TypeError that names them.
class ColumnInput : public ColumnSource {
 public:
  /// @throws pybind11::type_error if the object is no such column, and whatever it raises itself.
  explicit ColumnInput(PyObject* object) : ColumnSource(object, Takes::kNumbers) {}

  /// Calls f(const double*, size) or f(const float*, size) for runs of values that are not null, in
  /// order, and returns the number of nulls. f returns nothing and must not throw. Touches no
  /// Python object.
  template <class F>
  std::size_t for_each_span(F&& f) const noexcept {
    std::size_t nulls = 0;
    for_each_run([&](const Run& run) { nulls += visit(run, f); });
    return nulls;
  }

  /// Calls f(const double*, size) for all values in order, with NaN in the places of nulls, until
  /// it returns false. f must not throw. Touches no Python object.
  template <class F>
  void for_each_span_in_place(F&& f) const noexcept {
    bool wanted = true;
    for_each_run([&](const Run& run) { wanted = wanted && visit_in_place(run, f); });
  }

  /// Integers and long doubles read so far that no double holds exactly.
  std::size_t rounded() const noexcept { return rounded_; }
  using ColumnSource::is_rounded;

 protected:
  // Writes the values at..at+size-1, NaN for a null.
  void convert_in_place(const Run& run, std::size_t at, std::size_t size,
                        double* out) const noexcept;

 private:
  template <class F>
  std::size_t visit(const Run& run, F& f) const noexcept {
    if (run.validity == nullptr && run.dictionary == nullptr) {
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

  template <class F>
  bool visit_in_place(const Run& run, F& f) const noexcept {
    if (run.validity == nullptr && run.dictionary == nullptr && run.element == Element::kF64 &&
        is_packed<double>(run)) {
      return f(reinterpret_cast<const double*>(run.data), run.size);
    }
    double block[kBlock];
    for (std::size_t at = 0; at < run.size; at += kBlock) {
      const std::size_t size = run.size - at < kBlock ? run.size - at : kBlock;
      convert_in_place(run, at, size, block);
      if (!f(static_cast<const double*>(block), size)) return false;
    }
    return true;
  }

  // Writes the values at..at+size-1 that are not null and returns how many they are.
  std::size_t convert(const Run& run, std::size_t at, std::size_t size, double* out) const noexcept;
  void convert_all(const Run& run, std::size_t at, std::size_t size, double* out) const noexcept;
  template <class T>
  void widen(const char* data, std::ptrdiff_t stride, std::size_t size, double* out) const noexcept;
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
