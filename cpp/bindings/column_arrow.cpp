// What a ColumnSource takes through Arrow's C interfaces.

#include <cstring>
#include <string>

#include "column_source.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

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

// What a format stands for, for a message.
std::string explained(const std::string& format) {
  if (format == "+s") return "'+s': a table or struct; pass one of its columns";
  if (format.rfind("d:", 0) == 0) return "'" + format + "', a decimal; cast it first";
  if (format[0] == '+') return "'" + format + "', a nested type";
  return "'" + format + "'";
}

}  // namespace

bool ColumnSource::element_of_arrow(const std::string& format, Takes takes, Element& out) noexcept {
  constexpr struct {
    const char* format;
    Element element;
    bool number;
  } kFormats[] = {{"g", Element::kF64, true},        {"f", Element::kF32, true},
                  {"e", Element::kF16, true},        {"c", Element::kI8, true},
                  {"C", Element::kU8, true},         {"s", Element::kI16, true},
                  {"S", Element::kU16, true},        {"i", Element::kI32, true},
                  {"I", Element::kU32, true},        {"l", Element::kI64, true},
                  {"L", Element::kU64, true},        {"b", Element::kBits, true},
                  {"n", Element::kNull, true},       {"u", Element::kText32, false},
                  {"z", Element::kText32, false},    {"U", Element::kText64, false},
                  {"Z", Element::kText64, false},    {"vu", Element::kTextView, false},
                  {"vz", Element::kTextView, false}, {"tdD", Element::kI32, false},
                  {"tdm", Element::kI64, false},     {"tts", Element::kI32, false},
                  {"ttm", Element::kI32, false},     {"ttu", Element::kI64, false},
                  {"ttn", Element::kI64, false}};
  for (const auto& known : kFormats) {
    if (format == known.format) {
      out = known.element;
      return known.number || takes == Takes::kItems;
    }
  }
  if (takes == Takes::kNumbers) return false;
  // Timestamps (ts…) with their zones, durations (tD…), bytes of fixed width.
  if (format.rfind("ts", 0) == 0 || format.rfind("tD", 0) == 0) {
    out = Element::kI64;
    return true;
  }
  out = Element::kTextFixed;
  return format.rfind("w:", 0) == 0;
}

ColumnSource::Run ColumnSource::run_of(const ArrowSchema& schema, const ArrowArray& array,
                                       Takes takes) {
  Run run;
  run.size = static_cast<std::size_t>(array.length);
  const std::string format = schema.format == nullptr ? "" : schema.format;
  if (!element_of_arrow(format, takes, run.element)) {
    refuse("an Arrow column of format " + explained(format), takes);
  }
  run.is_bytes = format == "z" || format == "Z" || format == "vz" || format.rfind("w:", 0) == 0;
  if (run.element == Element::kNull || run.size == 0) return run;
  const bool text = run.element == Element::kText32 || run.element == Element::kText64;
  const std::int64_t needed = text || run.element == Element::kTextView ? 3 : 2;
  if (array.n_buffers < needed || array.buffers[1] == nullptr) {
    throw py::value_error("the Arrow array has no values; buffers: " +
                          std::to_string(array.n_buffers));
  }
  const auto offset = static_cast<std::size_t>(array.offset);
  run.bit_offset = offset;
  if (array.null_count != 0) run.validity = static_cast<const std::uint8_t*>(array.buffers[0]);
  run.data = static_cast<const char*>(array.buffers[1]);
  if (run.element == Element::kBits) return run;  // stride 0: bits are found by their number
  if (run.element == Element::kTextFixed) {
    run.width = static_cast<std::size_t>(std::strtoul(format.c_str() + 2, nullptr, 10));
    run.stride = static_cast<std::ptrdiff_t>(run.width);
  } else {
    run.stride = static_cast<std::ptrdiff_t>(width_of(run.element));
  }
  run.data += array.offset * run.stride;
  if (text) run.text = static_cast<const char*>(array.buffers[2]);
  if (run.element == Element::kTextView) run.buffers = array.buffers + 2;
  return run;
}

void ColumnSource::take_arrow_array(const ArrowSchema& schema, ArrowArray& array, Takes takes) {
  arrays_.push_back(array);  // ours from here on, released at the end
  if (schema.dictionary == nullptr) {
    more_runs_.push_back(run_of(schema, array, takes));
  } else {
    if (array.dictionary == nullptr) throw py::value_error("the Arrow array has no dictionary");
    if (schema.dictionary->dictionary != nullptr) {
      refuse("an Arrow dictionary of a dictionary", takes);
    }
    dictionaries_.push_back(run_of(*schema.dictionary, *array.dictionary, takes));
    Run run = run_of(schema, array, Takes::kNumbers);  // the format is that of the indices
    run.dictionary = &dictionaries_.back();
    more_runs_.push_back(run);
  }
  size_ += more_runs_.back().size;
}

bool ColumnSource::take_arrow(PyObject* object, Takes takes) {
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
      take_arrow_array(schema, array, takes);
    }
    return true;
  }
  if (const py::object method = special_method(object, "__arrow_c_array__")) {
    const py::object pair = method();
    if (!py::isinstance<py::tuple>(pair) || py::len(pair) != 2) {
      throw py::type_error("__arrow_c_array__ must return a pair of capsules, got " +
                           std::string(Py_TYPE(pair.ptr())->tp_name));
    }
    const auto capsules = py::reinterpret_borrow<py::tuple>(pair);
    auto schema = take_capsule<ArrowSchema>(capsules[0], "arrow_schema");
    const Released<ArrowSchema> schema_end(schema);
    auto array = take_capsule<ArrowArray>(capsules[1], "arrow_array");
    take_arrow_array(schema, array, takes);
    return true;
  }
  return false;
}

// Null without an error if there is none. A class has methods that want an instance.
py::object ColumnSource::special_method(PyObject* object, const char* name) {
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

}  // namespace inlay::python
