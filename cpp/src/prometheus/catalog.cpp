#include "prometheus/catalog.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

namespace inlay::prometheus {
namespace {

/// Eight hex digits of a 32-bit FNV-1a hash: the suffix of a metric whose name was taken.
std::string short_hash(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 16777619U;
  }
  std::string out;
  for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[(hash >> shift) & 0xFU];
  return out;
}

/// Every name a family puts into an exposition. A scrape fails when two families share one.
std::vector<std::string> claimed_names(const std::string& family, Kind kind) {
  std::vector<std::string> names{family, family + "_excluded", family + "_excluded_total",
                                 family + "_excluded_created"};
  const auto also = [&](const char* suffix) { names.push_back(family + suffix); };
  if (kind == Kind::kCounter) {
    also("_total");
    also("_created");
  } else if (kind == Kind::kHistogram) {
    also("_bucket");
    also("_count");
    also("_sum");
    also("_created");
  }
  return names;
}

std::string identity(const Family& family) {
  std::string text = family.metric;
  text += '\x1f';
  text += kind_text(family.kind);
  text += '\x1f';
  text += family.unit;
  return text;
}

}  // namespace

std::uint32_t Catalog::family(std::string_view metric, std::string_view unit, Kind kind) {
  key_.assign(metric);
  key_ += '\x1f';
  key_ += unit;
  key_ += static_cast<char>('0' + static_cast<int>(kind));
  const auto found = family_index_.find(key_);
  if (found != family_index_.end()) return found->second;
  const auto index = static_cast<std::uint32_t>(families_.size());
  Family family;
  family.metric = metric;
  family.unit = unit;
  family.kind = kind;
  families_.push_back(std::move(family));
  family_index_.emplace(key_, index);
  named_ = false;
  return index;
}

std::uint32_t Catalog::first_with_id(std::int64_t id) const {
  const auto found = series_index_.find(id);
  return found == series_index_.end() ? kNone : found->second;
}

std::uint32_t Catalog::find(std::uint32_t family, std::int64_t id) const {
  std::uint32_t index = first_with_id(id);
  while (index != kNone && series_[index].family != family) index = series_[index].next_same_id;
  return index;
}

std::uint32_t Catalog::series(std::uint32_t family, std::int64_t id, LabelSet labels) {
  std::uint32_t index = find(family, id);
  if (index != kNone) return index;
  index = static_cast<std::uint32_t>(series_.size());
  const auto [place, added] = series_index_.try_emplace(id, index);
  series_.push_back({id, family, added ? kNone : place->second, std::move(labels)});
  place->second = index;
  families_[family].series.push_back(index);
  return index;
}

void Catalog::describe(std::uint32_t family, std::string_view description) {
  if (!description.empty()) families_[family].description = description;
}

void Catalog::set_edges(std::string metric, EdgeGrid edges) {
  edges_[std::move(metric)] = edges;
  named_ = false;
}

void Catalog::set_gauges(std::string metric, GaugeMerge merge) {
  gauges_[std::move(metric)] = merge;
  named_ = false;
}

void Catalog::set_default_gauges(GaugeMerge merge) {
  default_gauges_ = merge;
  named_ = false;
}

const std::vector<std::uint32_t>& Catalog::in_order() {
  if (!named_) assign_names();
  return order_;
}

void Catalog::assign_names() {
  order_.resize(families_.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return identity(families_[a]) < identity(families_[b]);
  });
  std::unordered_set<std::string> taken{"target", "target_info"};
  for (const std::uint32_t index : order_) {
    Family& family = families_[index];
    family.name = exposed_name(family.metric, family.unit, family.kind);
    const auto is_taken = [&](const std::string& name) { return taken.count(name) != 0; };
    auto names = claimed_names(family.name.family, family.kind);
    family.renamed = false;
    std::string seed = identity(family);
    while (std::any_of(names.begin(), names.end(), is_taken)) {
      family.renamed = true;
      family.name.unit.clear();  // the name no longer ends with it
      family.name.family =
          exposed_name(family.metric, family.unit, family.kind).family + "_" + short_hash(seed);
      names = claimed_names(family.name.family, family.kind);
      seed += '+';
    }
    taken.insert(names.begin(), names.end());
    const auto edges = edges_.find(family.metric);
    family.edges = edges != edges_.end() ? edges->second : default_edges(family.unit);
    const auto gauges = gauges_.find(family.metric);
    family.gauges = gauges != gauges_.end() ? gauges->second : default_gauges_;
  }
  named_ = true;
}

Catalog Catalog::without_series() const {
  Catalog fresh;
  fresh.families_ = families_;
  for (Family& family : fresh.families_) family.series.clear();
  fresh.family_index_ = family_index_;
  fresh.edges_ = edges_;
  fresh.gauges_ = gauges_;
  fresh.default_gauges_ = default_gauges_;
  return fresh;
}

}  // namespace inlay::prometheus
