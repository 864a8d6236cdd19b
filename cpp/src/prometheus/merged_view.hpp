#pragma once

#include <cstdint>
#include <vector>

#include "prometheus/catalog.hpp"
#include "prometheus/point_rows.hpp"
#include "prometheus/series_totals.hpp"

namespace inlay::prometheus {

/// Totals of some series of a catalog, by the catalog's index.
struct TotalsTable {
  struct Entry {
    std::uint32_t series;
    SeriesTotals totals;
  };
  std::vector<Entry> entries;
};

/// Lays several sources of one catalog's series over each other without copying them: this process'
/// totals, the windows not yet written, the totals of sibling processes. The sources must outlive
/// it. Used by one thread.
class MergedView {
 public:
  explicit MergedView(const Catalog& catalog) : heads_(catalog.num_series(), {kEnd, kEnd}) {}

  /// `group` numbers the process a source belongs to; sources of one group come one after the
  /// other.
  void add(const SeriesTotals& totals, std::uint32_t series, std::uint32_t group);
  void add(const TotalsTable& table, std::uint32_t group);
  void add(const PointRows& rows, std::uint32_t group);

  bool has(std::uint32_t series) const { return heads_[series].first != kEnd; }

  /// The joint totals of a series over all groups. Valid until the next call.
  const SeriesTotals& merged(std::uint32_t series, Kind kind, GaugeMerge gauges,
                             const ExpositionOptions& options);

  /// Calls `visit(group, totals)` for each group that has the series.
  template <class Visit>
  void for_each_group(std::uint32_t series, Kind kind, const ExpositionOptions& options,
                      Visit&& visit) {
    std::uint32_t entry = heads_[series].first;
    while (entry != kEnd) {
      const std::uint32_t group = entries_[entry].group;
      visit(group, group_totals(entry, kind, options));
      while (entry != kEnd && entries_[entry].group == group) entry = entries_[entry].next;
    }
  }

 private:
  static constexpr std::uint32_t kEnd = 0xFFFFFFFF;
  struct Entry {
    const SeriesTotals* totals;  // one of the three
    const PointDelta* delta;
    const Exemplar* exemplar;
    std::uint32_t group;
    std::uint32_t next;
  };
  struct Chain {
    std::uint32_t first;
    std::uint32_t last;
  };

  void append(std::uint32_t series, const Entry& entry);
  /// The joint totals of the group that `entry` begins.
  const SeriesTotals& group_totals(std::uint32_t entry, Kind kind,
                                   const ExpositionOptions& options);

  std::vector<Chain> heads_;
  std::vector<Entry> entries_;
  SeriesTotals group_scratch_{Kind::kHistogram};
  SeriesTotals scratch_{Kind::kHistogram};
};

}  // namespace inlay::prometheus
