#include "id_input.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace inlay::python {
namespace {

namespace py = pybind11;

bool is_uuid(PyObject* object) { return std::strcmp(Py_TYPE(object)->tp_name, "UUID") == 0; }

py::object bytes_of_uuid(const py::handle& item) {
  if (!is_uuid(item.ptr())) return py::reinterpret_borrow<py::object>(item);
  return item.attr("bytes");
}

// Python's UUIDs, alone or in a list, a tuple or an array of objects, as their bytes.
py::object without_uuids(const py::handle& given) {
  if (is_uuid(given.ptr())) return bytes_of_uuid(given);
  auto object = py::reinterpret_borrow<py::object>(given);
  const bool listed = PyList_Check(object.ptr()) != 0 || PyTuple_Check(object.ptr()) != 0;
  if (!listed) {
    if (!py::hasattr(object, "dtype") || !py::hasattr(object, "tolist") ||
        py::str(object.attr("dtype")).cast<std::string>() != "object") {
      return object;
    }
    object = object.attr("tolist")();
    if (PyList_Check(object.ptr()) == 0) return object;
  }
  bool any = false;
  for (const py::handle item : object) any = any || is_uuid(item.ptr());
  if (!any) return object;
  py::list bytes;
  for (const py::handle item : object) bytes.append(bytes_of_uuid(item));
  return bytes;
}

[[noreturn]] void refuse_ids(const std::string& what) {
  throw py::type_error("ids are integers, text, bytes or UUIDs, all of one type; got " + what);
}

}  // namespace

IdInput::IdInput(const py::handle& object) : ItemInput(without_uuids(object).ptr()) {
  for_each_run([&](const Run& run) { take_run_kind(run.dictionary ? *run.dictionary : run); });
}

void IdInput::read(Taker& taker) const noexcept {
  IdHash hashes[kHashed];
  for_each_placed_block([&]<class T>(const T* items, std::size_t size, std::size_t at) {
    for (std::size_t from = 0; from < size; from += kHashed) {
      const std::size_t part = std::min(size - from, kHashed);
      if constexpr (std::is_same_v<T, std::string_view>) {
        hash_ids(items + from, part, kind_, hashes);
      } else if constexpr (sizeof(T) == sizeof(std::uint64_t) && std::is_integral_v<T>) {
        hash_ids(reinterpret_cast<const std::uint64_t*>(items) + from, part, hashes);
      } else {
        return;  // refused before
      }
      taker.take(hashes, part, at + from);
    }
  });
}

void IdInput::take_kind(IdKind kind) {
  if (kind_ != IdKind::kNone && kind_ != kind) {
    refuse_ids(std::string(name_of(kind_)) + " and " + std::string(name_of(kind)));
  }
  kind_ = kind;
}

void IdInput::take_run_kind(const Run& run) {
  switch (run.element) {
    case Element::kNull:
      return;
    case Element::kF64:
    case Element::kF32:
    case Element::kF16:
    case Element::kLongDouble:
      refuse_ids("floats");
    case Element::kBool:
    case Element::kBits:
      refuse_ids("booleans");
    case Element::kText32:
    case Element::kText64:
    case Element::kTextView:
    case Element::kTextFixed:
    case Element::kTextPadded:
      take_kind(run.is_bytes ? IdKind::kBytes : IdKind::kText);
      return;
    case Element::kPython:
      break;
    default:
      take_kind(IdKind::kInteger);
      return;
  }
  for (const PythonItem& item : python_items_) {
    switch (item.kind) {
      case PythonItem::Kind::kNull:
        break;
      case PythonItem::Kind::kReal:
        refuse_ids("floats");
      case PythonItem::Kind::kBool:
        refuse_ids("booleans");
      case PythonItem::Kind::kText:
        take_kind(item.is_bytes ? IdKind::kBytes : IdKind::kText);
        break;
      default:
        take_kind(IdKind::kInteger);
        break;
    }
  }
}

}  // namespace inlay::python
