#include <inlay/model/binary_states.hpp>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cstdint>
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

using SharedStates = Shared<BinaryStates>;
using Figures = py::typing::Dict<py::str, py::object>;
using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

constexpr std::array<const char*, 4> kRejected{"bad_label", "nan_score", "out_of_range",
                                               "bad_weight"};

// Rows converted a block at a time.
struct Block {
  static constexpr std::size_t kRows = 8192;

  explicit Block(std::size_t rows) : scores(rows), scores_f32(rows), weights(rows), labels(rows) {}

  std::vector<double> scores;
  std::vector<float> scores_f32;
  std::vector<double> weights;
  std::vector<std::int64_t> labels;
};

void update(SharedStates& self, const py::handle& y_true, const py::handle& y_score,
            const py::handle& given_weights, const py::handle& segments) {
  ColumnBlocks labels(y_true.ptr());
  ColumnBlocks scores(y_score.ptr());
  const std::size_t size = labels.size();
  check_same_size("y_score", scores.size(), "y_true", size);
  std::optional<ColumnBlocks> weights;
  if (!given_weights.is_none()) {
    weights.emplace(given_weights.ptr());
    check_same_size("weights", weights->size(), "y_true", size);
  }
  const SegmentInput where(segments.ptr(), size, true);
  const bool narrow = scores.is_f32();
  self.with_column(labels, [&](BinaryStates& states) {
    std::unique_ptr<Block> block;
    BinaryRows rows;
    rows.segment = where.one();
    // All at once if nothing has to be converted.
    for (std::size_t at = 0; at < size; at += rows.size) {
      rows.size = std::min(size - at, block ? Block::kRows : size);
      if (!block) {
        rows.labels_i64 = labels.packed_integers(size);
        rows.scores_f32 = narrow ? scores.packed_floats(size) : nullptr;
        rows.scores_f64 = narrow ? nullptr : scores.packed_doubles(size);
        rows.weights = weights ? weights->packed_doubles(size) : nullptr;
        if (rows.labels_i64 == nullptr || (rows.scores_f32 == nullptr && !rows.scores_f64) ||
            (weights && rows.weights == nullptr)) {
          where.check_in_place();  // before any block is counted
          block = std::make_unique<Block>(std::min(size, Block::kRows));
          labels.rewind();
          scores.rewind();
          if (weights) weights->rewind();
          rows.size = std::min(size, Block::kRows);
        }
      }
      if (block) {
        labels.integers(rows.size, block->labels.data());
        rows.labels_i64 = block->labels.data();
        if (narrow) {
          rows.scores_f32 = scores.floats(rows.size, block->scores_f32.data());
        } else {
          rows.scores_f64 = scores.doubles(rows.size, block->scores.data());
        }
        if (weights) rows.weights = weights->doubles(rows.size, block->weights.data());
      }
      rows.segments = where.each() == nullptr ? nullptr : where.each() + at;
      rows.segments_i64 = where.in_place() == nullptr ? nullptr : where.in_place() + at;
      states.update(rows);
    }
  });
}

py::object number_of(double sum, bool weighted) {
  return weighted ? py::object(py::float_(sum))
                  : py::object(py::int_(static_cast<std::uint64_t>(sum)));
}

py::list confusions_of(const std::vector<BinaryFigures::Confusion>& all, bool weighted) {
  py::list out;
  for (const BinaryFigures::Confusion& one : all) {
    out.append(py::make_tuple(number_of(one.tn, weighted), number_of(one.fp, weighted),
                              number_of(one.fn, weighted), number_of(one.tp, weighted)));
  }
  return out;
}

Figures rejected_of(const BinaryFigures& found) {
  Figures out;
  for (std::size_t i = 0; i < kRejected.size(); ++i) out[kRejected[i]] = found.rejected[i];
  return out;
}

Figures figures(SharedStates& self, std::uint32_t segment) {
  const auto [found, histogram, kept, groups] = self.with([&](const BinaryStates& states) {
    const BinarySettings& settings = states.settings();
    return std::tuple(states.figures(segment), states.histogram(segment), settings.scores,
                      settings.bins);
  });
  Figures out;
  out["rows"] = found.rows;
  out["rejected"] = rejected_of(found);
  out["weighted"] = found.weighted;
  out["confusions"] = confusions_of(found.confusions, found.weighted);
  if (found.weighted) out["counts"] = confusions_of(found.counts, false);
  out["squares"] = found.weighted ? confusions_of(found.squares, true) : py::list();
  if (!kept) return out;
  py::list bins;
  for (const BinaryFigures::Calibration& bin : found.calibration) {
    bins.append(py::make_tuple(number_of(bin.rows, found.weighted),
                               number_of(bin.positives, found.weighted), bin.scores, bin.squares));
  }
  out["calibration"] = bins;
  out["squared_errors"] = found.squared_errors;
  out["positive_scores"] = found.positive_scores;
  out["log_loss"] = found.log_loss;
  out["clipped"] = found.clipped;
  const ScoreRanks ranks = histogram.ranks();
  out["auroc"] = ranks.auroc;
  out["auroc_bound"] = ranks.auroc_bound;
  out["positive_spread"] = ranks.positive_spread;
  out["negative_spread"] = ranks.negative_spread;
  out["average_precision"] = ranks.average_precision;
  out["average_precision_low"] = ranks.average_precision_low;
  out["average_precision_high"] = ranks.average_precision_high;
  const ScoreSpreads spreads = histogram.spreads(static_cast<std::size_t>(groups));
  out["squared_errors_squared"] = spreads.squared_errors_squared;
  out["log_losses_squared"] = spreads.log_losses_squared;
  out["equal_mass_error"] = spreads.equal_mass_error;
  out["equal_mass_spread"] = spreads.equal_mass_spread;
  return out;
}

// What another object is made with.
Figures settings(SharedStates& self) {
  const BinarySettings found = self.with([](const BinaryStates& v) { return v.settings(); });
  Figures out;
  out["thresholds"] = py::tuple(py::cast(found.thresholds));
  out["kind"] = name_of(found.kind);
  out["bins"] = found.bins;
  out["scores"] = found.scores;
  return out;
}

// The bins that have rows, as columns of doubles and int64.
py::tuple histogram(SharedStates& self, std::uint32_t segment) {
  const std::vector<ScoreHistogram::Bin> bins =
      self.with([&](const BinaryStates& states) { return states.histogram(segment).bins(); });
  std::vector<double> low, high, negative_weights, positive_weights;
  std::vector<std::int64_t> negatives, positives;
  for (const ScoreHistogram::Bin& bin : bins) {
    low.push_back(bin.low);
    high.push_back(bin.high);
    negatives.push_back(static_cast<std::int64_t>(bin.counts[0]));
    positives.push_back(static_cast<std::int64_t>(bin.counts[1]));
    negative_weights.push_back(bin.weights[0]);
    positive_weights.push_back(bin.weights[1]);
  }
  return py::make_tuple(bytes_of(low), bytes_of(high), bytes_of(negatives), bytes_of(positives),
                        bytes_of(negative_weights), bytes_of(positive_weights));
}

}  // namespace

void register_binary_states(py::module_& m) {
  const auto get = [](auto read) { return [read](SharedStates& self) { return self.with(read); }; };
  py::class_<SharedStates>(m, "BinaryStates", "Quality of binary predictions by segment.")
      .def(py::init(
               [](std::vector<double> thresholds, const std::string& kind, int bins, bool scores) {
                 return std::make_unique<SharedStates>(
                     BinaryStates({std::move(thresholds), score_kind_of(kind), bins, scores}));
               }),
           py::kw_only(), py::arg("thresholds") = std::vector<double>{0.5},
           py::arg("kind") = "probability", py::arg("bins") = 15, py::arg("scores") = true)
      .def_static("from_bytes", &from_bytes<BinaryStates>, py::arg("data"), py::pos_only())
      .def("update", &update, py::arg("y_true"), py::arg("y_score"),
           py::arg("weights") = py::none(), py::arg("segments") = 0)
      .def(
          "rows",
          [](SharedStates& self, std::uint32_t segment) {
            return self.with([&](const BinaryStates& v) { return v.rows(segment); });
          },
          py::arg("segment") = 0)
      .def(
          "counted",
          [](SharedStates& self, std::uint32_t segment) {
            return rejected_of(
                self.with([&](const BinaryStates& v) { return v.figures(segment); }));
          },
          py::arg("segment") = 0, "Rows left out, by what was wrong.")
      .def("figures", &figures, py::arg("segment") = 0)
      .def("histogram", &histogram, py::arg("segment") = 0)
      .def(
          "merge",
          [](SharedStates& self, SharedStates& other, const std::optional<Pairs>& pairs) {
            const BinaryStates added = other.copy();  // never two locks at once
            self.with([&](BinaryStates& v) { v.merge(added, pairs ? &*pairs : nullptr); });
          },
          py::arg("other"), py::arg("pairs") = py::none())
      .def(
          "take",
          [](SharedStates& self) {
            return std::make_unique<SharedStates>(
                self.with([](BinaryStates& v) { return v.take(); }));
          },
          "Return the state and leave it empty.")
      .def("reset", get([](BinaryStates& v) { v.reset(); }))
      .def("copy", [](SharedStates& self) { return std::make_unique<SharedStates>(self.copy()); })
      .def(
          "to_bytes",
          [](SharedStates& self, std::optional<std::uint32_t> segment) {
            return bytes_of(self.with([&](const BinaryStates& v) {
              return segment ? v.to_bytes(*segment) : v.to_bytes();
            }));
          },
          py::arg("segment") = py::none())
      .def(
          "equals",
          [](SharedStates& self, SharedStates& other) { return self.copy() == other.copy(); },
          py::arg("other"), py::pos_only())
      .def_property_readonly("segments", get([](const BinaryStates& v) { return v.segments(); }))
      .def_property_readonly("memory", get([](const BinaryStates& v) { return v.memory(); }))
      .def_property_readonly("settings", &settings);
}

}  // namespace inlay::python
