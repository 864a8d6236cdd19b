// Keys of the items of a column, to know rows again.

#include <inlay/summary/item_key.hpp>

#include <pybind11/pybind11.h>

#include <cstdint>
#include <type_traits>
#include <vector>

#include "components.hpp"
#include "item_input.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

template <class T>
std::uint64_t key_of(const T& item) {
  if constexpr (std::is_integral_v<T>) {
    return item_key(static_cast<std::uint64_t>(item));
  } else {
    return item_key(item);
  }
}

py::bytes item_keys(const py::handle& values) {
  const ItemInput input(values.ptr());
  std::vector<std::uint64_t> keys(input.size());  // a null's stays 0
  {
    const py::gil_scoped_release release;  // a column is read without touching a Python object
    input.for_each_placed_block([&keys](const auto* items, std::size_t size, std::size_t at) {
      for (std::size_t i = 0; i < size; ++i) keys[at + i] = key_of(items[i]);
    });
  }
  return {reinterpret_cast<const char*>(keys.data()), keys.size() * sizeof(std::uint64_t)};
}

}  // namespace

void register_item_keys(py::module_& m) {
  m.def("item_keys", &item_keys, py::arg("values"), py::pos_only(),
        "Return a uint64 for each item, as bytes: the same in every process; 0 for a null.");
}

}  // namespace inlay::python
