#pragma once

#include <pybind11/pybind11.h>

namespace inlay::python {

// One function per family of kernels, defined in <family>.cpp and called by module.cpp.
void register_intake(pybind11::module_& m);
void register_allocators(pybind11::module_& m);
void register_columns(pybind11::module_& m);
void register_detect(pybind11::module_& m);
void register_keys(pybind11::module_& m);
void register_host_copy(pybind11::module_& m);
void register_logits(pybind11::module_& m);
void register_tensor_list(pybind11::module_& m);

}  // namespace inlay::python
