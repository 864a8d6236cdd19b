#pragma once

#include <pybind11/pybind11.h>

#include <inlay/data/exact_integer.hpp>

namespace inlay::python {

/// @throws InvalidArgument if the integer needs more than 256 bits.
ExactInteger exact_integer(const pybind11::object& integer);
pybind11::int_ python_int(const ExactInteger& value);

}  // namespace inlay::python
