#pragma once

#include <cstdint>
#include <inlay/prometheus/exposition.hpp>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "prometheus/names.hpp"
#include "prometheus/series_totals.hpp"

namespace inlay::prometheus {

/// A metric of one kind and unit.
struct Family {
  std::string metric;
  std::string unit;
  Kind kind = Kind::kGauge;
  std::string description;
  std::vector<std::uint32_t> series;  ///< in the order they appeared

  // Set by Catalog::in_order.
  ExposedName name;
  bool renamed = false;  ///< its own name was taken
  EdgeGrid edges;
  GaugeMerge gauges = GaugeMerge::kPid;
};

struct Series {
  std::int64_t id = 0;
  std::uint32_t family = 0;
  std::uint32_t next_same_id =
      0xFFFFFFFF;  ///< a metric that changed its kind has one in each family
  LabelSet labels;
};

/// The names of all series, shared by the totals of this process and of its siblings: totals refer
/// to series by index. Used by one thread at a time.
class Catalog {
 public:
  /// Finds or makes a family.
  std::uint32_t family(std::string_view metric, std::string_view unit, Kind kind);
  /// Finds a series or returns kNone.
  std::uint32_t find(std::uint32_t family, std::int64_t id) const;
  /// Finds or makes a series.
  std::uint32_t series(std::uint32_t family, std::int64_t id, LabelSet labels);
  /// The first series with this id in any family, or kNone; `next_same_id` leads to the others.
  std::uint32_t first_with_id(std::int64_t id) const;

  void describe(std::uint32_t family, std::string_view description);
  void set_edges(std::string metric, EdgeGrid edges);
  void set_gauges(std::string metric, GaugeMerge merge);
  void set_default_gauges(GaugeMerge merge);

  const Family& family_at(std::uint32_t index) const { return families_[index]; }
  const Series& series_at(std::uint32_t index) const { return series_[index]; }
  std::size_t num_series() const { return series_.size(); }
  std::size_t num_families() const { return families_.size(); }

  /// The families by metric name, each with the name it is shown under. Where two claim one name,
  /// the first in this order keeps it and the other gets a suffix made from what it is, so every
  /// process that knows the same metrics shows the same names.
  const std::vector<std::uint32_t>& in_order();

  /// A catalog with the same families and settings and no series.
  Catalog without_series() const;

  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

 private:
  void assign_names();

  std::vector<Family> families_;
  std::vector<Series> series_;
  std::unordered_map<std::string, std::uint32_t> family_index_;
  std::unordered_map<std::int64_t, std::uint32_t> series_index_;
  std::map<std::string, EdgeGrid> edges_;
  std::map<std::string, GaugeMerge> gauges_;
  GaugeMerge default_gauges_ = GaugeMerge::kPid;
  std::vector<std::uint32_t> order_;
  bool named_ = false;
  std::string key_;  // kept for its memory
};

}  // namespace inlay::prometheus
