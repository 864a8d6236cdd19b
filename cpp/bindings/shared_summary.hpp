#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "column_input.hpp"
#include "item_input.hpp"
#include "python_bytes.hpp"

namespace inlay::python {

namespace py = pybind11;

/// Warns that a column held integers which no double holds exactly. With the GIL.
void warn_of_rounding(std::size_t values);

/// A summary that Python threads share. Every use holds the lock. Whoever waits for the lock does
/// so without the GIL, so the two cannot wait for each other; and no Python object is made under
/// the lock, since that may run any code, this object's methods included.
template <class Summary>
class Shared {
 public:
  Shared() = default;
  explicit Shared(Summary summary) : summary_(std::move(summary)) {}

  /// Calls f(summary) with the lock held, under the GIL.
  template <class F>
  decltype(auto) with(F&& f) {
    if (!mutex_.try_lock()) {
      const py::gil_scoped_release release;  // the holder may be a long update on another thread
      mutex_.lock();
    }
    const std::lock_guard<std::mutex> guard(mutex_, std::adopt_lock);
    return f(summary_);
  }

  Summary copy() {
    return with([](const Summary& summary) { return Summary(summary); });
  }

  /// Reads a column or one number: f_values(summary, values, size) for each run, f_value for a
  /// number. Returns the nulls.
  template <class FValues, class FValue>
  std::size_t read(const py::handle& values, FValues&& f_values, FValue&& f_value) {
    PyObject* object = values.ptr();
    if (PyFloat_Check(object) != 0 || PyLong_Check(object) != 0) {
      const double value = PyFloat_AsDouble(object);
      if (value == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
      with([&](Summary& summary) { f_value(summary, value); });
      if (ColumnInput::is_rounded(object, value)) warn_of_rounding(1);
      return 0;
    }
    const ColumnInput input(object);
    const auto each = [&](Summary& summary) {
      return input.for_each_span(
          [&](const auto* run, std::size_t size) { f_values(summary, run, size); });
    };
    const std::size_t nulls = with_column(input, each);
    if (input.rounded() != 0) warn_of_rounding(input.rounded());
    return nulls;
  }

  /// Calls f(summary) with the lock held, and without the GIL if the column that f reads is long.
  template <class F>
  decltype(auto) with_column(const ColumnSource& input, F&& f) {
    if (!input.is_long()) return with(f);
    // Safe: the input holds the memory, the lock holds the summary, no Python object is touched.
    return without_gil(f);
  }

  /// Calls f(summary), which touches no Python object, with the lock held and without the GIL.
  template <class F>
  decltype(auto) without_gil(F&& f) {
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> guard(mutex_);
    return f(summary_);
  }

 private:
  std::mutex mutex_;
  Summary summary_;
};

/// What its to_bytes() gives, as Python bytes.
template <class Summary>
py::bytes to_bytes(Shared<Summary>& shared) {
  return bytes_of(shared.with([](const Summary& summary) { return summary.to_bytes(); }));
}

/// A buffer of bytes held for reading, with the GIL.
class Bytes {
 public:
  explicit Bytes(const py::handle& object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { PyBuffer_Release(&view_); }
  const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(view_.buf); }
  std::size_t size() const { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_;
};

template <class Summary>
std::unique_ptr<Shared<Summary>> from_bytes(const py::object& bytes) {
  const Bytes in(bytes);
  return std::make_unique<Shared<Summary>>(Summary::from_bytes(in.data(), in.size()));
}

}  // namespace inlay::python
