#include "column_source.hpp"

#include <cmath>
#include <cstring>
#include <string>

namespace py = pybind11;

namespace inlay::python {
namespace {

std::string type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }

}  // namespace

void ColumnSource::refuse(const std::string& what, Takes takes) {
  throw py::type_error((takes == Takes::kNumbers ? "expected numbers (float or integer), got "
                                                 : "expected items (numbers, text, …), got ") +
                       what);
}

std::size_t ColumnSource::width_of(Element element) noexcept {
  switch (element) {
    case Element::kF64:
    case Element::kI64:
    case Element::kU64:
    case Element::kText64:
      return 8;
    case Element::kF32:
    case Element::kI32:
    case Element::kU32:
    case Element::kText32:
      return 4;
    case Element::kF16:
    case Element::kI16:
    case Element::kU16:
      return 2;
    case Element::kLongDouble:
      return sizeof(long double);
    case Element::kTextView:
      return 16;
    default:
      return 1;
  }
}

// Of the struct module's formats; sizes depend on the prefix, so the item's size decides.
bool ColumnSource::element_of_format(const char* format, Py_ssize_t item_size, Takes takes,
                                     Element& out) noexcept {
  if (format == nullptr) format = "B";
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  if (format[0] == '\0' || format[1] != '\0') return false;
  switch (*format) {
    case 'd':
      out = Element::kF64;
      break;
    case 'f':
      out = Element::kF32;
      break;
    case 'e':
      out = Element::kF16;
      break;
    case 'g':
      out = Element::kLongDouble;
      if (takes == Takes::kItems) return false;  // no item has so many digits
      break;
    case '?':
      out = Element::kBool;
      break;
    case 'B':
      out = Element::kU8;
      break;
    case 'b':
      out = Element::kI8;
      break;
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      out = item_size == 2 ? Element::kI16 : item_size == 4 ? Element::kI32 : Element::kI64;
      break;
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
      out = item_size == 2 ? Element::kU16 : item_size == 4 ? Element::kU32 : Element::kU64;
      break;
    default:
      return false;
  }
  return static_cast<std::size_t>(item_size) == width_of(out);
}

bool ColumnSource::take_buffer(PyObject* object, Takes takes) {
  if (PyObject_CheckBuffer(object) == 0) return false;
  if (PyObject_GetBuffer(object, &view_, PyBUF_RECORDS_RO) != 0) {
    // Some types have no format, numpy's dates for one; Arrow may still know them.
    if (PyErr_ExceptionMatches(PyExc_ValueError) == 0 &&
        PyErr_ExceptionMatches(PyExc_BufferError) == 0) {
      throw py::error_already_set();
    }
    const py::error_already_set reason;
    // Numpy's text of any length has none either, but its items are str.
    const py::str why(reason.value());
    if (takes == Takes::kItems &&
        why.cast<std::string>().find("StringDType") != std::string::npos) {
      return false;
    }
    refuse(type_name(object) + ": " + why.cast<std::string>(), takes);
  }
  has_view_ = true;
  const std::string format = view_.format == nullptr ? "B" : view_.format;
  const bool swapped = format[0] == '>' || format[0] == '!';
  if (takes == Takes::kItems && format == "O" && view_.ndim == 1) {
    PyBuffer_Release(&view_);  // Python objects: read as a sequence
    has_view_ = false;
    return false;
  }
  const char kind = format.empty() ? '\0' : format.back();
  const bool code_points = takes == Takes::kItems && kind == 'w' && !swapped;
  if (code_points || (takes == Takes::kItems && kind == 's')) {
    run_.element = Element::kTextPadded;
    run_.width = static_cast<std::size_t>(view_.itemsize);
    run_.is_bytes = !code_points;
  } else if (!element_of_format(format.c_str(), view_.itemsize, takes, run_.element)) {
    if (swapped) {
      refuse("byte-swapped values of format '" + format +
                 "'; convert them with .astype(dtype.newbyteorder('='))",
             takes);
    }
    refuse("items of format '" + format + "'", takes);
  }
  run_.data = static_cast<const char*>(view_.buf);
  run_.stride = view_.itemsize;
  run_.size = 1;
  for (int i = 0; i < view_.ndim; ++i) run_.size *= static_cast<std::size_t>(view_.shape[i]);
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
  if (code_points) encode_text();
  return true;
}

// Numpy's text of fixed width, four bytes a code point: copied as UTF-8 behind its offsets.
void ColumnSource::encode_text() {
  const std::size_t size = run_.size;
  const std::size_t width = run_.width / 4;
  std::vector<std::int64_t> offsets{0};
  std::vector<char> text;
  for (std::size_t i = 0; i < size; ++i) {
    const char* at = run_.data + static_cast<std::ptrdiff_t>(i) * run_.stride;
    std::size_t length = width;
    const auto code_at = [at](std::size_t k) {
      std::uint32_t code = 0;
      std::memcpy(&code, at + 4 * k, sizeof(code));
      return code;
    };
    while (length > 0 && code_at(length - 1) == 0) --length;
    for (std::size_t k = 0; k < length; ++k) {
      const std::uint32_t code = code_at(k);
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        throw py::value_error("the text at " + std::to_string(i) +
                              " holds a code point that is no character: " + std::to_string(code));
      }
      const auto put = [&text](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
      if (code < 0x80) {
        put(code);
      } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
      } else {
        if (code < 0x10000) {
          put(0xE0 | code >> 12);
        } else {
          put(0xF0 | code >> 18);
          put(0x80 | (code >> 12 & 0x3F));
        }
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
      }
    }
    offsets.push_back(static_cast<std::int64_t>(text.size()));
  }
  const std::size_t head = offsets.size() * sizeof(std::int64_t);
  copied_.resize(head + text.size());
  std::memcpy(copied_.data(), offsets.data(), head);
  if (!text.empty()) std::memcpy(copied_.data() + head, text.data(), text.size());
  run_.element = Element::kText64;
  run_.data = copied_.data();
  run_.stride = sizeof(std::int64_t);
  run_.text = copied_.data() + head;
}

bool ColumnSource::is_rounded(PyObject* integer, double value) {
  if (PyLong_Check(integer) == 0 || std::fabs(value) < 0x1p53) return false;
  const auto back = py::reinterpret_steal<py::object>(PyLong_FromDouble(value));
  if (!back) throw py::error_already_set();
  const int same = PyObject_RichCompareBool(back.ptr(), integer, Py_EQ);
  if (same < 0) throw py::error_already_set();
  return same == 0;
}

void ColumnSource::take_numbers(PyObject* object) {
  if (PyUnicode_Check(object) != 0 || PySequence_Check(object) == 0) {
    refuse(type_name(object), Takes::kNumbers);
  }
  const auto fast =
      py::reinterpret_steal<py::object>(PySequence_Fast(object, "expected a sequence of numbers"));
  if (!fast) throw py::error_already_set();
  // Read anew each time round: an item's __float__ may change the list.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.ptr()); ++i) {
    const auto item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(fast.ptr(), i));
    const std::size_t place = size_++;
    if (item.is_none()) {
      if (copied_validity_.empty()) copied_validity_.assign(place / 8 + 1, 0xFF);
      copied_validity_.resize(place / 8 + 1, 0xFF);
      copied_validity_[place / 8] &= static_cast<std::uint8_t>(~(1U << (place % 8)));
      copied_.resize(copied_.size() + sizeof(double));
      continue;
    }
    const double value = PyFloat_AsDouble(item.ptr());
    if (value == -1.0 && PyErr_Occurred() != nullptr) {
      if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
      PyErr_Clear();
      refuse("a sequence with item " + py::repr(item).cast<std::string>(), Takes::kNumbers);
    }
    rounded_ += is_rounded(item.ptr(), value) ? 1U : 0U;
    const auto* bytes = reinterpret_cast<const char*>(&value);
    copied_.insert(copied_.end(), bytes, bytes + sizeof(value));
  }
  run_.element = Element::kF64;
  run_.stride = sizeof(double);
  run_.data = copied_.data();
  run_.size = copied_.size() / sizeof(double);
  if (!copied_validity_.empty()) {
    copied_validity_.resize(run_.size / 8 + 1, 0xFF);
    run_.validity = copied_validity_.data();
  }
}

void ColumnSource::take_items(PyObject* object) {
  // One item alone is a column of one. Numpy's arrays have __index__, too.
  const bool sequence = PySequence_Check(object) != 0;
  const bool alone = PyUnicode_Check(object) != 0 || PyBytes_Check(object) != 0 ||
                     PyFloat_Check(object) != 0 || object == Py_None ||
                     (PyIndex_Check(object) != 0 && !sequence);
  if (!alone && !sequence) refuse(type_name(object), Takes::kItems);
  // A tuple of our own keeps the texts alive whatever happens to a list.
  const auto items =
      py::reinterpret_steal<py::object>(alone ? PyTuple_Pack(1, object) : PySequence_Tuple(object));
  if (!items) throw py::error_already_set();
  kept_ = items;
  size_ = static_cast<std::size_t>(PyTuple_GET_SIZE(items.ptr()));
  python_items_.reserve(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    PyObject* item = PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i));
    PythonItem out{};
    using Kind = PythonItem::Kind;
    if (item == Py_None) {
      out.kind = Kind::kNull;
    } else if (PyUnicode_Check(item) != 0) {
      Py_ssize_t length = 0;
      const char* text = PyUnicode_AsUTF8AndSize(item, &length);
      if (text == nullptr) throw py::error_already_set();
      out.kind = Kind::kText;
      out.text = {text, static_cast<std::size_t>(length)};
    } else if (PyBytes_Check(item) != 0) {
      out.kind = Kind::kText;
      out.text = {PyBytes_AS_STRING(item), static_cast<std::size_t>(PyBytes_GET_SIZE(item))};
      out.is_bytes = true;
    } else if (PyBool_Check(item) != 0 ||
               std::strncmp(Py_TYPE(item)->tp_name, "numpy.bool", 10) == 0) {
      out.kind = Kind::kBool;
      out.truth = PyObject_IsTrue(item) != 0;
    } else if (PyFloat_Check(item) != 0) {
      out.kind = Kind::kReal;
      out.real = PyFloat_AS_DOUBLE(item);
    } else if (std::strcmp(Py_TYPE(item)->tp_name, "numpy.float32") == 0 ||
               std::strcmp(Py_TYPE(item)->tp_name, "numpy.float16") == 0) {
      out.kind = Kind::kReal;
      out.real = PyFloat_AsDouble(item);
      if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    } else if (PyIndex_Check(item) != 0) {
      const auto whole = py::reinterpret_steal<py::object>(PyNumber_Index(item));
      if (!whole) throw py::error_already_set();
      int overflow = 0;
      out.kind = Kind::kInt;
      out.whole = PyLong_AsLongLongAndOverflow(whole.ptr(), &overflow);
      if (overflow > 0) {
        out.kind = Kind::kUint;
        out.natural = PyLong_AsUnsignedLongLong(whole.ptr());
        if (PyErr_Occurred() != nullptr) PyErr_Clear(), overflow = -1;
      }
      if (overflow < 0) {
        throw py::value_error("an integer item needs more than 64 bits: " +
                              py::repr(item).cast<std::string>());
      }
    } else {
      refuse("a sequence with item " + py::repr(item).cast<std::string>(), Takes::kItems);
    }
    python_items_.push_back(out);
  }
  run_.element = Element::kPython;
  run_.size = size_;
}

// A numpy array whose buffer says nothing of what is masked; as a list it has None there.
static py::object without_mask(PyObject* object) {
  const auto borrowed = py::reinterpret_borrow<py::object>(object);
  if (std::strcmp(Py_TYPE(object)->tp_name, "MaskedArray") != 0) return borrowed;
  return borrowed.attr("ravel")().attr("tolist")();
}

// Whether only a device can read an object's memory: some would copy it to the host unasked.
bool ColumnSource::is_on_device(PyObject* object) {
  constexpr int kCuda = 2;
  constexpr int kManaged = 13;
  const py::object method = special_method(object, "__dlpack_device__");
  if (!method) return static_cast<bool>(special_method(object, "__cuda_array_interface__"));
  try {
    const auto kind = py::reinterpret_borrow<py::tuple>(method())[0].cast<int>();
    return kind == kCuda || kind == kManaged;
  } catch (const py::error_already_set&) {
    return false;  // whoever reads it says what is wrong
  }
}

// What numpy has of an object; nothing if it has no way to.
py::object ColumnSource::numpy_array(PyObject* object) {
  if (special_method(object, "__torch_function__")) {
    // numpy would refuse one that requires a gradient, and narrow floats.
    const py::module_ tensors = py::module_::import("inlay._host_tensor");
    py::object array = tensors.attr("host_array")(py::handle(object));
    if (!array.is_none()) return array;
  }
  const py::object method = special_method(object, "__array__");
  return method ? method() : py::object();
}

ColumnSource::ColumnSource(PyObject* given, Takes takes) {
  const py::object unmasked = without_mask(given);
  PyObject* const object = unmasked.ptr();
  const bool one_text = PyUnicode_Check(object) != 0 || PyBytes_Check(object) != 0;
  try {
    if (takes == Takes::kItems && one_text) {
      take_items(object);
      return;
    }
    if (take_buffer(object, takes) || take_arrow(object, takes)) return;
    const bool sequence = PyList_Check(object) != 0 || PyTuple_Check(object) != 0;
    if (!sequence && !has_view_) {
      // The callers' cue to count it where it is, see python/inlay/summary/_device.py.
      if (is_on_device(object)) {
        throw py::type_error("values on a CUDA device: copy them to the host for this, by .cpu()");
      }
      if (const py::object array = numpy_array(object)) {
        if (array.ptr() != object && take_buffer(array.ptr(), takes)) return;
        if (takes == Takes::kNumbers) refuse(type_name(object), takes);
      }
    }
    if (takes == Takes::kNumbers) {
      take_numbers(object);
    } else {
      take_items(object);
    }
  } catch (...) {
    release();
    throw;
  }
}

ColumnSource::~ColumnSource() { release(); }

void ColumnSource::release() noexcept {
  if (has_view_) PyBuffer_Release(&view_);
  has_view_ = false;
  for (ArrowArray& array : arrays_) {
    if (array.release != nullptr) array.release(&array);
  }
  arrays_.clear();
}

}  // namespace inlay::python
