#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>

#include "runtime/error.hpp"
#include "runtime/monitor.hpp"

namespace inlay::python {

/// Ends a monitor, which waits for its launches, without the GIL: other threads go on meanwhile,
/// and what a stream calls on the host may need it.
template <class M>
struct DeleteWithoutGil {
  void operator()(M* monitor) const {
    const pybind11::gil_scoped_release release;
    delete monitor;
  }
};
template <class M>
using MonitorHolder = std::unique_ptr<M, DeleteWithoutGil<M>>;

template <class M, class... Arguments>
MonitorHolder<M> make_held(Arguments&&... arguments) {
  return MonitorHolder<M>(new M(std::forward<Arguments>(arguments)...));
}

/// Tells Python, once, that a device error disabled a monitor: it becomes an event. Needs the GIL;
/// never raises.
void report_news(cuda::Monitor& monitor, const char* what) noexcept;

/// Runs what an update does, f(): reads the tensors and calls the monitor. A device error of the
/// first disables the monitor as one of the second does; what else f throws passes through.
/// @param what what the event calls it
template <class F>
void update_monitor(cuda::Monitor& monitor, const char* what, F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const cuda::CudaError& error) {
    monitor.fail(error);
  }
  report_news(monitor, what);
}

/// Binds what every monitor has: turn, poll, collect, device, disabled, error, skipped.
///
/// `update` of a class is its own, by update_monitor().
/// @param name what the event calls it, a string literal
template <class M, class Class>
void bind_monitor(Class& type, const char* name) {
  namespace py = pybind11;
  type.def(
      "turn",
      [name](M& self) {
        bool closed = false;
        {
          const py::gil_scoped_release release;
          closed = self.turn();
        }
        report_news(self, name);
        return closed;
      },
      "Close the window without waiting; return False where an earlier one has yet to arrive.");
  type.def(
      "poll",
      [name](M& self) {
        bool done = false;
        {
          const py::gil_scoped_release release;
          done = self.poll();
        }
        report_news(self, name);
        return done;
      },
      "Take in the closed window; return False while it has not arrived.");
  type.def(
      "collect",
      [name](M& self) {
        {
          const py::gil_scoped_release release;
          self.collect();
        }
        report_news(self, name);
      },
      "Wait for all updates so far and take in what they counted. Synchronises.");
  type.def_property_readonly("device", &M::device, "The number of the device.");
  type.def_property_readonly("disabled", &M::disabled, "Whether an error disabled it.");
  type.def_property_readonly(
      "error", [](const M& self) { return self.status().error; },
      "What disabled it; empty while it works.");
  type.def_property_readonly(
      "skipped", [](const M& self) { return self.status().skipped; },
      "How many updates did nothing.");
}

}  // namespace inlay::python
