#include <pybind11/pybind11.h>

#include <cstdint>
#include <inlay/data/time_extent.hpp>
#include <inlay/error.hpp>

#include "components.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

py::tuple extent_of(const py::buffer& times, double quantile) {
  const py::buffer_info info = times.request();
  if (info.ndim != 1 || info.itemsize != sizeof(std::int64_t) ||
      (info.shape[0] > 1 && info.strides[0] != info.itemsize)) {
    detail::fail<InvalidArgument>("times must be one row of 8-byte numbers; dimensions", info.ndim);
  }
  if (!(quantile >= 0 && quantile <= 1)) {
    detail::fail<InvalidArgument>("a quantile must lie within 0 to 1", quantile);
  }
  const TimeExtent found = time_extent(static_cast<const std::int64_t*>(info.ptr),
                                       static_cast<std::size_t>(info.shape[0]), quantile);
  return py::make_tuple(found.oldest, found.newest, found.high);
}

}  // namespace

void register_time_extent(py::module_& m) {
  m.def("time_extent", &extent_of, py::arg("times"), py::arg("quantile"), py::pos_only());
}

}  // namespace inlay::python
