// Device memory from a pool of Python's: torch's or CuPy's.

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>

#include "components.hpp"
#include "runtime/allocator.hpp"
#include "runtime/error.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

class PythonAllocator final : public cuda::Allocator {
 public:
  PythonAllocator(py::object allocate, py::object release)
      : allocate_(std::move(allocate)), release_(std::move(release)) {}
  PythonAllocator(const PythonAllocator&) = delete;
  PythonAllocator& operator=(const PythonAllocator&) = delete;
  ~PythonAllocator() override {
    if (Py_IsInitialized() == 0) {
      static_cast<void>(allocate_.release());
      static_cast<void>(release_.release());
      return;
    }
    const py::gil_scoped_acquire gil;
    allocate_ = py::object();
    release_ = py::object();
  }

  void* allocate(std::size_t bytes, cudaStream_t stream) override {
    int device = 0;
    cuda::check(cudaGetDevice(&device), "asking for the current device");
    const py::gil_scoped_acquire gil;
    const py::object address =
        allocate_(bytes == 0 ? 1 : bytes, device, reinterpret_cast<std::uintptr_t>(stream));
    void* const memory = PyLong_AsVoidPtr(address.ptr());
    if (memory == nullptr) {
      if (PyErr_Occurred() != nullptr) throw py::error_already_set();
      throw cuda::CudaError(cudaErrorMemoryAllocation, "allocating device memory from Python");
    }
    return memory;
  }

  void release(void* memory, std::size_t, cudaStream_t) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const py::gil_scoped_acquire gil;
    try {
      release_(reinterpret_cast<std::uintptr_t>(memory));
    } catch (py::error_already_set& error) {
      error.discard_as_unraisable("inlay: giving back device memory");
    }
  }

 private:
  py::object allocate_;
  py::object release_;
};

void set_allocator(const py::object& allocate, const py::object& release) {
  if (allocate.is_none() != release.is_none())
    throw py::type_error("an allocator is two callables, or None twice");
  if (allocate.is_none()) return cuda::set_default_allocator(nullptr);
  for (const py::object* callable : {&allocate, &release}) {
    if (PyCallable_Check(callable->ptr()) == 0)
      throw py::type_error("not callable: " + std::string(py::repr(*callable)));
  }
  cuda::set_default_allocator(std::make_shared<PythonAllocator>(allocate, release));
}

}  // namespace

void register_allocators(py::module_& m) {
  m.def("set_allocator", &set_allocator, py::arg("allocate"), py::arg("release"),
        "Take device memory from `allocate(bytes, device, stream) -> address` and give it back by "
        "`release(address)`, in monitors made from now on; None twice for the driver's own pool.");
}

}  // namespace inlay::python
