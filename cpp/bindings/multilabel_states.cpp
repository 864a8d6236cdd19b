#include <inlay/model/multilabel_states.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <inlay/error.hpp>

#include "column_blocks.hpp"
#include "components.hpp"
#include "segment_input.hpp"
#include "shared_summary.hpp"

namespace inlay::python {
namespace {

using SharedStates = Shared<MultilabelStates>;
using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

// Converted cells of a block.
constexpr std::size_t kCellsAtATime = std::size_t{1} << 16;

void update(SharedStates& self, const py::object& y_true, const py::object& y_score,
            const py::object& weights, const py::object& segments) {
  ColumnBlocks labels(y_true.ptr());
  ColumnBlocks scores(y_score.ptr());
  const std::size_t columns = self.with([](const auto& states) { return states.labels(); });
  const std::size_t rows = labels.size() / columns;
  check_same_size("y_true, by labels,", labels.size(), "a matrix of these", rows * columns);
  check_same_size("y_score, by labels,", scores.size(), "y_true, by labels,", labels.size());
  std::optional<ColumnBlocks> weighing;
  if (!weights.is_none()) {
    weighing.emplace(weights.ptr());
    check_same_size("weights", weighing->size(), "y_true", rows);
  }
  const SegmentInput of(segments.ptr(), rows);
  self.with_column(scores, [&](MultilabelStates& states) {
    // Whole blocks of the states, but of many labels.
    const std::size_t most = std::max<std::size_t>(kCellsAtATime / columns / 1024, 1) * 1024;
    const std::size_t at_a_time = std::min(most, rows);
    const std::size_t cells = at_a_time * columns;
    const auto whole = std::make_unique_for_overwrite<std::int64_t[]>(cells);
    const auto label = std::make_unique_for_overwrite<std::uint8_t[]>(cells);
    const auto score = std::make_unique_for_overwrite<double[]>(cells);
    const auto weight = std::make_unique_for_overwrite<double[]>(weighing ? at_a_time : 0);
    if (of.each() != nullptr) {
      // All are looked at before any row counts.
      MultilabelRows none;
      none.segment = rows == 0 ? 0 : *std::max_element(of.each(), of.each() + rows);
      states.update(none);
    }
    for (std::size_t at = 0; at < rows; at += at_a_time) {
      MultilabelRows block;
      block.size = std::min(at_a_time, rows - at);
      const std::size_t size = block.size * columns;
      labels.integers(size, whole.get());
      for (std::size_t i = 0; i < size; ++i) {
        label[i] = static_cast<std::uint8_t>(whole[i] == 0 ? 0 : whole[i] == 1 ? 1 : 2);
      }
      block.labels = label.get();
      block.scores = scores.doubles(size, score.get());
      block.weights = weighing ? weighing->doubles(block.size, weight.get()) : nullptr;
      block.segments = of.each() == nullptr ? nullptr : of.each() + at;
      block.segment = of.one();
      states.update(block);
    }
  });
}

py::dict figures(SharedStates& self, std::uint32_t segment) {
  const auto [rows, cells] = self.with([segment](const MultilabelStates& states) {
    return std::pair{states.rows(segment), states.cells(segment)};
  });
  py::dict out;
  out["rows"] = rows.rows;
  out["complete"] = rows.complete;
  out["weighted"] = rows.weighted;
  out["weight"] = rows.weight;
  out["weight_squares"] = rows.weight_squares;
  out["exact"] = py::cast(rows.exact);
  out["exact_weight"] = py::cast(rows.exact_weight);
  out["cells"] = py::cast(std::make_unique<Shared<BinaryStates>>(cells));
  return out;
}

py::dict counted(SharedStates& self, std::uint32_t segment) {
  const auto [rows, cells] = self.with([segment](const MultilabelStates& states) {
    return std::pair{states.rows(segment), states.cells(segment)};
  });
  std::array<std::uint64_t, 3> rejected{};
  for (std::uint32_t label = 0; label < cells.segments(); ++label) {
    const BinaryFigures of = cells.figures(label);
    for (std::size_t i = 0; i < rejected.size(); ++i) rejected[i] += of.rejected[i];
  }
  py::dict out;
  out["bad_label"] = rejected[0];
  out["nan_score"] = rejected[1];
  out["out_of_range"] = rejected[2];
  out["bad_weight"] = rows.bad_weight;
  return out;
}

}  // namespace

void register_multilabel_states(py::module_& m) {
  py::class_<SharedStates>(m, "MultilabelStates", "Rows of several binary labels, by segment.")
      .def(py::init([](std::uint32_t labels, std::vector<double> thresholds,
                       const std::string& kind, int bins, bool scores) {
             return std::make_unique<SharedStates>(MultilabelStates(
                 labels, {std::move(thresholds), score_kind_of(kind), bins, scores}));
           }),
           py::kw_only(), py::arg("labels"), py::arg("thresholds") = std::vector<double>{0.5},
           py::arg("kind") = "probability", py::arg("bins") = 15, py::arg("scores") = true)
      .def_static("from_bytes", &from_bytes<MultilabelStates>, py::arg("data"), py::pos_only())
      .def("update", &update, py::arg("y_true"), py::arg("y_score"),
           py::arg("weights") = py::none(), py::arg("segments") = 0)
      .def(
          "rows",
          [](SharedStates& self, std::uint32_t segment) {
            return self.with([&](const MultilabelStates& v) { return v.rows(segment).rows; });
          },
          py::arg("segment") = 0)
      .def("counted", &counted, py::arg("segment") = 0)
      .def("figures", &figures, py::arg("segment") = 0)
      .def(
          "merge",
          [](SharedStates& self, SharedStates& other, const std::optional<Pairs>& pairs) {
            const MultilabelStates added = other.copy();  // never two locks at once
            self.with([&](MultilabelStates& v) { v.merge(added, pairs ? &*pairs : nullptr); });
          },
          py::arg("other"), py::arg("pairs") = py::none())
      .def("take",
           [](SharedStates& self) {
             return std::make_unique<SharedStates>(self.with([](MultilabelStates& v) {
               MultilabelStates out(v.labels(), v.settings());
               std::swap(out, v);
               return out;
             }));
           })
      .def("reset", [](SharedStates& self) { self.with([](MultilabelStates& v) { v.reset(); }); })
      .def("copy", [](SharedStates& self) { return std::make_unique<SharedStates>(self.copy()); })
      .def(
          "equals",
          [](SharedStates& self, SharedStates& other) { return self.copy() == other.copy(); },
          py::arg("other"), py::pos_only())
      .def(
          "to_bytes",
          [](SharedStates& self, std::optional<std::uint32_t> segment) {
            return bytes_of(self.with([segment](const MultilabelStates& v) {
              return segment ? v.to_bytes(*segment) : v.to_bytes();
            }));
          },
          py::arg("segment") = py::none())
      .def_property_readonly(
          "segments",
          [](SharedStates& self) {
            return self.with([](const MultilabelStates& v) { return v.segments(); });
          })
      .def_property_readonly("settings", [](SharedStates& self) {
        const auto [labels, settings] = self.with(
            [](const MultilabelStates& v) { return std::pair{v.labels(), v.settings()}; });
        py::dict out;
        out["labels"] = labels;
        out["thresholds"] = py::tuple(py::cast(settings.thresholds));
        out["kind"] = name_of(settings.kind);
        out["bins"] = settings.bins;
        out["scores"] = settings.scores;
        return out;
      });
}

}  // namespace inlay::python
