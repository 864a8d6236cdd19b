#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

PYBIND11_MODULE(_cuda, m, py::mod_gil_not_used()) {
  m.doc() = "The kernels for CUDA devices; loads without a driver.";
  m.def("driver_version", [] {
    int version = 0;
    cudaDriverGetVersion(&version);
    return version;
  });
}
