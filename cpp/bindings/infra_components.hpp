#pragma once

#include <pybind11/pybind11.h>

namespace inlay::python {

// As in components.hpp, for what reads machines.
void register_host(pybind11::module_& m);

}  // namespace inlay::python
