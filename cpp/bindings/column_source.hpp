#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <inlay/arrow/c_data.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace inlay::python {

/// The memory of a column that a Python object lends: anything with the buffer protocol (numpy
/// arrays, array.array, memoryview, …; read-only, strided and n-dimensional ones too), with
/// __arrow_c_array__ or __arrow_c_stream__ (nulls, slices, chunks, dictionaries), with __array__,
/// or a sequence.
///
/// Nothing is copied but n-dimensional arrays with gaps and sequences. Made and destroyed with the
/// GIL; read without it if the reader likes. One thread at a time.
class ColumnSource {
 public:
  ColumnSource(const ColumnSource&) = delete;
  ColumnSource& operator=(const ColumnSource&) = delete;

  /// Values, nulls included.
  std::size_t size() const noexcept { return size_; }

  /// Whether reading takes so long (about 10 microseconds) that the GIL should be released.
  bool is_long() const noexcept { return size_ > kShort; }

 protected:
  static constexpr std::size_t kShort = 4096;
  static constexpr std::size_t kBlock = 1024;

  /// What a reader takes: numbers alone, or whatever can be told apart.
  enum class Takes : std::uint8_t { kNumbers, kItems };

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
    kBool,  // a byte each
    kBits,
    // Items only.
    kText32,      // Arrow's offsets of 32 bits
    kText64,      // of 64 bits
    kTextView,    // Arrow's views of 16 bytes
    kTextFixed,   // `stride` bytes each
    kTextPadded,  // the same, zeros at the end left out
    kPython,      // entries of `python_items_`
    kNull,
  };

  /// Values `stride` bytes apart; null where `validity` has a 0 at bit `bit_offset` + i.
  struct Run {
    const char* data = nullptr;
    std::size_t size = 0;
    std::ptrdiff_t stride = 0;
    const std::uint8_t* validity = nullptr;
    std::size_t bit_offset = 0;  // into validity, and into data if its elements are bits
    Element element = Element::kF64;
    std::size_t width = 0;                 // of fixed text
    bool is_bytes = false;                 // of text: any bytes, declared as such
    const char* text = nullptr;            // what offsets count from
    const void* const* buffers = nullptr;  // what views refer to
    const Run* dictionary = nullptr;       // data are indices into it; it has none itself
  };

  /// One entry of a sequence.
  struct PythonItem {
    enum class Kind : std::uint8_t { kNull, kInt, kUint, kReal, kBool, kText } kind;
    union {
      std::int64_t whole;
      std::uint64_t natural;
      double real;
      bool truth;
    };
    std::string_view text;  // held by `kept_`
    bool is_bytes;          // of text
  };

  /// @throws pybind11::type_error if the object is no such column, and whatever it raises itself.
  ColumnSource(PyObject* object, Takes takes);
  ~ColumnSource();

  template <class F>
  void for_each_run(F&& f) const {
    if (run_.size != 0) f(run_);
    for (const Run& run : more_runs_) f(run);
  }

  /// The runs one by one; there is always a first, which may be empty.
  std::size_t num_runs() const noexcept { return more_runs_.size() + 1; }
  const Run& run_at(std::size_t i) const noexcept { return i == 0 ? run_ : more_runs_[i - 1]; }

  template <class T>
  static bool is_packed(const Run& run) noexcept {
    return run.stride == static_cast<std::ptrdiff_t>(sizeof(T)) &&
           reinterpret_cast<std::uintptr_t>(run.data) % alignof(T) == 0;
  }

  static bool bit_at(const std::uint8_t* bits, std::size_t i) noexcept {
    return ((bits[i / 8] >> (i % 8)) & 1U) != 0;
  }
  static bool is_valid(const Run& run, std::size_t i) noexcept {
    return run.validity == nullptr || bit_at(run.validity, run.bit_offset + i);
  }

  /// Element i of a run of integers, as an index into a dictionary.
  static std::size_t index_at(const Run& run, std::size_t i) noexcept;

  /// Whether a Python integer was rounded to this double.
  static bool is_rounded(PyObject* integer, double value);

  [[noreturn]] static void refuse(const std::string& what, Takes takes);

  std::size_t size_ = 0;
  mutable std::size_t rounded_ = 0;  // numbers that no double holds exactly
  std::vector<PythonItem> python_items_;

 private:
  static std::size_t width_of(Element element) noexcept;
  static bool element_of_format(const char* format, Py_ssize_t item_size, Takes takes,
                                Element& out) noexcept;
  static bool element_of_arrow(const std::string& format, Takes takes, Element& out) noexcept;

  bool take_buffer(PyObject* object, Takes takes);
  bool take_arrow(PyObject* object, Takes takes);
  void take_numbers(PyObject* object);
  void take_items(PyObject* object);
  void encode_text();
  void take_arrow_array(const ArrowSchema& schema, ArrowArray& array, Takes takes);
  static Run run_of(const ArrowSchema& schema, const ArrowArray& array, Takes takes);
  static pybind11::object special_method(PyObject* object, const char* name);
  static pybind11::object numpy_array(PyObject* object);
  static bool is_on_device(PyObject* object);
  void release() noexcept;

  Run run_;
  std::vector<Run> more_runs_;
  std::deque<Run> dictionaries_;  // addresses stay
  std::vector<char> copied_;
  std::vector<std::uint8_t> copied_validity_;  // of a sequence with None
  std::vector<ArrowArray> arrays_;
  pybind11::object kept_;
  Py_buffer view_;
  bool has_view_ = false;
};

}  // namespace inlay::python
