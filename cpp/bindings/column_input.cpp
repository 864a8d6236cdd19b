#include "column_input.hpp"

#include <bit>
#include <cstring>
#include <string>

namespace py = pybind11;

namespace inlay::python {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw py::type_error("expected numbers (float or integer), got " + what);
}

std::string type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }

// Exact: every half is a float.
double from_half(std::uint16_t bits) noexcept {
  const std::uint64_t sign = static_cast<std::uint64_t>(bits >> 15) << 63;
  const unsigned exponent = (bits >> 10) & 0x1FU;
  const std::uint64_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {
    const double magnitude = static_cast<double>(mantissa) * 0x1p-24;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint64_t biased = exponent == 0x1F ? 0x7FF : exponent - 15 + 1023;
  return std::bit_cast<double>(sign | (biased << 52) | (mantissa << 42));
}

bool bit_at(const std::uint8_t* bits, std::size_t i) noexcept {
  return ((bits[i / 8] >> (i % 8)) & 1U) != 0;
}

template <class T>
void widen(const char* data, std::ptrdiff_t stride, std::size_t size, double* out) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    T value;  // perhaps not aligned
    std::memcpy(&value, data + static_cast<std::ptrdiff_t>(i) * stride, sizeof(value));
    out[i] = static_cast<double>(value);
  }
}

/// Releases an Arrow struct at the end of its scope. One thread at a time.
template <class Struct>
class Released {
 public:
  explicit Released(Struct& value) : value_(value) {}
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  ~Released() {
    if (value_.release != nullptr) value_.release(&value_);
  }

 private:
  Struct& value_;
};

template <class Struct>
Struct take_capsule(const py::handle& capsule, const char* name) {
  auto* inside = static_cast<Struct*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (inside == nullptr) throw py::error_already_set();
  if (inside->release == nullptr)
    throw py::value_error(std::string(name) + " was already consumed");
  const Struct taken = *inside;
  inside->release = nullptr;
  return taken;
}

// Null without an error if there is none. A class has methods that want an instance.
py::object special_method(PyObject* object, const char* name) {
  PyObject* found = nullptr;
  if (PyType_Check(object) == 0) found = PyObject_GetAttrString(object, name);
  if (found == nullptr) {
    if (PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
      throw py::error_already_set();
    }
    PyErr_Clear();
  }
  return py::reinterpret_steal<py::object>(found);
}

}  // namespace

std::size_t ColumnInput::width_of(Element element) noexcept {
  switch (element) {
    case Element::kF64:
    case Element::kI64:
    case Element::kU64:
      return 8;
    case Element::kF32:
    case Element::kI32:
    case Element::kU32:
      return 4;
    case Element::kF16:
    case Element::kI16:
    case Element::kU16:
      return 2;
    case Element::kLongDouble:
      return sizeof(long double);
    case Element::kI8:
    case Element::kU8:
    case Element::kBits:
      break;
  }
  return 1;
}

// Of the struct module's formats; sizes depend on the prefix, so the item's size decides.
bool ColumnInput::element_of_format(const char* format, Py_ssize_t item_size,
                                    Element& out) noexcept {
  if (format == nullptr) format = "B";
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  if (format[0] == '\0' || format[1] != '\0') return false;
  switch (*format) {
    case 'd':
      out = Element::kF64;
      return true;
    case 'f':
      out = Element::kF32;
      return true;
    case 'e':
      out = Element::kF16;
      return true;
    case 'g':
      out = Element::kLongDouble;
      return true;
    case '?':
    case 'B':
      out = Element::kU8;
      return true;
    case 'b':
      out = Element::kI8;
      return true;
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      out = item_size == 2 ? Element::kI16 : item_size == 4 ? Element::kI32 : Element::kI64;
      return true;
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
      out = item_size == 2 ? Element::kU16 : item_size == 4 ? Element::kU32 : Element::kU64;
      return true;
    default:
      return false;
  }
}

bool ColumnInput::element_of_arrow(const char* format, Element& out) noexcept {
  constexpr struct {
    char format;
    Element element;
  } kFormats[] = {{'g', Element::kF64}, {'f', Element::kF32}, {'e', Element::kF16},
                  {'c', Element::kI8},  {'C', Element::kU8},  {'s', Element::kI16},
                  {'S', Element::kU16}, {'i', Element::kI32}, {'I', Element::kU32},
                  {'l', Element::kI64}, {'L', Element::kU64}, {'b', Element::kBits}};
  if (format == nullptr || format[0] == '\0' || format[1] != '\0') return false;
  for (const auto& known : kFormats) {
    if (known.format == *format) {
      out = known.element;
      return true;
    }
  }
  return false;
}

std::size_t ColumnInput::convert(const Run& run, std::size_t at, std::size_t size,
                                 double* out) noexcept {
  const char* data = run.data + static_cast<std::ptrdiff_t>(at) * run.stride;
  switch (run.element) {
    case Element::kF64:
      widen<double>(data, run.stride, size, out);
      break;
    case Element::kF32:
      widen<float>(data, run.stride, size, out);
      break;
    case Element::kLongDouble:
      widen<long double>(data, run.stride, size, out);
      break;
    case Element::kI8:
      widen<std::int8_t>(data, run.stride, size, out);
      break;
    case Element::kI16:
      widen<std::int16_t>(data, run.stride, size, out);
      break;
    case Element::kI32:
      widen<std::int32_t>(data, run.stride, size, out);
      break;
    case Element::kI64:
      widen<std::int64_t>(data, run.stride, size, out);
      break;
    case Element::kU8:
      widen<std::uint8_t>(data, run.stride, size, out);
      break;
    case Element::kU16:
      widen<std::uint16_t>(data, run.stride, size, out);
      break;
    case Element::kU32:
      widen<std::uint32_t>(data, run.stride, size, out);
      break;
    case Element::kU64:
      widen<std::uint64_t>(data, run.stride, size, out);
      break;
    case Element::kF16:
      for (std::size_t i = 0; i < size; ++i) {
        std::uint16_t half;
        std::memcpy(&half, data + static_cast<std::ptrdiff_t>(i) * run.stride, sizeof(half));
        out[i] = from_half(half);
      }
      break;
    case Element::kBits:  // stride 0: bits are found by their number
      for (std::size_t i = 0; i < size; ++i) {
        out[i] = bit_at(reinterpret_cast<const std::uint8_t*>(run.data), run.bit_offset + at + i)
                     ? 1.0
                     : 0.0;
      }
      break;
  }
  if (run.validity == nullptr) return size;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size; ++i) {
    out[kept] = out[i];
    kept += bit_at(run.validity, run.bit_offset + at + i) ? 1U : 0U;
  }
  return kept;
}

bool ColumnInput::take_buffer(PyObject* object) {
  if (PyObject_CheckBuffer(object) == 0) return false;
  if (PyObject_GetBuffer(object, &view_, PyBUF_RECORDS_RO) != 0) {
    // Some types have no format, numpy's dates for one; Arrow may still know them.
    if (PyErr_ExceptionMatches(PyExc_ValueError) == 0 &&
        PyErr_ExceptionMatches(PyExc_BufferError) == 0) {
      throw py::error_already_set();
    }
    const py::error_already_set reason;
    refuse(type_name(object) + ": " + py::str(reason.value()).cast<std::string>());
  }
  has_view_ = true;
  if (!element_of_format(view_.format, view_.itemsize, run_.element) ||
      static_cast<std::size_t>(view_.itemsize) != width_of(run_.element)) {
    const std::string format = view_.format;
    if (format[0] == '>' || format[0] == '!') {
      refuse("byte-swapped numbers of format '" + format +
             "'; convert them with .astype(dtype.newbyteorder('='))");
    }
    refuse("items of format '" + format + "'");
  }
  run_.data = static_cast<const char*>(view_.buf);
  run_.stride = view_.itemsize;
  run_.size = static_cast<std::size_t>(view_.len / view_.itemsize);
  if (view_.ndim == 1) {
    if (view_.strides != nullptr) run_.stride = view_.strides[0];
  } else if (view_.ndim > 1 && run_.size != 0 && PyBuffer_IsContiguous(&view_, 'A') == 0) {
    copied_.resize(static_cast<std::size_t>(view_.len));
    if (PyBuffer_ToContiguous(copied_.data(), &view_, view_.len, 'C') != 0) {
      throw py::error_already_set();
    }
    run_.data = copied_.data();
  }
  size_ = run_.size;
  return true;
}

void ColumnInput::take_arrow_array(const ArrowSchema& schema, ArrowArray& array) {
  arrays_.push_back(array);  // ours from here on, released at the end
  Run run;
  run.size = static_cast<std::size_t>(array.length);
  const auto offset = static_cast<std::size_t>(array.offset);
  const std::string format = schema.format == nullptr ? "" : schema.format;
  size_ += run.size;
  if (format == "n") {
    nulls_ += run.size;
    return;
  }
  if (schema.dictionary != nullptr) refuse("a dictionary-encoded Arrow column");
  if (!element_of_arrow(format.c_str(), run.element)) {
    refuse("an Arrow column of format '" + format + "'" +
           (format == "+s" ? ": a table or struct; pass one of its columns" : ""));
  }
  if (run.size == 0) return;
  if (array.n_buffers != 2 || array.buffers[1] == nullptr) {
    throw py::value_error("the Arrow array has no values; buffers: " +
                          std::to_string(array.n_buffers));
  }
  run.bit_offset = offset;
  if (array.null_count != 0) run.validity = static_cast<const std::uint8_t*>(array.buffers[0]);
  run.data = static_cast<const char*>(array.buffers[1]);
  if (run.element != Element::kBits) {
    run.stride = static_cast<std::ptrdiff_t>(width_of(run.element));
    run.data += offset * width_of(run.element);
  }
  more_runs_.push_back(run);
}

bool ColumnInput::take_arrow(PyObject* object) {
  // Whole chunks by stream; a single array has only the other method.
  if (const py::object method = special_method(object, "__arrow_c_stream__")) {
    const py::object capsule = method();
    auto stream = take_capsule<ArrowArrayStream>(capsule, "arrow_array_stream");
    const Released<ArrowArrayStream> stream_end(stream);
    ArrowSchema schema{};
    const auto check = [&stream](int error) {
      if (error == 0) return;
      const char* message = stream.get_last_error(&stream);
      throw py::value_error("the Arrow stream failed: " +
                            std::string(message == nullptr ? std::strerror(error) : message));
    };
    check(stream.get_schema(&stream, &schema));
    const Released<ArrowSchema> schema_end(schema);
    for (;;) {
      ArrowArray array{};
      int error = 0;
      {
        // A producer may compute on threads that need the GIL; the stream is ours alone.
        const py::gil_scoped_release release;
        error = stream.get_next(&stream, &array);
      }
      check(error);
      if (array.release == nullptr) break;
      take_arrow_array(schema, array);
    }
    return true;
  }
  if (const py::object method = special_method(object, "__arrow_c_array__")) {
    const py::object pair = method();
    if (!py::isinstance<py::tuple>(pair) || py::len(pair) != 2) {
      throw py::type_error("__arrow_c_array__ must return a pair of capsules, got " +
                           type_name(pair.ptr()));
    }
    const auto capsules = py::reinterpret_borrow<py::tuple>(pair);
    auto schema = take_capsule<ArrowSchema>(capsules[0], "arrow_schema");
    const Released<ArrowSchema> schema_end(schema);
    auto array = take_capsule<ArrowArray>(capsules[1], "arrow_array");
    take_arrow_array(schema, array);
    return true;
  }
  return false;
}

void ColumnInput::take_sequence(PyObject* object) {
  if (PyUnicode_Check(object) != 0 || PySequence_Check(object) == 0) refuse(type_name(object));
  const auto fast =
      py::reinterpret_steal<py::object>(PySequence_Fast(object, "expected a sequence of numbers"));
  if (!fast) throw py::error_already_set();
  // Read anew each time round: an item's __float__ may change the list.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.ptr()); ++i) {
    const auto item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(fast.ptr(), i));
    ++size_;
    if (item.is_none()) {
      ++nulls_;
      continue;
    }
    const double value = PyFloat_AsDouble(item.ptr());
    if (value == -1.0 && PyErr_Occurred() != nullptr) {
      if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
      PyErr_Clear();
      refuse("a sequence with item " + py::repr(item).cast<std::string>());
    }
    const auto* bytes = reinterpret_cast<const char*>(&value);
    copied_.insert(copied_.end(), bytes, bytes + sizeof(value));
  }
  run_.element = Element::kF64;
  run_.stride = sizeof(double);
  run_.data = copied_.data();
  run_.size = copied_.size() / sizeof(double);
}

ColumnInput::ColumnInput(PyObject* object) {
  try {
    if (take_buffer(object) || take_arrow(object)) return;
    if (const py::object method = special_method(object, "__array__")) {
      const py::object array = method();
      if (take_buffer(array.ptr())) return;
      refuse(type_name(object));
    }
    take_sequence(object);
  } catch (...) {
    release();
    throw;
  }
}

ColumnInput::~ColumnInput() { release(); }

void ColumnInput::release() noexcept {
  if (has_view_) PyBuffer_Release(&view_);
  has_view_ = false;
  for (ArrowArray& array : arrays_) {
    if (array.release != nullptr) array.release(&array);
  }
  arrays_.clear();
}

}  // namespace inlay::python
