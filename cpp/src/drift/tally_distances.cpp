#include <algorithm>
#include <inlay/drift/tally_distances.hpp>
#include <limits>
#include <utility>

namespace inlay {
namespace {

ColumnCells cells_of(const TallyColumn& column) {
  ColumnCells out;
  out.path = column.path();
  if (const EdgeHistogram* edges = column.edges(); edges != nullptr) {
    out.reference_id = column.reference_id();
    out.edges = edges->edges();
    out.counts = edges->counts();
    out.counts.front() += edges->neg_inf_count();
    out.counts.back() += edges->pos_inf_count();
    out.has_infinity = (edges->neg_inf_count() | edges->pos_inf_count()) != 0;
  } else if (const Categories* names = column.categories(); names != nullptr) {
    out.reference_id = column.reference_id();
    out.counts = names->counts();
    out.counts.push_back(names->other());
  }
  if (const Moments* moments = column.moments(); moments != nullptr) {
    out.lowest = moments->min();
    out.highest = moments->max();
  }
  return out;
}

OrderedDistances ordered_of(const ColumnCells& reference, const ColumnCells& current) {
  OrderedCells cells;
  cells.edges = reference.edges.data();
  cells.num_edges = reference.edges.size();
  cells.reference = reference.counts.data();
  cells.current = current.counts.data();
  if (reference.lowest && current.lowest) {
    cells.lowest = std::min(*reference.lowest, *current.lowest);
    cells.highest = std::max(*reference.highest, *current.highest);
  }
  cells.has_infinity = reference.has_infinity || current.has_infinity;
  return ordered_distances(cells);
}

}  // namespace

std::vector<ColumnCells> column_cells(const Tally& tally) {
  std::vector<ColumnCells> out;
  out.reserve(tally.columns().size());
  for (const TallyColumn& column : tally.columns()) out.push_back(cells_of(column));
  return out;
}

std::vector<ColumnDistances> column_distances(const std::vector<ColumnCells>& reference,
                                              const std::vector<ColumnCells>& current,
                                              const std::vector<CellDistance>& kinds,
                                              const std::vector<OrderedDistance>& ordered) {
  std::vector<ColumnDistances> out;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const ColumnCells& ours = reference[i];
    // Both are mostly in the same order.
    const auto is_same = [&ours](const ColumnCells& each) { return each.path == ours.path; };
    const ColumnCells* theirs = nullptr;
    if (i < current.size() && is_same(current[i])) {
      theirs = &current[i];
    } else {
      const auto found = std::find_if(current.begin(), current.end(), is_same);
      if (found != current.end()) theirs = &*found;
    }
    if (theirs == nullptr || ours.reference_id.empty() ||
        ours.reference_id != theirs->reference_id || ours.counts.size() != theirs->counts.size()) {
      continue;
    }
    ColumnDistances column;
    column.path = ours.path;
    for (const CellDistance kind : kinds) {
      column.values.push_back(
          cell_distance(kind, ours.counts.data(), theirs->counts.data(), ours.counts.size()));
    }
    if (!ordered.empty()) {
      OrderedDistances found;
      if (!ours.edges.empty()) found = ordered_of(ours, *theirs);
      for (const OrderedDistance kind : ordered) column.values.push_back(found[kind].value);
    }
    out.push_back(std::move(column));
  }
  return out;
}

}  // namespace inlay
