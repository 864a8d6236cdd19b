#include "prometheus/merged_view.hpp"

namespace inlay::prometheus {

void MergedView::append(std::uint32_t series, const Entry& entry) {
  const auto index = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back(entry);
  Chain& chain = heads_[series];
  if (chain.first == kEnd) {
    chain.first = index;
  } else {
    entries_[chain.last].next = index;
  }
  chain.last = index;
}

void MergedView::add(const SeriesTotals& totals, std::uint32_t series, std::uint32_t group) {
  append(series, {&totals, nullptr, nullptr, group, kEnd});
}

void MergedView::add(const TotalsTable& table, std::uint32_t group) {
  entries_.reserve(entries_.size() + table.entries.size());
  for (const auto& entry : table.entries) add(entry.totals, entry.series, group);
}

void MergedView::add(const PointRows& rows, std::uint32_t group) {
  for (const auto& row : rows.rows()) {
    append(row.series, {nullptr, &row.delta, nullptr, group, kEnd});
  }
  for (const auto& tied : rows.exemplars()) {
    // An exemplar alone makes no series.
    if (has(tied.series)) append(tied.series, {nullptr, nullptr, &tied.exemplar, group, kEnd});
  }
}

const SeriesTotals& MergedView::group_totals(std::uint32_t entry, Kind kind,
                                             const ExpositionOptions& options) {
  const Entry& first = entries_[entry];
  const bool alone = first.next == kEnd || entries_[first.next].group != first.group;
  if (alone && first.totals != nullptr) return *first.totals;
  if (first.totals != nullptr) {
    group_scratch_ = *first.totals;
  } else {
    group_scratch_ = SeriesTotals(kind, options.max_buckets);
  }
  for (std::uint32_t i = entry; i != kEnd && entries_[i].group == first.group;
       i = entries_[i].next) {
    const Entry& part = entries_[i];
    if (part.delta != nullptr) group_scratch_.add(*part.delta);
    if (part.exemplar != nullptr)
      group_scratch_.add_exemplar(*part.exemplar, options.max_exemplars);
    if (part.totals != nullptr && i != entry) group_scratch_.merge(*part.totals, GaugeMerge::kLast);
  }
  return group_scratch_;
}

const SeriesTotals& MergedView::merged(std::uint32_t series, Kind kind, GaugeMerge gauges,
                                       const ExpositionOptions& options) {
  std::uint32_t entry = heads_[series].first;
  const SeriesTotals* result = nullptr;
  while (entry != kEnd) {
    const std::uint32_t group = entries_[entry].group;
    const SeriesTotals& totals = group_totals(entry, kind, options);
    while (entry != kEnd && entries_[entry].group == group) entry = entries_[entry].next;
    if (result == nullptr) {
      if (entry == kEnd) return totals;  // one group: no copy
      scratch_ = totals;                 // the next group may need the scratch this one lies in
      result = &scratch_;
      continue;
    }
    scratch_.merge(totals, gauges);
    for (const Exemplar& exemplar : totals.exemplars()) {
      scratch_.add_exemplar(exemplar, options.max_exemplars);
    }
  }
  return *result;
}

}  // namespace inlay::prometheus
