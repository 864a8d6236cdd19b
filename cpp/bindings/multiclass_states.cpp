#include <inlay/model/multiclass_states.hpp>

#include <algorithm>
#include <optional>

#include "components.hpp"
#include "segment_input.hpp"
#include "segment_states.hpp"

namespace inlay::python {
namespace {

using SharedStates = Shared<MulticlassStates>;

// Converted scores of a block take no more than this.
constexpr std::size_t kScoresAtATime = std::size_t{1} << 16;

// The next rows of a column as classes, or codes of none.
void read_classes(ColumnBlocks& column, std::size_t size, std::int32_t classes,
                  std::int64_t* scratch, std::int32_t* out) noexcept {
  const std::int64_t* whole = column.packed_integers(size);
  if (whole == nullptr) {
    column.integers(size, scratch);
    whole = scratch;
  }
  MulticlassState::read_classes(whole, size, classes, ColumnBlocks::kNoInteger, out);
}

void update(SharedStates& self, const py::object& y_true, const py::object& y_score,
            const py::object& weights, const py::object& segments) {
  ColumnBlocks labels(y_true.ptr());
  ColumnBlocks scores(y_score.ptr());
  const std::size_t rows = labels.size();
  const auto [classes, has_scores] = self.with(
      [](const auto& s) { return std::pair{s.settings().classes, s.settings().has_scores()}; });
  const std::size_t columns = has_scores ? static_cast<std::size_t>(classes) : 1;
  check_same_size(has_scores ? "y_score, by classes," : "y_score", scores.size(),
                  has_scores ? "y_true, by classes," : "y_true", rows * columns);
  std::optional<ColumnBlocks> weighing;
  if (!weights.is_none()) {
    weighing.emplace(weights.ptr());
    check_same_size("weights", weighing->size(), "y_true", rows);
  }
  const SegmentInput of(segments.ptr(), rows);
  if (rows == 0) return;
  const bool narrow = has_scores && scores.is_f32() && of.each() == nullptr;
  const auto count = [&, classes = classes, has_scores = has_scores](MulticlassStates& states) {
    const MulticlassSettings& settings = states.settings();
    // Whole blocks of the states, and of a few hundred classes few of them.
    const std::size_t most =
        has_scores ? std::max<std::size_t>(kScoresAtATime / columns / 256, 1) * 256 : kRowsAtATime;
    const std::size_t at_a_time = std::min({most, kRowsAtATime, rows});
    std::int64_t whole[kRowsAtATime];
    std::int32_t label[kRowsAtATime];
    std::int32_t predicted[kRowsAtATime];
    // Not written to where the columns can be read as they lie.
    const auto room = std::make_unique_for_overwrite<double[]>(weighing ? at_a_time : 0);
    const std::size_t num_scores = at_a_time * columns;
    const auto wide = std::make_unique_for_overwrite<double[]>(narrow ? 0 : num_scores);
    const auto floats = std::make_unique_for_overwrite<float[]>(narrow ? num_scores : 0);
    for (std::size_t at = 0; at < rows; at += at_a_time) {
      const std::size_t size = std::min(at_a_time, rows - at);
      read_classes(labels, size, classes, whole, label);
      const double* w = weighing ? weighing->doubles(size, room.get()) : nullptr;
      if (narrow) {
        const float* found = scores.floats(size * columns, floats.get());
        states.at(of.one()).update_scores(settings, label, found, w, size);
        continue;
      }
      const double* found = nullptr;
      if (has_scores) {
        found = scores.doubles(size * columns, wide.get());
      } else {
        read_classes(scores, size, classes, whole, predicted);
      }
      if (of.each() != nullptr) {
        const std::int32_t* p = has_scores ? nullptr : predicted;
        inlay::update(states, {label, p, found, w, of.each() + at, size});
      } else if (has_scores) {
        states.at(of.one()).update_scores(settings, label, found, w, size);
      } else {
        states.at(of.one()).update_labels(settings, label, predicted, w, size);
      }
    }
  };
  self.with_column(scores, count);
}

py::dict figures(SharedStates& self, std::size_t segment) {
  const MulticlassState state = state_of(self, segment);
  const std::vector<ConfusionCells::Cell> cells = state.cells().cells();
  std::vector<std::int32_t> label;
  std::vector<std::int32_t> predicted;
  std::vector<std::int64_t> rows;
  std::vector<double> cell_weights;
  const auto classes = static_cast<std::uint32_t>(state.cells().classes());
  for (const ConfusionCells::Cell& cell : cells) {
    label.push_back(static_cast<std::int32_t>(cell.index / classes));
    predicted.push_back(static_cast<std::int32_t>(cell.index % classes));
    rows.push_back(cell.rows);
    if (state.weighted()) cell_weights.push_back(cell.weight);
  }
  py::dict out;
  out["rows"] = state.rows();
  out["weighted"] = state.weighted();
  out["weight"] = state.sums().weight;
  out["weight_squares"] = state.sums().weight_squares;
  out["cell_labels"] = bytes_of(label);
  out["cell_predicted"] = bytes_of(predicted);
  out["cell_rows"] = bytes_of(rows);
  if (state.weighted()) out["cell_weights"] = bytes_of(cell_weights);
  if (state.bins().empty()) return out;
  out["log_loss"] = state.sums().log_loss;
  out["log_loss_squares"] = state.sums().log_loss_squares;
  out["brier"] = state.sums().brier;
  out["brier_squares"] = state.sums().brier_squares;
  out["ranks"] = py::cast(state.ranks());
  if (state.weighted()) out["rank_weights"] = py::cast(state.rank_weights());
  py::list bins;
  for (const MulticlassState::Tally& bin : state.bins()) {
    const bool weighted = state.weighted();
    bins.append(
        py::make_tuple(bin.rows, bin.hits, weighted ? bin.weight : static_cast<double>(bin.rows),
                       weighted ? bin.hit_weight : static_cast<double>(bin.hits), bin.confidence));
  }
  out["bins"] = bins;
  out["clipped"] = state.clipped();
  out["unnormalised"] = state.unnormalised();
  return out;
}

}  // namespace

void register_multiclass_states(py::module_& m) {
  py::class_<SharedStates> type(m, "MulticlassStates", "Rows of a classifier, by segment.");
  type.def(py::init([](std::int32_t classes, std::vector<std::int32_t> top_k, std::int32_t bins,
                       const std::string& kind) {
             return std::make_unique<SharedStates>(MulticlassStates(
                 MulticlassSettings{classes, std::move(top_k), bins, score_kind_of(kind)}));
           }),
           py::kw_only(), py::arg("classes"), py::arg("top_k") = py::make_tuple(1),
           py::arg("bins") = 15, py::arg("kind") = "probability")
      .def("update", &update, py::arg("y_true"), py::arg("y_score"),
           py::arg("weights") = py::none(), py::arg("segments") = 0)
      .def("figures", &figures, py::arg("segment") = 0)
      .def(
          "counted",
          [](SharedStates& self, std::size_t segment) {
            return faults_dict(state_of(self, segment).faults());
          },
          py::arg("segment") = 0)
      .def_property_readonly("settings", [](SharedStates& self) {
        const MulticlassSettings settings = self.with([](const auto& s) { return s.settings(); });
        py::dict out;
        out["classes"] = settings.classes;
        out["top_k"] = py::tuple(py::cast(settings.top_k));
        out["bins"] = settings.bins;
        out["kind"] = name_of(settings.kind);
        return out;
      });
  add_segment_verbs<MulticlassState>(type);
}

}  // namespace inlay::python
