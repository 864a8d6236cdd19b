// The monitor of columns: moments, exponential histograms and cells between edges.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../python_bytes.hpp"
#include "components.hpp"
#include "monitor_methods.hpp"
#include "summary/column_monitor.hpp"
#include "tensor_input.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using cuda::ColumnMonitor;

MonitorHolder<ColumnMonitor> make_monitor(std::size_t columns, int device, int scale, bool moments,
                                          bool histogram,
                                          std::optional<std::vector<std::vector<double>>> edges,
                                          std::size_t pages) {
  ColumnMonitor::Options options;
  options.columns = columns;
  options.scale = scale;
  options.moments = moments;
  options.histogram = histogram;
  if (edges) options.edges = std::move(*edges);
  options.pages = pages;
  return make_held<ColumnMonitor>(device, std::move(options));
}

}  // namespace

void register_columns(py::module_& m) {
  py::class_<ColumnMonitor, MonitorHolder<ColumnMonitor>> type(
      m, "ColumnMonitor", "Moments, histograms and cells of the columns of tensors on a device.");
  type.def(py::init(&make_monitor), py::arg("columns"), py::kw_only(), py::arg("device"),
           py::arg("scale") = ExpHistogram::kDefaultScale, py::arg("moments") = true,
           py::arg("histogram") = true, py::arg("edges") = py::none(), py::arg("pages") = 0);
  type.def(
      "update",
      [](ColumnMonitor& self, py::handle values, py::handle stream, int axis) {
        update_monitor(self, "ColumnMonitor", [&] {
          const TensorInput input(values, stream, self.device());
          self.update(input.tensor(), input.stream(), axis);
        });
      },
      py::arg("values"), py::arg("stream") = py::none(), py::arg("axis") = -1,
      "Enqueue the values of a tensor; `axis` is the dimension of the columns.");
  type.def("moments", [](const ColumnMonitor& self, std::size_t i) {
    return bytes_of(self.moments(i).to_bytes());
  });
  type.def("histogram", [](const ColumnMonitor& self, std::size_t i) {
    return bytes_of(self.histogram(i).to_bytes());
  });
  type.def("edges", [](const ColumnMonitor& self, std::size_t i) {
    return bytes_of(self.edges(i).to_bytes());
  });
  type.def_property_readonly("columns", &ColumnMonitor::columns);
  type.def_property_readonly("lost", &ColumnMonitor::lost,
                             "Values that are in no bucket, for want of pages.");
  type.def("reset", &ColumnMonitor::reset, "Forget what has arrived.");
  bind_monitor<ColumnMonitor>(type, "ColumnMonitor");
}

}  // namespace inlay::python
