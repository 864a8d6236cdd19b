#include "inlay/infra/gpu.hpp"

#include <pybind11/stl.h>

#include "components.hpp"
#include "instruments.hpp"

namespace py = pybind11;

namespace inlay::python {

namespace {

using infra::GpuDiscovery;
using infra::GpuInfo;
using infra::GpuPoller;
using infra::TaskStats;
using State = std::shared_ptr<ObserverState>;
using Poller = std::shared_ptr<GpuPoller>;

// The threads of the last holder end without the GIL: they never take it.
Poller make(std::optional<std::vector<std::string>> devices, std::optional<std::string> visible,
            int64_t fast_us, int64_t medium_us, int64_t slow_us, std::string library, bool gpm,
            bool process) {
  infra::GpuOptions options;
  options.devices = std::move(devices);
  options.visible = std::move(visible);
  options.fast_us = fast_us;
  options.medium_us = medium_us;
  options.slow_us = slow_us;
  options.library = std::move(library);
  options.gpm = gpm;
  options.process = process;
  return Poller(new GpuPoller(std::move(options)), [](GpuPoller* poller) {
    const py::gil_scoped_release release;  // joins threads
    delete poller;
  });
}

py::dict info_dict(const GpuInfo& info) {
  py::dict out;
  out["uuid"] = info.uuid;
  out["name"] = info.name;
  out["index"] = info.index;
  out["cuda"] = info.cuda;
  out["pci_bus_id"] = info.pci_bus_id;
  out["numa_node"] = info.numa_node;
  out["nvlinks"] = info.links;
  out["mig"] = info.mig;
  out["topology"] = info.topology;
  return out;
}

py::dict discovery(const Poller& poller, int64_t timeout_us) {
  GpuDiscovery found;
  {
    const py::gil_scoped_release release;  // waits
    found = poller->discovery(timeout_us);
  }
  py::list devices;
  for (const GpuInfo& info : found.devices) devices.append(info_dict(info));
  py::dict out;
  out["status"] = found.status;
  out["reason"] = found.reason;
  out["driver"] = found.driver;
  out["missing"] = found.missing;
  out["devices"] = devices;
  return out;
}

py::list stats(const Poller& poller) {
  std::vector<TaskStats> found;
  {
    const py::gil_scoped_release release;  // waits for a lock
    found = poller->stats();
  }
  py::list out;
  for (const TaskStats& task : found) {
    py::dict row;
    row["name"] = task.name;
    row["period"] = static_cast<double>(task.period_us) / 1e6;
    row["period_now"] = static_cast<double>(task.period_now_us) / 1e6;
    row["ticks"] = task.ticks;
    row["missed"] = task.missed;
    row["backoffs"] = task.backoffs;
    row["failed"] = task.failed;
    row["cpu"] = static_cast<double>(task.cpu_ns) * 1e-9;
    row["jitter_p50"] = task.jitter.quantile(0.5);
    row["jitter_p99"] = task.jitter.quantile(0.99);
    row["cost_p50"] = task.cost.quantile(0.5);
    row["cost_p99"] = task.cost.quantile(0.99);
    out.append(row);
  }
  return out;
}

py::object next_event(const Poller& poller, int64_t timeout_us) {
  std::optional<Event> event;
  {
    const py::gil_scoped_release release;  // waits
    event = poller->next_event(timeout_us);
  }
  if (!event) return py::none();
  return py::make_tuple(event->name, event->time_us.value_or(0), event->severity,
                        event->body.value_or(""), event->attrs);
}

}  // namespace

void register_gpu(py::module_& module) {
  using Released = py::call_guard<py::gil_scoped_release>;
  py::class_<GpuPoller, Poller>(module, "GpuPoller", "Reads GPUs in native threads.")
      .def(py::init(&make), py::kw_only(), py::arg("devices") = py::none(),
           py::arg("visible") = py::none(), py::arg("fast_us") = 100'000,
           py::arg("medium_us") = 1'000'000, py::arg("slow_us") = 30'000'000,
           py::arg("library") = "", py::arg("gpm") = true, py::arg("process") = true)
      // Starting and stopping wait for threads that take no GIL.
      .def("start", &GpuPoller::start, Released())
      .def("stop", &GpuPoller::stop, Released())
      .def_property_readonly("running", &GpuPoller::running)
      .def(
          "attach",
          [](const Poller& poller, const State& state) { poller->attach(state->observer); },
          py::arg("core"), Released())
      .def(
          "observe",
          [](const Poller& poller, const State& state) { poller->observe(state->observer); },
          py::arg("core"), Released())
      .def("discovery", &discovery, py::arg("timeout_us"))
      .def("stats", &stats)
      .def("next_event", &next_event, py::arg("timeout_us"),
           "Wait for an event: name, time, severity, body and attributes; None after the time.")
      .def("interrupt", &GpuPoller::interrupt)
      .def_property_readonly("dropped_events",
                             [](const Poller& poller) { return poller->losses().events; })
      .def_property_readonly("dropped_intervals",
                             [](const Poller& poller) { return poller->losses().intervals; });
}

}  // namespace inlay::python
