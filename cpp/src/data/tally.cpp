#include <algorithm>
#include <inlay/data/tally.hpp>
#include <inlay/error.hpp>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>

#include "data/column_crew.hpp"
#include "data/leaf_view.hpp"
#include "data/tally_access.hpp"

namespace inlay {
namespace {

using detail::Leaf;
using detail::LeafView;
using detail::TallyAccess;
using detail::TallyMemory;
using detail::TallyPlan;

constexpr std::uint64_t kMaxRows = INT64_MAX;  // counts become int64 columns

// Makes a mistake in the options an error even if no column would use them.
void check_options(const TallyOptions& options) {
  const Kll<double> quantiles(options.k);
  if (options.unseen != 0) const TopK unseen(options.unseen);
}

TallyPlan make_plan(const std::vector<TallyColumn>& columns, const ArrowSchema& schema,
                    const std::vector<std::size_t>& skip) {
  TallyPlan plan;
  std::vector<detail::RefusedColumn> refused;
  std::vector<Leaf> leaves = detail::flatten_known(schema, refused);
  plan.shape = detail::SchemaShape(schema);
  plan.skip = skip;
  std::unordered_map<std::string_view, std::size_t> by_path;
  for (std::size_t i = 0; i < columns.size(); ++i) by_path.emplace(columns[i].path(), i);
  std::vector<bool> seen(columns.size());
  std::vector<std::size_t> targets(leaves.size(), TallyPlan::kNone);
  std::vector<Tally::Problem> added;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto found = by_path.find(leaves[i].path);
    if (found == by_path.end()) {
      added.push_back({leaves[i].path, "added"});
      continue;
    }
    const std::size_t column = found->second;
    seen[column] = true;
    std::string problem = TallyAccess::mismatch(columns[column], leaves[i].type);
    if (!problem.empty()) {
      plan.problems.push_back({leaves[i].path, std::move(problem)});
    } else if (std::find(skip.begin(), skip.end(), column) == skip.end()) {
      targets[i] = column;
    }
  }
  for (detail::RefusedColumn& column : refused) {
    const auto found = by_path.find(column.path);
    if (found == by_path.end()) {
      added.push_back({std::move(column.path), "added"});
    } else {
      seen[found->second] = true;
      plan.problems.push_back({std::move(column.path), std::move(column.reason)});
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!seen[i]) plan.problems.push_back({columns[i].path(), "missing"});
  }
  plan.problems.insert(plan.problems.end(), added.begin(), added.end());
  // Whole columns are viewed, if any leaf of theirs is wanted.
  std::vector<bool> wanted(static_cast<std::size_t>(schema.n_children));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (targets[i] != TallyPlan::kNone) wanted[static_cast<std::size_t>(leaves[i].column)] = true;
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!wanted[static_cast<std::size_t>(leaves[i].column)]) continue;
    plan.leaves.push_back(std::move(leaves[i]));
    plan.targets.push_back(targets[i]);
  }
  return plan;
}

// What a crew of one does, without what others need: batches may come by the thousand a second.
template <class Feed>
void feed_alone(std::size_t size, const Feed& feed) {
  const auto memory = std::make_unique_for_overwrite<TallyMemory>();
  bool complete = true;
  for (std::size_t i = 0; i < size; ++i) complete &= feed(i, *memory);
  if (!complete) throw std::bad_alloc();
}

void check_room(const TallyColumn& column, std::uint64_t rows) {
  if (rows <= kMaxRows - column.rows()) return;
  detail::fail<InvalidArgument>("column '" + column.path() +
                                    "' would have 2^63 rows or more; added to " +
                                    std::to_string(column.rows()),
                                rows);
}

}  // namespace

Tally::Tally(const ArrowSchema& schema, const Cells& cells, const TallyOptions& options,
             bool counted)
    : options_(options) {
  check_options(options);
  if (counted) {
    options_.moments = options_.quantiles = false;
    options_.unseen = 0;
  }
  for (const Leaf& leaf : detail::flatten(schema)) {
    columns_.push_back(TallyAccess::make(leaf, options_));
  }
  for (const auto& [number, cell] : cells) {
    if (number >= columns_.size()) {
      detail::fail<InvalidArgument>(
          "the schema has " + std::to_string(columns_.size()) + " leaves, none with number",
          number);
    }
    TallyColumn& column = columns_[number];
    TallyAccess::set_cells(column, cell, options_);
    counted ? TallyAccess::adopt_counts(column) : TallyAccess::forget(column);
    rows_ = std::max(rows_, column.rows());
  }
}

std::vector<Tally::Problem> Tally::fit(const ArrowSchema& schema) const {
  if (plan_ != nullptr && plan_->shape.fits(schema)) return plan_->problems;
  return make_plan(columns_, schema, {}).problems;
}

const TallyPlan& Tally::plan_for(const ArrowSchema& schema, const std::vector<std::size_t>& skip) {
  if (plan_ == nullptr || plan_->skip != skip || !plan_->shape.fits(schema)) {
    plan_ = std::make_shared<const TallyPlan>(make_plan(columns_, schema, skip));
  }
  return *plan_;
}

std::uint64_t Tally::update(const ArrowSchema& schema, const ArrowArray& batch, unsigned threads,
                            const std::vector<std::size_t>& skip) {
  const TallyPlan& plan = plan_for(schema, skip);
  const std::vector<LeafView> views = detail::view_leaves(schema, batch, plan.leaves);
  const auto rows = static_cast<std::uint64_t>(batch.length);
  if (rows > kMaxRows - rows_) {
    detail::fail<InvalidArgument>(
        "a tally counts fewer than 2^63 rows; added to " + std::to_string(rows_), rows);
  }
  std::int64_t values = 0;
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (plan.targets[i] == TallyPlan::kNone) continue;
    check_room(columns_[plan.targets[i]], static_cast<std::uint64_t>(views[i].rows));
    values += std::min(views[i].rows, INT64_MAX / 4 - values);
  }
  rows_ += rows;
  const auto feed = [&](std::size_t i, TallyMemory& memory) noexcept {
    return plan.targets[i] == TallyPlan::kNone ||
           TallyAccess::feed(columns_[plan.targets[i]], views[i], memory);
  };
  const unsigned crew = detail::crew_size(threads, values, views.size());
  if (crew == 1) {
    feed_alone(views.size(), feed);
    return rows;
  }
  std::vector<std::int64_t> costs;
  costs.reserve(views.size());
  for (const LeafView& view : views) costs.push_back(detail::feed_cost(view));
  detail::ColumnCrew(costs).run<TallyMemory>(crew, feed);
  return rows;
}

void Tally::update_column(std::size_t column, const ArrowSchema& schema, const ArrowArray& array) {
  if (column >= columns_.size()) {
    detail::fail<OutOfRange>(
        "the tally has " + std::to_string(columns_.size()) + " columns, none with index", column);
  }
  // As the only column of a table.
  ArrowSchema named = schema;
  named.name = columns_[column].path().c_str();
  ArrowSchema* child_schema = &named;
  ArrowSchema of_table{};
  of_table.format = "+s";
  of_table.n_children = 1;
  of_table.children = &child_schema;
  of_table.release = [](ArrowSchema*) {};
  ArrowArray child = array;
  ArrowArray* children = &child;
  const void* no_bitmap = nullptr;
  ArrowArray table{};
  table.length = array.length;
  table.n_buffers = 1;
  table.buffers = &no_bitmap;
  table.n_children = 1;
  table.children = &children;
  table.release = [](ArrowArray*) {};
  const std::vector<Leaf> leaves = detail::flatten(of_table);
  const std::string problem = leaves.size() == 1
                                  ? TallyAccess::mismatch(columns_[column], leaves.front().type)
                                  : "takes no nested values: " + detail::type_name(schema);
  if (!problem.empty())
    throw InvalidArgument("column '" + columns_[column].path() + "' " + problem);
  const std::vector<LeafView> views = detail::view_leaves(of_table, table, leaves);
  check_room(columns_[column], static_cast<std::uint64_t>(views.front().rows));
  feed_alone(1, [&](std::size_t, TallyMemory& memory) noexcept {
    return TallyAccess::feed(columns_[column], views.front(), memory);
  });
}

void Tally::add_counted(std::uint64_t rows, const std::vector<Counted>& columns) {
  if (options_.quantiles || options_.unseen != 0) {
    throw InvalidArgument(
        "only to a tally without quantiles and unseen names can be added what was counted "
        "elsewhere");
  }
  for (const Counted& counted : columns) {
    if (counted.column >= columns_.size()) {
      detail::fail<InvalidArgument>(
          "the tally has " + std::to_string(columns_.size()) + " columns, none with index",
          counted.column);
    }
    const TallyColumn& column = columns_[counted.column];
    check_room(column, rows);
    TallyAccess::check_counted(column, counted, rows);
  }
  if (rows > kMaxRows - rows_) detail::fail<InvalidArgument>("rows would reach 2^63; added", rows);
  for (const Counted& counted : columns) {
    TallyAccess::add_counted(columns_[counted.column], counted, rows);
  }
  rows_ += rows;
}

void Tally::merge(const Tally& other) {
  if (options_ != other.options_) {
    const auto differ = [](const char* name, std::uint64_t mine, std::uint64_t theirs) {
      if (mine == theirs) return;
      detail::fail<InvalidArgument>("the other tally was made with another " + std::string(name) +
                                        ", not " + std::to_string(mine),
                                    theirs);
    };
    differ("moments", options_.moments ? 1 : 0, other.options_.moments ? 1 : 0);
    differ("quantiles", options_.quantiles ? 1 : 0, other.options_.quantiles ? 1 : 0);
    differ("k", options_.k, other.options_.k);
    differ("unseen", options_.unseen, other.options_.unseen);
  }
  if (columns_.size() != other.columns_.size()) {
    detail::fail<InvalidArgument>(
        "the other tally has not " + std::to_string(columns_.size()) + " columns, but",
        other.columns_.size());
  }
  if (other.rows_ > kMaxRows - rows_) {
    detail::fail<InvalidArgument>(
        "a tally counts fewer than 2^63 rows; added to " + std::to_string(rows_), other.rows_);
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    TallyAccess::check_merge(columns_[i], other.columns_[i]);
    check_room(columns_[i], other.columns_[i].rows());
  }
  // Added to a copy, so that a lack of memory or counts too large change nothing.
  std::vector<TallyColumn> merged = columns_;
  for (std::size_t i = 0; i < merged.size(); ++i) TallyAccess::merge(merged[i], other.columns_[i]);
  columns_ = std::move(merged);
  rows_ += other.rows_;
}

void Tally::reset() {
  for (TallyColumn& column : columns_) TallyAccess::reset(column);
  rows_ = 0;
}

void Tally::redact(std::size_t column, const std::function<std::string(std::string_view)>& rename) {
  if (column >= columns_.size()) {
    detail::fail<OutOfRange>(
        "the tally has " + std::to_string(columns_.size()) + " columns, none with index", column);
  }
  TallyAccess::redact(columns_[column], rename);
}

std::size_t Tally::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this);
  for (const TallyColumn& column : columns_) bytes += column.memory_bytes();
  return bytes;
}

bool operator==(const Tally& a, const Tally& b) {
  return a.options_ == b.options_ && a.rows_ == b.rows_ && a.columns_ == b.columns_;
}

}  // namespace inlay
