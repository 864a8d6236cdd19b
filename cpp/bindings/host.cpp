#include <inlay/infra/host.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <inlay/infra/hand_over.hpp>
#include <inlay/infra/poller.hpp>

#include "components.hpp"
#include "instruments.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using Facts = py::typing::Dict<py::str, py::object>;
using Released = py::call_guard<py::gil_scoped_release>;

/// A host that is read by a thread of its own, or by hand.
class HostReader {
 public:
  HostReader(std::string root, std::vector<std::string> families, double pressure,
             double congestion, std::size_t held_files)
      : host_(make(std::move(root), std::move(families), pressure, congestion, held_files)),
        poller_("inlay-host"),
        hand_over_(SystemClock().now().wall_us) {}

  void start(std::int64_t period_us, std::int64_t slow_us, std::int64_t scan_us) {
    if (poller_.size() == 0) {
      // The caller has just read it all by hand.
      poller_.add(
          "host", period_us,
          [this](const infra::Tick& at) { host_.tick(at.time_us, at.steady_ns); }, period_us);
      poller_.add(
          "host.slow", slow_us,
          [this](const infra::Tick& at) { host_.tick_slow(at.time_us, at.steady_ns); }, slow_us);
      poller_.add("host.scan", scan_us, [this](const infra::Tick&) { host_.scan(); }, scan_us);
    }
    poller_.start();
  }
  void stop() noexcept { poller_.stop(); }
  bool running() const noexcept { return poller_.running(); }

  void tick(std::int64_t time_us, std::int64_t steady_ns, bool slow) noexcept {
    if (slow) {
      host_.tick_slow(time_us, steady_ns);
    } else {
      host_.tick(time_us, steady_ns);
    }
  }

  void scan() { host_.scan(); }
  void enable(const std::string& family, bool on) { host_.enable(family, on); }
  void begin(std::int64_t now_us) { hand_over_.begin(now_us); }

  std::int64_t hand_over(Observer& observer) {
    return hand_over_(observer, host_.readings(), &host_.intervals(), &poller_);
  }

  std::size_t series() { return host_.readings().size(); }
  std::vector<infra::HostFamilyStats> stats() const { return host_.stats(); }
  infra::Readings::Counts counts() { return host_.readings().counts(); }
  const infra::Poller& poller() const noexcept { return poller_; }

 private:
  static infra::HostOptions make(std::string root, std::vector<std::string> families,
                                 double pressure, double congestion, std::size_t held_files) {
    infra::HostOptions options;
    options.root = std::move(root);
    options.families = std::move(families);
    options.pressure = pressure;
    options.congestion = congestion;
    options.held_files = held_files;
    return options;
  }

  infra::Host host_;
  infra::Poller poller_;
  infra::HandOver hand_over_;
};

py::typing::List<Facts> family_stats(HostReader& reader) {
  std::vector<infra::HostFamilyStats> stats;
  {
    const py::gil_scoped_release release;  // waits for the tick under way
    stats = reader.stats();
  }
  py::typing::List<Facts> out;
  for (const infra::HostFamilyStats& each : stats) {
    Facts facts;
    facts["name"] = each.name;
    facts["slow"] = each.slow;
    facts["enabled"] = each.enabled;
    facts["ticks"] = each.ticks;
    facts["total_ns"] = each.total_ns;
    facts["last_ns"] = each.last_ns;
    facts["scan_ns"] = each.scan_ns;
    out.append(facts);
  }
  return out;
}

py::typing::List<Facts> task_stats(HostReader& reader) {
  py::typing::List<Facts> out;
  for (std::size_t task = 0; task < reader.poller().size(); ++task) {
    const infra::TaskStats stats = reader.poller().stats(static_cast<std::uint32_t>(task));
    Facts facts;
    facts["name"] = stats.name;
    facts["period"] = static_cast<double>(stats.period_us) * 1e-6;
    facts["period_now"] = static_cast<double>(stats.period_now_us) * 1e-6;
    facts["ticks"] = stats.ticks;
    facts["missed"] = stats.missed;
    facts["backoffs"] = stats.backoffs;
    facts["cpu"] = static_cast<double>(stats.cpu_ns) * 1e-9;
    out.append(facts);
  }
  return out;
}

}  // namespace

void register_host(py::module_& m) {
  py::class_<HostReader>(m, "HostReader", "Reads procfs and sysfs of a machine.")
      .def(py::init<std::string, std::vector<std::string>, double, double, std::size_t>(),
           py::kw_only(), py::arg("root"), py::arg("families"), py::arg("pressure"),
           py::arg("congestion"), py::arg("held_files"), Released())
      .def_static("family_names", &infra::Host::family_names)
      // No Python object is touched where the GIL is released.
      .def("start", &HostReader::start, py::kw_only(), py::arg("period_us"), py::arg("slow_us"),
           py::arg("scan_us"), Released())
      .def("stop", &HostReader::stop, Released())
      .def_property_readonly("running", &HostReader::running)
      .def("tick", &HostReader::tick, py::arg("time_us"), py::arg("steady_ns"), py::kw_only(),
           py::arg("slow") = false, Released())
      .def("scan", &HostReader::scan, Released())
      .def("enable", &HostReader::enable, py::arg("family"), py::arg("on"), Released())
      .def("begin", &HostReader::begin, py::arg("now_us"), Released())
      .def(
          "hand_over",
          [](HostReader& self, const std::shared_ptr<ObserverState>& core) {
            Observer& observer = core->observer;
            const py::gil_scoped_release release;  // waits for the tick under way
            return self.hand_over(observer);
          },
          py::arg("core"), "Hand what was read to an observer's window; return the rows.")
      .def_property_readonly("series", &HostReader::series)
      .def("families", &family_stats)
      .def("tasks", &task_stats)
      .def("counts", [](HostReader& self) {
        const infra::Readings::Counts counts = self.counts();
        return py::make_tuple(counts.restarts, counts.wraps, counts.not_finite);
      });
}

}  // namespace inlay::python
