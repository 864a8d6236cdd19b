#include <inlay/model/regression_states.hpp>

#include <algorithm>
#include <optional>

#include "components.hpp"
#include "segment_input.hpp"
#include "segment_states.hpp"

namespace inlay::python {
namespace {

using SharedStates = Shared<RegressionStates>;

void update(SharedStates& self, const py::object& y_true, const py::object& y_score,
            const py::object& weights, const py::object& segments) {
  ColumnBlocks labels(y_true.ptr());
  ColumnBlocks predictions(y_score.ptr());
  const std::size_t rows = labels.size();
  const std::size_t columns = self.with([](const auto& s) { return s.settings().columns(); });
  check_same_size(columns == 1 ? "y_score" : "y_score, by its columns", predictions.size(),
                  columns == 1 ? "y_true" : "y_true, by these", rows * columns);
  std::optional<ColumnBlocks> weighing;
  if (!weights.is_none()) {
    weighing.emplace(weights.ptr());
    check_same_size("weights", weighing->size(), "y_true", rows);
  }
  const SegmentInput of(segments.ptr(), rows);
  const bool narrow =
      labels.is_f32() && predictions.is_f32() && !weighing && of.each() == nullptr && columns == 1;
  const auto count_floats = [&](RegressionStates& states) {
    RegressionState& state = states.at(of.one());
    float label_room[kRowsAtATime];
    float prediction_room[kRowsAtATime];
    for (std::size_t at = 0; at < rows; at += kRowsAtATime) {
      const std::size_t size = std::min(kRowsAtATime, rows - at);
      const float* y = labels.floats(size, label_room);
      state.update(states.settings(), y, predictions.floats(size, prediction_room), size);
    }
  };
  const auto count = [&](RegressionStates& states) {
    // Not written to where the columns can be read as they lie.
    const auto room =
        std::make_unique_for_overwrite<double[]>(std::min(rows, kRowsAtATime) * (2 + columns));
    for (std::size_t at = 0; at < rows; at += kRowsAtATime) {
      const std::size_t size = std::min(kRowsAtATime, rows - at);
      const double* y = labels.doubles(size, room.get());
      const double* p = predictions.doubles(size * columns, room.get() + 2 * size);
      const double* w = weighing ? weighing->doubles(size, room.get() + size) : nullptr;
      if (of.each() == nullptr) {
        states.at(of.one()).update(states.settings(), y, p, w, size);
      } else {
        inlay::update(states, {y, p, w, of.each() + at, size});
      }
    }
  };
  if (rows == 0) return;
  if (narrow) {
    self.with_column(labels, count_floats);
  } else {
    self.with_column(labels, count);
  }
  if (const std::size_t rounded = labels.rounded() + predictions.rounded()) {
    warn_of_rounding(rounded);
  }
}

py::dict figures(SharedStates& self, std::size_t segment) {
  const RegressionState state = state_of(self, segment);
  const RegressionSettings settings = self.with([](const auto& s) { return s.settings(); });
  py::dict out;
  out["rows"] = state.rows();
  out["weighted"] = state.weighted();
  const RegressionState::Sums& sums = state.sums();
  out["weight"] = sums.weight;
  out["weight_squares"] = sums.weight_squares;
  if (settings.point_column() < settings.columns()) {
    out["label_mean"] = sums.label_mean;
    out["label_m2"] = sums.label_m2;
    out["error_mean"] = sums.error_mean;
    out["error_m2"] = sums.error_m2;
    out["co_moment"] = sums.co_moment;
    out["absolute"] = sums.absolute;
    out["fourth"] = sums.fourth;
    out["max_absolute"] = state.max_absolute();
    if (settings.relative) {
      const RegressionState::Relative& relative = state.relative();
      out["zero_labels"] = state.zero_labels();
      out["weight_of_zeros"] = relative.weight_of_zeros;
      out["relative"] = relative.error;
      out["relative_squares"] = relative.error_squares;
      out["symmetric"] = relative.symmetric;
      out["symmetric_squares"] = relative.symmetric_squares;
    }
    if (settings.distribution) {
      out["distribution"] = py::cast(std::make_unique<Shared<ExpHistogram>>(state.distribution()));
    }
  }
  if (!settings.quantiles.empty()) {
    py::list quantiles;
    for (const RegressionState::Quantile& quantile : state.quantiles()) {
      quantiles.append(py::make_tuple(quantile.covered, quantile.covered_weight, quantile.loss,
                                      quantile.loss_squares));
    }
    out["quantiles"] = quantiles;
    out["between"] = py::make_tuple(state.between().covered, state.between().covered_weight);
    out["crossings"] = state.crossings();
  }
  return out;
}

}  // namespace

void register_regression_states(py::module_& m) {
  py::class_<SharedStates> type(m, "RegressionStates",
                                "Errors of a model that predicts numbers, by segment.");
  type.def(py::init([](std::vector<double> quantiles, bool relative, bool distribution) {
             return std::make_unique<SharedStates>(RegressionStates(
                 RegressionSettings{std::move(quantiles), relative, distribution}));
           }),
           py::kw_only(), py::arg("quantiles") = py::tuple(), py::arg("relative") = true,
           py::arg("distribution") = true)
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
        const RegressionSettings settings = self.with([](const auto& s) { return s.settings(); });
        py::dict out;
        out["quantiles"] = py::tuple(py::cast(settings.quantiles));
        out["relative"] = settings.relative;
        out["distribution"] = settings.distribution;
        return out;
      });
  add_segment_verbs<RegressionState>(type);
}

}  // namespace inlay::python
