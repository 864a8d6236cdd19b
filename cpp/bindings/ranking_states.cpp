#include <inlay/model/ranking_states.hpp>

#include <optional>

#include "components.hpp"
#include "segment_input.hpp"
#include "segment_states.hpp"

namespace inlay::python {
namespace {

using SharedStates = Shared<RankingStates>;

std::vector<double> doubles_of(ColumnBlocks& column) {
  std::vector<double> out(column.size());
  if (out.empty()) return out;
  const double* found = column.doubles(out.size(), out.data());
  if (found != out.data()) out.assign(found, found + out.size());
  return out;
}

/// @throws InvalidArgument naming the first entry that is no integer, or if some are rounded.
std::vector<std::int64_t> integers_of(const py::object& object, const char* what) {
  ColumnBlocks column(object.ptr());
  std::vector<std::int64_t> out(column.size());
  if (out.empty()) return out;
  column.integers(out.size(), out.data());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] != ColumnBlocks::kNoInteger) continue;
    throw InvalidArgument(std::string(what) + " are integers of 64 bits above the least, not at " +
                          std::to_string(i));
  }
  // As those of a list are, beyond 53 bits: two might become one.
  if (column.rounded() != 0) {
    detail::fail<InvalidArgument>(
        std::string(what) + " of a sequence fit 53 bits, an array's 64; that do not",
        column.rounded());
  }
  return out;
}

void update(SharedStates& self, const py::object& y_true, const py::object& y_score,
            const py::object& groups, const py::object& offsets, const py::object& weights,
            const py::object& segments) {
  ColumnBlocks relevance(y_true.ptr());
  ColumnBlocks scores(y_score.ptr());
  const std::size_t rows = relevance.size();
  check_same_size("y_score", scores.size(), "y_true", rows);
  if (groups.is_none() == offsets.is_none()) {
    throw InvalidArgument("either groups or offsets tell the rows of a query");
  }
  const std::vector<std::int64_t> of =
      integers_of(groups.is_none() ? offsets : groups, groups.is_none() ? "offsets" : "groups");
  if (!groups.is_none()) check_same_size("groups", of.size(), "y_true", rows);
  if (groups.is_none() && of.empty()) throw InvalidArgument("offsets begin with 0: there are none");
  std::vector<double> weighing;
  if (!weights.is_none()) {
    ColumnBlocks column(weights.ptr());
    check_same_size("weights", column.size(), "y_true", rows);
    weighing = doubles_of(column);
  }
  const SegmentInput segment(segments.ptr(), rows);
  const std::vector<double> y = doubles_of(relevance);
  const std::vector<double> p = doubles_of(scores);
  RankingBatch batch;
  batch.relevance = y.data();
  batch.scores = p.data();
  batch.weights = weights.is_none() ? nullptr : weighing.data();
  if (groups.is_none()) {
    batch.offsets = of.data();
    batch.num_queries = of.size() - 1;
  } else {
    batch.queries = of.data();
  }
  batch.segments = segment.each();
  batch.segment = segment.one();
  batch.size = rows;
  self.with_column(relevance, [&](RankingStates& states) { inlay::update(states, batch); });
}

py::tuple pair_of(const RankingState::Sum& sum) { return py::make_tuple(sum.total, sum.squares); }

py::dict figures(SharedStates& self, std::size_t segment) {
  const RankingState state = state_of(self, segment);
  py::dict out;
  out["queries"] = state.queries();
  out["irrelevant"] = state.irrelevant();
  out["rows"] = state.rows();
  out["tied"] = state.tied();
  out["weighted"] = state.weighted();
  out["weight"] = state.weight();
  out["weight_squares"] = state.weight_squares();
  out["reciprocal_rank"] = pair_of(state.reciprocal_rank());
  out["average_precision"] = pair_of(state.average_precision());
  py::list at_k;
  for (const RankingState::AtK& at : state.at_k()) {
    py::dict one;
    one["hits"] = at.hits;
    one["hit_weight"] = at.hit_weight;
    one["ndcg"] = pair_of(at.ndcg);
    one["precision"] = pair_of(at.precision);
    one["recall"] = pair_of(at.recall);
    at_k.append(one);
  }
  out["at_k"] = at_k;
  return out;
}

}  // namespace

void register_ranking_states(py::module_& m) {
  py::class_<SharedStates> type(m, "RankingStates", "How well lists are ordered, by segment.");
  type.def(py::init([](std::vector<std::int32_t> k) {
             return std::make_unique<SharedStates>(RankingStates(RankingSettings{std::move(k)}));
           }),
           py::kw_only(), py::arg("k") = py::make_tuple(1, 5, 10))
      .def("update", &update, py::arg("y_true"), py::arg("y_score"), py::arg("groups") = py::none(),
           py::arg("offsets") = py::none(), py::arg("weights") = py::none(),
           py::arg("segments") = 0)
      .def("figures", &figures, py::arg("segment") = 0)
      .def(
          "counted",
          [](SharedStates& self, std::size_t segment) {
            const RankingState state = state_of(self, segment);
            py::dict out = faults_dict(state.faults());
            out["mixed"] = state.mixed();
            out["no_relevant"] = state.irrelevant();
            return out;
          },
          py::arg("segment") = 0)
      .def_property_readonly("settings", [](SharedStates& self) {
        const RankingSettings settings = self.with([](const auto& s) { return s.settings(); });
        py::dict out;
        out["k"] = py::tuple(py::cast(settings.k));
        return out;
      });
  add_segment_verbs<RankingState>(type);
}

}  // namespace inlay::python
