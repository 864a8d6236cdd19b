// What the summaries' bindings share, and the list of them.

#include <string>

#include "components.hpp"
#include "shared_summary.hpp"

namespace inlay::python {

void warn_of_rounding(std::size_t values) {
  const py::object category = py::module_::import("inlay._exceptions").attr("InlayWarning");
  const std::string text =
      "numbers of more than 53 bits were rounded to the nearest double: " + std::to_string(values);
  if (PyErr_WarnEx(category.ptr(), text.c_str(), 2) != 0) throw py::error_already_set();
}

void register_summary(py::module_& m) {
  register_moments(m);
  register_exp_histogram(m);
  register_kll(m);
  register_hll(m);
  register_edge_histogram(m);
  register_categories(m);
  register_top_k(m);
  register_reservoir(m);
  register_item_keys(m);
}

}  // namespace inlay::python
