#include "monitor_methods.hpp"

namespace py = pybind11;

namespace inlay::python {

void report_news(cuda::Monitor& monitor, const char* what) noexcept {
  if (!monitor.take_news()) return;
  // The step of a model goes on, also where the interpreter is ending.
  try {
    py::module_::import("inlay._cuda_runtime")
        .attr("monitor_disabled")(what, monitor.device(), monitor.status().error);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("inlay: reporting a disabled monitor");
  } catch (const std::exception&) {
  }
}

}  // namespace inlay::python
