#pragma once

#include <pybind11/pybind11.h>

#include <vector>

namespace inlay::python {

/// Numbers as Python bytes, as they lie in memory.
template <class T>
pybind11::bytes bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace inlay::python
