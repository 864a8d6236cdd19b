#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <inlay/error.hpp>
#include <inlay/model/segment_states.hpp>

#include "column_blocks.hpp"
#include "python_bytes.hpp"
#include "shared_summary.hpp"

namespace inlay::python {

/// Columns of so many rows are read and counted at a time: a multiple of the states' own blocks.
inline constexpr std::size_t kRowsAtATime = 8192;

inline py::dict faults_dict(const RowFaults& faults) {
  py::dict out;
  out["bad_label"] = faults.bad_label;
  out["nan_score"] = faults.nan_score;
  out["out_of_range"] = faults.out_of_range;
  out["bad_weight"] = faults.bad_weight;
  return out;
}

/// A copy of a segment's state, an empty one of a segment that does not exist.
template <class State>
State state_of(Shared<SegmentStates<State>>& shared, std::size_t segment) {
  return shared.with([segment](const SegmentStates<State>& states) {
    const State* found = states.find(segment);
    return found == nullptr ? State(states.settings()) : *found;
  });
}

/// What the states of all tasks can do; a task adds its constructor, update() and figures().
template <class State>
void add_segment_verbs(py::class_<Shared<SegmentStates<State>>>& type) {
  using States = SegmentStates<State>;
  using SharedStates = Shared<States>;
  using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
  type.def_property_readonly(
          "segments",
          [](SharedStates& self) { return self.with([](const States& s) { return s.size(); }); })
      .def(
          "rows",
          [](SharedStates& self, std::size_t segment) {
            return self.with([segment](const States& states) {
              const State* found = states.find(segment);
              return found == nullptr ? std::int64_t{0} : found->rows();
            });
          },
          py::arg("segment") = 0)
      .def(
          "merge",
          [](SharedStates& self, SharedStates& other, const std::optional<Pairs>& pairs) {
            const States added = other.copy();  // never two locks at once
            self.with([&](States& states) {
              if (pairs) {
                states.merge(added, *pairs);
              } else {
                states.merge(added);
              }
            });
          },
          py::arg("other"), py::arg("pairs") = py::none())
      .def("take",
           [](SharedStates& self) {
             return std::make_unique<SharedStates>(self.with([](States& states) {
               States out(states.settings());
               std::swap(out, states);
               return out;
             }));
           })
      .def("reset", [](SharedStates& self) { self.with([](States& states) { states.reset(); }); })
      .def("copy", [](SharedStates& self) { return std::make_unique<SharedStates>(self.copy()); })
      .def(
          "equals",
          [](SharedStates& self, SharedStates& other) {
            const States a = self.copy();
            const States b = other.copy();
            return a == b;
          },
          py::arg("other"), py::pos_only())
      .def(
          "to_bytes",
          [](SharedStates& self, std::optional<std::size_t> segment) {
            return bytes_of(self.with([segment](const States& states) {
              return segment ? states.to_bytes(*segment) : states.to_bytes();
            }));
          },
          py::arg("segment") = py::none())
      .def_static("from_bytes", &from_bytes<States>, py::arg("data"), py::pos_only());
}

}  // namespace inlay::python
