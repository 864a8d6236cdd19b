#include <inlay/version.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>
#include <inlay/error.hpp>

#include <string>

#include "components.hpp"
#include "translate_errors.hpp"

namespace py = pybind11;

extern "C" const char inlay_detail_build_id[];  // this module's own copy, see build_id.cmake

namespace inlay::python {
namespace {

// inlay._guard has looked at libinlay.so.0 before; this finds an installation whose files are
// mixed.
void refuse_mixed_installation() {
  const std::string own = inlay_detail_build_id;
  const std::string loaded = inlay_build_id();
  if (own == loaded) return;
  throw py::import_error(
      "inlay._core and libinlay.so.0 come from different builds, reinstall inlay: " + own +
      " and " + loaded);
}

using Info = py::typing::Dict<py::str, py::object>;

Info build_info() {
  Info info;
  info["version"] = inlay_version();
  info["abi"] = inlay_abi_version();
  info["build_id"] = inlay_build_id();
#if defined(__clang__)
  info["compiler"] = "clang " __clang_version__;
#else
  info["compiler"] = "gcc " __VERSION__;
#endif
#if defined(__x86_64__)
  info["baseline"] = "x86-64-v2";
#elif defined(__aarch64__)
  info["baseline"] = "armv8-a";
#else
  info["baseline"] = "generic";
#endif
  info["isa"] = inlay_isa();
#ifdef NDEBUG
  info["asserts"] = false;
#else
  info["asserts"] = true;
#endif
#ifdef INLAY_CUDA_TOOLKIT
  Info cuda;
  cuda["toolkit"] = INLAY_CUDA_TOOLKIT;
  cuda["architectures"] = py::str(INLAY_CUDA_ARCHITECTURES).attr("split")();
  info["cuda"] = cuda;
#else
  info["cuda"] = py::none();
#endif
  return info;
}

}  // namespace

void set_error_from_current_exception() noexcept {
  try {
    try {
      throw;
    } catch (const Error&) {
      translate(std::current_exception());
    } catch (py::error_already_set& error) {
      error.restore();
    } catch (const py::builtin_exception& error) {
      error.set_error();
    } catch (const std::bad_alloc&) {
      PyErr_NoMemory();
    } catch (const std::exception& error) {
      PyErr_SetString(PyExc_RuntimeError, error.what());
    }
  } catch (py::error_already_set& error) {
    error.restore();  // importing the exception classes failed, at interpreter exit for instance
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "inlay: an exception of unknown type left the core");
  }
}

}  // namespace inlay::python

PYBIND11_MODULE(_core, m) {
  using namespace inlay::python;
  refuse_mixed_installation();
  py::register_local_exception_translator(translate);
  m.doc() = "The native core of inlay; use the names that the package `inlay` offers.";
  m.attr("__version__") = inlay_version();
  register_arrow(m);
  register_observer(m);
  m.def("build_info", &build_info, "Return how this build was made.");
  register_summary(m);
  register_profile(m);
  register_tally(m);
  register_prometheus(m);
  register_check(m);
  register_drift(m);
  register_drift_rows(m);
  register_time_extent(m);
  register_online_detectors(m);
  register_two_sample(m);
  register_logits(m);
  register_generation(m);
  register_gpu(m);
  register_binary_states(m);
  register_label_join(m);
  register_multiclass_states(m);
  register_multilabel_states(m);
  register_ranking_states(m);
  register_regression_states(m);
  register_host(m);
}
