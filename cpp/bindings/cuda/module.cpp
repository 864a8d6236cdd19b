#include <inlay/version.h>
#include <pybind11/pybind11.h>

#include <string>

#include "../translate_errors.hpp"
#include "components.hpp"

namespace py = pybind11;

extern "C" const char inlay_detail_build_id[];  // this module's own copy, see build_id.cmake

namespace {

void refuse_mixed_installation() {
  const std::string own = inlay_detail_build_id;
  const std::string loaded = inlay_build_id();
  if (own == loaded) return;
  throw py::import_error(
      "inlay._cuda and libinlay.so.0 come from different builds, reinstall inlay: " + own +
      " and " + loaded);
}

}  // namespace

// Nothing here calls the driver: importing costs as little, and works as well, without one.
PYBIND11_MODULE(_cuda, m) {
  using namespace inlay::python;
  refuse_mixed_installation();
  py::register_local_exception_translator(translate);
  m.doc() = "The kernels for CUDA devices; loads without a driver.";
  register_intake(m);
  register_allocators(m);
  register_columns(m);
  register_detect(m);
  register_keys(m);
  register_host_copy(m);
  register_logits(m);
  register_tensor_list(m);
}
