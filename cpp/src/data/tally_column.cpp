#include <algorithm>
#include <bit>
#include <inlay/error.hpp>
#include <inlay/names.hpp>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "data/tally_access.hpp"
#include "sha256.hpp"

namespace inlay {

const char* TallyColumn::unit() const noexcept { return detail::unit_name(unit_); }

std::size_t TallyColumn::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this) + path_.capacity() + type_.capacity() + timezone_.capacity() +
                      reference_id_.capacity();
  const auto add = [&bytes](const auto& summary) {
    if (summary) bytes += summary->memory_bytes() - sizeof(*summary);
  };
  add(edges_);
  add(categories_);
  add(float_quantiles_);
  add(quantiles_);
  add(unseen_);
  return bytes;
}

bool operator==(const TallyColumn& a, const TallyColumn& b) {
  return a.path_ == b.path_ && a.type_ == b.type_ && a.timezone_ == b.timezone_ &&
         a.kind_ == b.kind_ && a.unit_ == b.unit_ && a.single_ == b.single_ &&
         a.scale_ == b.scale_ && a.rows_ == b.rows_ && a.null_count_ == b.null_count_ &&
         a.nan_count_ == b.nan_count_ && a.pos_inf_count_ == b.pos_inf_count_ &&
         a.neg_inf_count_ == b.neg_inf_count_ && a.edges_ == b.edges_ &&
         a.categories_ == b.categories_ && a.moments_ == b.moments_ &&
         a.float_quantiles_ == b.float_quantiles_ && a.quantiles_ == b.quantiles_ &&
         a.unseen_ == b.unseen_;
}

namespace detail {
namespace {

constexpr std::size_t kIdDigits = 16;

bool may_have_edges(LeafKind kind) {
  switch (kind) {
    case LeafKind::kNull:
    case LeafKind::kText:
    case LeafKind::kBinary:
    case LeafKind::kList:
      return false;
    default:
      return true;
  }
}

bool may_have_names(LeafKind kind) {
  return kind != LeafKind::kNull && kind != LeafKind::kList && kind != LeafKind::kDecimal;
}

std::string id_of(const EdgeHistogram& histogram) {
  std::string content = "edges\x1f";
  for (const double edge : histogram.edges()) {
    const auto bits = std::bit_cast<std::uint64_t>(edge);
    for (int shift = 0; shift < 64; shift += 8) content += static_cast<char>(bits >> shift);
  }
  return sha256_digits(content, kIdDigits);
}

std::string id_of(const Categories& categories) {
  std::string content = "categories\x1f[";
  bool first = true;
  for (const std::string& name : categories.names()) {
    if (!first) content += ',';
    first = false;
    append_json_string(content, name);
  }
  return sha256_digits(content + ']', kIdDigits);
}

}  // namespace

TallyColumn TallyAccess::make(const Leaf& leaf, const TallyOptions& options) {
  TallyColumn column;
  column.path_ = leaf.path;
  column.type_ = leaf.type.name;
  column.timezone_ = leaf.type.timezone;
  column.kind_ = leaf.type.kind;
  column.unit_ = leaf.type.unit;
  column.single_ = leaf.type.kind == LeafKind::kFloat && leaf.type.width < 8;
  column.scale_ = leaf.type.scale;
  add_summaries(column, options);
  return column;
}

void TallyAccess::add_summaries(TallyColumn& column, const TallyOptions& options) {
  if (!may_have_edges(column.kind_)) return;
  if (options.moments) column.moments_.emplace();
  if (!options.quantiles || column.kind_ == LeafKind::kBoolean) return;
  if (column.single_) {
    column.float_quantiles_.emplace(options.k);
  } else {
    column.quantiles_.emplace(options.k);
  }
}

void TallyAccess::add_unseen(TallyColumn& column, const TallyOptions& options) {
  const bool open = column.kind_ == LeafKind::kText || column.kind_ == LeafKind::kBinary ||
                    column.kind_ == LeafKind::kInteger || column.kind_ == LeafKind::kUnsigned;
  if (open && column.categories_ && options.unseen != 0) column.unseen_.emplace(options.unseen);
}

void TallyAccess::name_cells(TallyColumn& column) {
  if (column.edges_) column.reference_id_ = id_of(*column.edges_);
  if (column.categories_) column.reference_id_ = id_of(*column.categories_);
}

void TallyAccess::set_cells(TallyColumn& column, std::variant<EdgeHistogram, Categories> cells,
                            const TallyOptions& options) {
  if (auto* edges = std::get_if<EdgeHistogram>(&cells); edges != nullptr) {
    if (!may_have_edges(column.kind_)) {
      fail<InvalidArgument>("values of column '" + column.path_ + "' have no edges; its type",
                            column.type_);
    }
    column.edges_.emplace(std::move(*edges));
  } else {
    if (!may_have_names(column.kind_)) {
      fail<InvalidArgument>("values of column '" + column.path_ + "' have no names; its type",
                            column.type_);
    }
    column.categories_.emplace(std::get<Categories>(std::move(cells)));
    add_unseen(column, options);
  }
  name_cells(column);
}

void TallyAccess::forget(TallyColumn& column) noexcept {
  if (column.edges_) column.edges_->reset();
  if (column.categories_) column.categories_->reset();
}

void TallyAccess::adopt_counts(TallyColumn& column) noexcept {
  constexpr auto kMost = static_cast<std::uint64_t>(INT64_MAX);
  if (column.edges_) {
    column.rows_ = kMost - column.edges_->room();
    column.null_count_ = column.edges_->null_count();
    column.nan_count_ = column.edges_->nan_count();
    column.pos_inf_count_ = column.edges_->pos_inf_count();
    column.neg_inf_count_ = column.edges_->neg_inf_count();
  }
  if (column.categories_) {
    column.rows_ = kMost - column.categories_->room();
    column.null_count_ = column.categories_->null_count();
    column.nan_count_ = column.categories_->nan_count();
  }
}

std::string TallyAccess::mismatch(const TallyColumn& column, const LeafType& type) {
  // Of a column without any value a writer may not know the type.
  if (type.kind == LeafKind::kNull && column.kind_ != LeafKind::kList) return "";
  // And of one that had none, all that is counted is whether there are values.
  if (column.kind_ == LeafKind::kNull) return "";
  // Writers change the kind of numbers without a change of their values: pandas makes integers
  // reals as soon as one is missing.
  if (is_number(column.kind_) && is_number(type.kind)) return "";
  const bool fits =
      column.kind_ == type.kind && column.unit_ == type.unit && column.timezone_ == type.timezone;
  if (fits) return "";
  return "has the type " + column.type_ + ", but values are of another: " + type.name;
}

void TallyAccess::check_merge(const TallyColumn& column, const TallyColumn& other) {
  const auto refuse = [&](const std::string& what) {
    throw InvalidArgument("column '" + column.path_ + "' " + what);
  };
  if (column.path_ != other.path_) {
    refuse("has another path in the other tally: '" + other.path_ + "'");
  }
  if (column.kind_ != other.kind_ || column.unit_ != other.unit_ ||
      column.timezone_ != other.timezone_ || column.scale_ != other.scale_ ||
      column.single_ != other.single_) {
    refuse("has the type " + column.type_ + ", but in the other tally: " + other.type_);
  }
  if (column.reference_id_ != other.reference_id_) {
    refuse("is counted in other cells in the other tally, not in '" + column.reference_id_ +
           "': '" + other.reference_id_ + "'");
  }
}

void TallyAccess::merge(TallyColumn& column, const TallyColumn& other) {
  bool complete = true;
  column.rows_ += other.rows_;
  column.null_count_ += other.null_count_;
  column.nan_count_ += other.nan_count_;
  column.pos_inf_count_ += other.pos_inf_count_;
  column.neg_inf_count_ += other.neg_inf_count_;
  if (column.edges_) column.edges_->merge(*other.edges_);
  if (column.categories_) column.categories_->merge(*other.categories_);
  if (column.moments_) column.moments_->merge(*other.moments_);
  if (column.float_quantiles_) complete &= column.float_quantiles_->merge(*other.float_quantiles_);
  if (column.quantiles_) complete &= column.quantiles_->merge(*other.quantiles_);
  if (column.unseen_) complete &= column.unseen_->merge(*other.unseen_);
  if (!complete) throw std::bad_alloc();
}

void TallyAccess::check_counted(const TallyColumn& column, const Tally::Counted& counted,
                                std::uint64_t rows) {
  const auto refuse = [&](const std::string& what, const auto& value) {
    fail<InvalidArgument>("column '" + column.path_ + "' " + what, value);
  };
  const Moments& moments = counted.moments;
  const std::uint64_t values = moments.count() + moments.null_count() + moments.nan_count() +
                               moments.pos_inf_count() + moments.neg_inf_count();
  if (column.categories_) refuse("is counted by names; values", values);
  if (!is_number(column.kind_)) refuse("has no numbers; its type", column.type_);
  if (values != rows) refuse("has not one value a row but", values);
  if (!column.edges_) return;
  if (!counted.edges) refuse("lacks the counts of its cells; rows", rows);
  if (counted.edges->edges() != column.edges_->edges()) {
    refuse("has other edges; values", values);
  }
  constexpr auto kMost = static_cast<std::uint64_t>(INT64_MAX);
  const EdgeHistogram& edges = *counted.edges;
  if (kMost - edges.room() != rows || edges.nan_count() != moments.nan_count() ||
      edges.null_count() != moments.null_count() ||
      edges.pos_inf_count() != moments.pos_inf_count() ||
      edges.neg_inf_count() != moments.neg_inf_count()) {
    refuse("has cells that contradict its moments; values", values);
  }
}

void TallyAccess::add_counted(TallyColumn& column, const Tally::Counted& counted,
                              std::uint64_t rows) {
  column.rows_ += rows;
  column.null_count_ += counted.moments.null_count();
  column.nan_count_ += counted.moments.nan_count();
  column.pos_inf_count_ += counted.moments.pos_inf_count();
  column.neg_inf_count_ += counted.moments.neg_inf_count();
  if (column.edges_) column.edges_->merge(*counted.edges);
  if (column.moments_) column.moments_->merge(counted.moments);
}

void TallyAccess::reset(TallyColumn& column) {
  column.rows_ = 0;
  column.null_count_ = column.nan_count_ = 0;
  column.pos_inf_count_ = column.neg_inf_count_ = 0;
  forget(column);
  if (column.moments_) column.moments_->reset();
  if (column.float_quantiles_) column.float_quantiles_->reset();
  if (column.quantiles_) column.quantiles_->reset();
  if (column.unseen_) column.unseen_->reset();
}

void TallyAccess::redact(TallyColumn& column,
                         const std::function<std::string(std::string_view)>& rename) {
  if (column.kind_ != LeafKind::kText && column.kind_ != LeafKind::kBinary) {
    throw InvalidArgument("column '" + column.path_ +
                          "' has no text to redact; its type: " + column.type_);
  }
  if (!column.categories_) return;
  Categories::Fields fields;
  std::unordered_map<std::string, std::size_t> places;
  const std::vector<std::string>& names = column.categories_->names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = rename(names[i]);
    const auto [found, is_new] = places.emplace(name, fields.names.size());
    if (is_new) {
      fields.names.push_back(name);
      fields.counts.push_back(0);
    }
    fields.counts[found->second] += column.categories_->counts()[i];
  }
  fields.other = column.categories_->other();
  fields.null_count = column.categories_->null_count();
  fields.nan_count = column.categories_->nan_count();
  Categories renamed = Categories::from_fields(std::move(fields));
  if (column.unseen_) column.unseen_ = column.unseen_->renamed(rename);
  column.categories_ = std::move(renamed);
  name_cells(column);
}

}  // namespace detail
}  // namespace inlay
