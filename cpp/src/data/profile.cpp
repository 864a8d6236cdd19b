#include <algorithm>
#include <inlay/data/profile.hpp>
#include <inlay/error.hpp>
#include <string>
#include <unordered_map>

#include "data/column_access.hpp"
#include "data/column_crew.hpp"
#include "data/column_feed.hpp"
#include "data/leaf_view.hpp"

namespace inlay {
namespace {

using detail::ColumnAccess;
using detail::FeedMemory;
using detail::Leaf;
using detail::LeafView;

// For each leaf of a batch, the index of its column.
std::vector<std::size_t> match(const std::vector<Leaf>& leaves,
                               const std::vector<ColumnProfile>& columns) {
  std::vector<std::size_t> out(leaves.size());
  // Nearly always the names come in the same order.
  std::unordered_map<std::string_view, std::size_t> by_path;
  std::size_t matched = 0;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (i < columns.size() && leaves[i].path == columns[i].path()) {
      out[i] = i;
      ++matched;
      continue;
    }
    if (by_path.empty()) {
      for (std::size_t k = 0; k < columns.size(); ++k) by_path.emplace(columns[k].path(), k);
    }
    const auto found = by_path.find(leaves[i].path);
    if (found == by_path.end()) {
      throw InvalidArgument("the batch has a column that the profile lacks: '" + leaves[i].path +
                            "'");
    }
    out[i] = found->second;
    ++matched;
  }
  if (matched < columns.size()) {
    std::vector<bool> seen(columns.size());
    for (const std::size_t index : out) seen[index] = true;
    const auto missing =
        static_cast<std::size_t>(std::find(seen.begin(), seen.end(), false) - seen.begin());
    throw InvalidArgument("the batch lacks a column of the profile: '" + columns[missing].path() +
                          "'");
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::string reason = ColumnAccess::mismatch(columns[out[i]], leaves[i].type);
    if (!reason.empty()) throw InvalidArgument("column '" + leaves[i].path + "' " + reason);
  }
  return out;
}

// Makes a mistake in the options an error even if no column would use them.
void check_options(const ProfileOptions& options) {
  const Kll<double> quantiles(options.k);
  const Hll cardinality(options.lg_k);
  const TopK texts(options.top);
  const TopK numbers(options.numeric_top);
  const ExpHistogram histogram(options.scale);
}

}  // namespace

Profile::Profile(const ArrowSchema& schema, const ProfileOptions& options) : options_(options) {
  check_options(options);
  for (const Leaf& leaf : detail::flatten(schema)) {
    columns_.push_back(ColumnAccess::make(leaf, options));
  }
}

std::uint64_t Profile::update(const ArrowSchema& schema, const ArrowArray& batch,
                              unsigned threads) {
  const std::vector<Leaf> leaves = detail::flatten(schema);
  const std::vector<std::size_t> columns = match(leaves, columns_);
  const std::vector<LeafView> views = detail::view_leaves(schema, batch, leaves);
  std::vector<std::int64_t> costs;
  costs.reserve(views.size());
  std::int64_t values = 0;
  for (const LeafView& view : views) {
    costs.push_back(detail::feed_cost(view));
    values += std::min(view.rows, INT64_MAX / 4 - values);
  }
  const auto rows = static_cast<std::uint64_t>(batch.length);
  rows_ += rows;
  detail::ColumnCrew(costs).run<FeedMemory>(detail::crew_size(threads, values, views.size()),
                                            [&](std::size_t i, FeedMemory& memory) noexcept {
                                              return detail::feed(columns_[columns[i]], views[i],
                                                                  memory);
                                            });
  return rows;
}

void Profile::merge(const Profile& other) {
  if (options_ != other.options_) {
    const auto differ = [](const char* name, long long mine, long long theirs) {
      if (mine == theirs) return;
      throw InvalidArgument(std::string("the other profile was made with another ") + name +
                            ", not " + std::to_string(mine) + ": " + std::to_string(theirs));
    };
    differ("k", options_.k, other.options_.k);
    differ("lg_k", options_.lg_k, other.options_.lg_k);
    differ("top", options_.top, other.options_.top);
    differ("numeric_top", options_.numeric_top, other.options_.numeric_top);
    differ("scale", options_.scale, other.options_.scale);
  }
  const auto lacks = [](const std::vector<ColumnProfile>& a, const std::vector<ColumnProfile>& b,
                        const char* message) {
    for (const ColumnProfile& column : a) {
      const auto same = [&](const ColumnProfile& c) { return c.path() == column.path(); };
      if (std::none_of(b.begin(), b.end(), same)) {
        throw InvalidArgument(std::string(message) + ": '" + column.path() + "'");
      }
    }
  };
  const bool same_paths = std::equal(
      columns_.begin(), columns_.end(), other.columns_.begin(), other.columns_.end(),
      [](const ColumnProfile& a, const ColumnProfile& b) { return a.path() == b.path(); });
  if (!same_paths) {
    lacks(other.columns_, columns_, "the other profile has a column that this one lacks");
    lacks(columns_, other.columns_, "the other profile lacks a column");
  }
  // Added to a copy, so that a lack of memory or counts too large change nothing.
  std::vector<ColumnProfile> merged = columns_;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    ColumnProfile& column = merged[i];
    const ColumnProfile& added =
        same_paths
            ? other.columns_[i]
            : *std::find_if(other.columns_.begin(), other.columns_.end(),
                            [&](const ColumnProfile& c) { return c.path() == column.path(); });
    const std::string reason = ColumnAccess::mismatch(column, added);
    if (!reason.empty()) throw InvalidArgument("column '" + column.path() + "' " + reason);
    ColumnAccess::merge(column, added);
  }
  columns_ = std::move(merged);
  rows_ += other.rows_;
}

std::size_t Profile::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this);
  for (const ColumnProfile& column : columns_) bytes += column.memory_bytes();
  return bytes;
}

bool operator==(const Profile& a, const Profile& b) {
  return a.options_ == b.options_ && a.rows_ == b.rows_ && a.columns_ == b.columns_;
}

}  // namespace inlay
