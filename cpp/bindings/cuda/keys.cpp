// Monitors of keys: categories, distinct items, top ids.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <utility>
#include <vector>

#include "../python_bytes.hpp"
#include "components.hpp"
#include "data/category_monitor.hpp"
#include "data/hll_monitor.hpp"
#include "data/top_k_monitor.hpp"
#include "monitor_methods.hpp"
#include "tensor_input.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

template <class Monitor, class Class>
void bind_update(Class& type, const char* name) {
  type.def(
      "update",
      [name](Monitor& self, py::handle values, py::handle stream) {
        update_monitor(self, name, [&] {
          const TensorInput input(values, stream, self.device());
          self.update(input.tensor(), input.stream());
        });
      },
      py::arg("values"), py::arg("stream") = py::none(),
      "Enqueue the elements of a tensor on the monitor's device.");
  bind_monitor<Monitor>(type, name);
}

void bind_categories(py::module_& m) {
  using cuda::CategoryMonitor;
  py::class_<CategoryMonitor, MonitorHolder<CategoryMonitor>> type(
      m, "CategoryMonitor", "Counts of the integer codes of a list, and of all others.");
  type.def(py::init([](std::vector<std::int64_t> codes, int device) {
             return make_held<CategoryMonitor>(device, std::move(codes));
           }),
           py::arg("codes"), py::kw_only(), py::arg("device"));
  type.def(
      "take",
      [](CategoryMonitor& self) {
        CategoryMonitor::Counts counts = self.take();
        return py::make_tuple(py::cast(counts.codes), counts.other, counts.nan, counts.falses,
                              counts.trues);
      },
      "Return and forget what arrived: counts of the codes, of all others, of NaN, of false "
      "and of true.");
  bind_update<CategoryMonitor>(type, "CategoryMonitor");
}

void bind_hll(py::module_& m) {
  using cuda::HllMonitor;
  py::class_<HllMonitor, MonitorHolder<HllMonitor>> type(m, "HllMonitor",
                                                         "The Hll of what is in device memory.");
  type.def(py::init([](int lg_k, int device) { return make_held<HllMonitor>(device, lg_k); }),
           py::arg("lg_k") = Hll::kDefaultLgK, py::kw_only(), py::arg("device"));
  type.def(
      "take",
      [](HllMonitor& self) {
        const Hll sketch = self.take();
        const Hll::Counts& counts = sketch.counts();
        return py::make_tuple(
            bytes_of(sketch.to_bytes()),
            py::cast(std::vector<std::uint64_t>{counts.items, counts.nulls, counts.nans,
                                                counts.pos_infs, counts.neg_infs}));
      },
      "Return and forget what arrived: the bytes and the counts of an Hll.");
  bind_update<HllMonitor>(type, "HllMonitor");
}

void bind_top_k(py::module_& m) {
  using cuda::TopKMonitor;
  py::class_<TopKMonitor, MonitorHolder<TopKMonitor>> type(
      m, "TopKMonitor", "The most frequent ids, with exact counts.");
  type.def(py::init([](std::uint32_t capacity, std::uint64_t vocabulary, int device) {
             return make_held<TopKMonitor>(device, capacity, vocabulary);
           }),
           py::arg("capacity"), py::arg("vocabulary") = 0, py::kw_only(), py::arg("device"));
  type.def(
      "take", [](TopKMonitor& self) { return bytes_of(self.take().to_bytes()); },
      "Return and forget what arrived: the bytes of a TopK.");
  bind_update<TopKMonitor>(type, "TopKMonitor");
}

}  // namespace

void register_keys(py::module_& m) {
  bind_categories(m);
  bind_hll(m);
  bind_top_k(m);
}

}  // namespace inlay::python
