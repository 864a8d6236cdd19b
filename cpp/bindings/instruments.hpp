#pragma once

// The instruments as Python types written by hand: pybind11's call path costs more than a record.

#include <Python.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "inlay/observer.hpp"

namespace inlay::python {

/// What the bindings keep for one observer, shared by its instruments. The GIL guards all but
/// `observer`.
struct ObserverState {
  explicit ObserverState(ObserverOptions options);
  ~ObserverState();

  Observer observer;
  const std::shared_ptr<Clock> clock;   ///< the observer's, or the system's
  PyObject* exemplar_source = nullptr;  ///< callable, or null
  PyObject* restart_hook = nullptr;     ///< callable, or null
  int64_t trimmed_ns = 0;
  std::vector<PyObject*> instruments;  ///< weak references

  /// Runs the restart hook if the core restarted in a forked child. Errors are written as
  /// unraisable.
  void run_restart_hook();
  /// Asks the source for the span of a record, told what it is about unless that is null, and keeps
  /// the value with it.
  void offer_exemplar(const BoundHistogram& histogram, double value, PyObject* about);
  /// Lets the instruments forget attribute values that nobody used for a while.
  void trim();
};

/// Adds the types to the module.
void add_instrument_types(PyObject* module);

/// The instrument of this description, the same object for the same arguments while it lives.
/// New reference, or null with an error set.
PyObject* make_instrument(const std::shared_ptr<ObserverState>& state, Kind kind,
                          const std::string& name, const InstrumentOptions& options);

/// Releases attribute values that were not used since the last call.
void trim_instrument(PyObject* instrument) noexcept;

}  // namespace inlay::python
