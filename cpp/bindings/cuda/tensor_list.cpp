// Norms and counts of lists of tensors.

#include "summary/tensor_list.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <vector>

#include "components.hpp"
#include "monitor_methods.hpp"
#include "stream_argument.hpp"
#include "tensor_input.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using cuda::TensorList;

constexpr const char* kName = "TensorList";

void enqueue(TensorList& self, const py::sequence& tensors, const py::object& stream) {
  std::vector<std::unique_ptr<TensorInput>> inputs;
  std::vector<cuda::Tensor> list(tensors.size());
  cudaStream_t on = nullptr;
  py::object common = stream;
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].device = self.device();
    list[i].dims = 1;  // no values
    const py::object tensor = tensors[i];
    if (tensor.is_none()) continue;
    inputs.push_back(std::make_unique<TensorInput>(tensor, common, self.device()));
    if (inputs.size() == 1) {
      on = inputs[0]->stream();
      // The stream of the first tensor is everybody's, unless one is given.
      if (common.is_none()) common = py::int_(dlpack_integer(on));
    }
    list[i] = inputs.back()->tensor();
  }
  if (!inputs.empty()) self.update(list, on);
}

void update(TensorList& self, const py::sequence& tensors, const py::object& stream) {
  update_monitor(self, kName, [&] { enqueue(self, tensors, stream); });
}

py::list sums(const TensorList& self) {
  py::list out;
  for (const cuda::TensorSums& s : self.sums()) {
    out.append(py::make_tuple(s.count, s.nan_count, s.pos_inf_count, s.neg_inf_count, s.zero_count,
                              s.sum_of_squares, s.max_abs));
  }
  return out;
}

}  // namespace

void register_tensor_list(py::module_& m) {
  py::class_<TensorList, MonitorHolder<TensorList>> type(
      m, kName, "Counts, squares and largest magnitudes of a list of tensors.");
  type.def(
      py::init([](std::size_t count, int device) { return make_held<TensorList>(device, count); }),
      py::arg("count"), py::kw_only(), py::arg("device"));
  type.def("update", &update, py::arg("tensors"), py::arg("stream") = py::none(),
           "Enqueue the values of all tensors; None stands for one without values.");
  type.def_property_readonly("count", &TensorList::count);
  type.def("sums", &sums,
           "Of each tensor: finite values, NaN, positive and negative infinities, zeros, sum of "
           "squares, largest magnitude.");
  type.def("reset", &TensorList::reset, "Forget what has arrived.");
  bind_monitor<TensorList>(type, kName);
}

}  // namespace inlay::python
