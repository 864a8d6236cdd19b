#include <algorithm>
#include <inlay/data/column_profile.hpp>
#include <new>

#include "data/column_access.hpp"

namespace inlay {

using detail::ColumnAccess;

const char* ColumnProfile::unit() const noexcept { return detail::unit_name(unit_); }

std::optional<ExactInteger> ColumnProfile::exact_min() const noexcept {
  if (!has_exact_) return std::nullopt;
  return exact_min_;
}

std::optional<ExactInteger> ColumnProfile::exact_max() const noexcept {
  if (!has_exact_) return std::nullopt;
  return exact_max_;
}

std::optional<ExactInteger> ColumnProfile::exact_sum() const noexcept {
  const bool summed = kind_ == LeafKind::kInteger || kind_ == LeafKind::kUnsigned ||
                      kind_ == LeafKind::kDecimal || kind_ == LeafKind::kDuration;
  if (!summed || sum_overflowed_) return std::nullopt;
  return exact_sum_;
}

std::optional<bool> ColumnProfile::ordered() const noexcept {
  const bool has_order =
      kind_ == LeafKind::kDate || kind_ == LeafKind::kTime || kind_ == LeafKind::kTimestamp;
  if (!has_order) return std::nullopt;
  return steps_back_ == 0;
}

std::size_t ColumnProfile::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this) + path_.capacity() + type_.capacity() + timezone_.capacity();
  const auto add = [&bytes](const auto& summary) {
    if (summary) bytes += summary->memory_bytes() - sizeof(*summary);
  };
  add(histogram_);
  add(float_quantiles_);
  add(quantiles_);
  add(cardinality_);
  add(top_k_);
  add(length_histogram_);
  for (const std::optional<Extreme>* text : {&min_text_, &max_text_}) {
    if (*text) bytes += (*text)->bytes.capacity();
  }
  return bytes;
}

bool operator==(const ColumnProfile& a, const ColumnProfile& b) {
  return a.path_ == b.path_ && a.type_ == b.type_ && a.timezone_ == b.timezone_ &&
         a.kind_ == b.kind_ && a.unit_ == b.unit_ && a.single_ == b.single_ &&
         a.precision_ == b.precision_ && a.scale_ == b.scale_ && a.rows_ == b.rows_ &&
         a.null_count_ == b.null_count_ && a.invalid_index_count_ == b.invalid_index_count_ &&
         a.empty_count_ == b.empty_count_ && a.invalid_utf8_count_ == b.invalid_utf8_count_ &&
         a.moments_ == b.moments_ && a.histogram_ == b.histogram_ &&
         a.float_quantiles_ == b.float_quantiles_ && a.quantiles_ == b.quantiles_ &&
         a.cardinality_ == b.cardinality_ && a.top_k_ == b.top_k_ && a.lengths_ == b.lengths_ &&
         a.length_histogram_ == b.length_histogram_ && a.coverage_ == b.coverage_ &&
         a.has_exact_ == b.has_exact_ && a.sum_overflowed_ == b.sum_overflowed_ &&
         a.exact_min_ == b.exact_min_ && a.exact_max_ == b.exact_max_ &&
         a.exact_sum_ == b.exact_sum_ && a.min_text_ == b.min_text_ && a.max_text_ == b.max_text_ &&
         a.has_order_ == b.has_order_ && a.first_point_ == b.first_point_ &&
         a.last_point_ == b.last_point_ && a.steps_back_ == b.steps_back_;
}

namespace detail {

ColumnProfile ColumnAccess::make(const Leaf& leaf, const ProfileOptions& options) {
  ColumnProfile column;
  column.path_ = leaf.path;
  column.type_ = leaf.type.name;
  column.timezone_ = leaf.type.timezone;
  column.kind_ = leaf.type.kind;
  column.unit_ = leaf.type.unit;
  column.single_ = leaf.type.kind == LeafKind::kFloat && leaf.type.width < 8;
  column.precision_ = leaf.type.precision;
  column.scale_ = leaf.type.scale;
  add_summaries(column, options);
  return column;
}

void ColumnAccess::add_summaries(ColumnProfile& column, const ProfileOptions& options) {
  const auto numbers = [&](bool histogram) {
    column.moments_.emplace();
    if (histogram) column.histogram_.emplace(options.scale);
    if (column.single_) {
      column.float_quantiles_.emplace(options.k);
    } else {
      column.quantiles_.emplace(options.k);
    }
    column.cardinality_.emplace(options.lg_k);
    column.top_k_.emplace(options.numeric_top);
  };
  const auto lengths = [&] {
    column.lengths_.emplace();
    column.length_histogram_.emplace(options.scale);
  };
  switch (column.kind_) {
    case LeafKind::kNull:
      break;
    case LeafKind::kBoolean:
      column.moments_.emplace();
      column.cardinality_.emplace(options.lg_k);
      column.top_k_.emplace(options.numeric_top);
      break;
    case LeafKind::kInteger:
    case LeafKind::kUnsigned:
    case LeafKind::kFloat:
    case LeafKind::kDecimal:
    case LeafKind::kDuration:
      numbers(true);
      break;
    case LeafKind::kDate:
    case LeafKind::kTimestamp:
      column.coverage_.emplace();
      numbers(false);
      break;
    case LeafKind::kTime:
      numbers(false);
      break;
    case LeafKind::kText:
      lengths();
      column.cardinality_.emplace(options.lg_k);
      column.top_k_.emplace(options.top);
      break;
    case LeafKind::kBinary:
      lengths();
      column.cardinality_.emplace(options.lg_k);
      break;
    case LeafKind::kList:
      lengths();
      break;
  }
}

namespace {

bool has_parts(LeafKind kind) { return kind == LeafKind::kList; }

}  // namespace

std::string ColumnAccess::mismatch(const ColumnProfile& column, const LeafType& type) {
  // Of a column without any value a writer may not know the type.
  if (type.kind == LeafKind::kNull && !has_parts(column.kind_)) return "";
  const bool fits = column.kind_ == type.kind && column.unit_ == type.unit &&
                    column.timezone_ == type.timezone && column.scale_ == type.scale &&
                    !(column.single_ && type.width == 8);
  if (fits) return "";
  return "has the type " + column.type_ +
         " in the profile, but values are of another: " + type.name;
}

std::string ColumnAccess::mismatch(const ColumnProfile& column, const ColumnProfile& other) {
  const bool fits = column.kind_ == other.kind_ && column.unit_ == other.unit_ &&
                    column.timezone_ == other.timezone_ && column.scale_ == other.scale_ &&
                    column.single_ == other.single_;
  if (fits) return "";
  return "has the type " + column.type_ + ", but in the other profile: " + other.type_;
}

void ColumnAccess::add_rows(ColumnProfile& column, std::uint64_t rows, std::uint64_t nulls,
                            std::uint64_t invalid_indices) noexcept {
  column.rows_ += rows;
  column.null_count_ += nulls;
  column.invalid_index_count_ += invalid_indices;
  if (column.moments_) column.moments_->add_nulls(nulls);
  if (column.float_quantiles_) column.float_quantiles_->add_nulls(nulls);
  if (column.quantiles_) column.quantiles_->add_nulls(nulls);
  if (column.cardinality_) column.cardinality_->add_nulls(nulls);
  if (column.top_k_) column.top_k_->add_nulls(nulls);
  if (column.lengths_) column.lengths_->add_nulls(nulls);
}

void ColumnAccess::add_exact(ColumnProfile& column, const ExactInteger& min,
                             const ExactInteger& max, const ExactInteger& sum) noexcept {
  if (!column.has_exact_ || min < column.exact_min_) column.exact_min_ = min;
  if (!column.has_exact_ || column.exact_max_ < max) column.exact_max_ = max;
  column.has_exact_ = true;
  if (!column.sum_overflowed_ && !column.exact_sum_.add(sum)) {
    column.sum_overflowed_ = true;
    column.exact_sum_ = ExactInteger();
  }
}

void ColumnAccess::add_extremes(ColumnProfile& column, const ColumnProfile::Extreme& min,
                                const ColumnProfile::Extreme& max) {
  if (!column.min_text_ || min < *column.min_text_) column.min_text_ = min;
  if (!column.max_text_ || *column.max_text_ < max) column.max_text_ = max;
}

void ColumnAccess::add_order(ColumnProfile& column, const std::int64_t* points,
                             std::size_t size) noexcept {
  if (size == 0) return;
  std::uint64_t steps = column.has_order_ && points[0] < column.last_point_ ? 1 : 0;
  for (std::size_t i = 1; i < size; ++i) steps += points[i] < points[i - 1] ? 1 : 0;
  if (!column.has_order_) column.first_point_ = points[0];
  column.has_order_ = true;
  column.last_point_ = points[size - 1];
  column.steps_back_ += steps;
}

void ColumnAccess::merge(ColumnProfile& column, const ColumnProfile& other) {
  bool complete = true;
  column.rows_ += other.rows_;
  column.null_count_ += other.null_count_;
  column.invalid_index_count_ += other.invalid_index_count_;
  column.empty_count_ += other.empty_count_;
  column.invalid_utf8_count_ += other.invalid_utf8_count_;
  if (column.moments_) column.moments_->merge(*other.moments_);
  if (column.histogram_) complete &= column.histogram_->merge(*other.histogram_);
  if (column.float_quantiles_) complete &= column.float_quantiles_->merge(*other.float_quantiles_);
  if (column.quantiles_) complete &= column.quantiles_->merge(*other.quantiles_);
  if (column.cardinality_) complete &= column.cardinality_->merge(*other.cardinality_);
  if (column.top_k_) complete &= column.top_k_->merge(*other.top_k_);
  if (column.lengths_) column.lengths_->merge(*other.lengths_);
  if (column.length_histogram_) {
    complete &= column.length_histogram_->merge(*other.length_histogram_);
  }
  if (column.coverage_) column.coverage_->merge(*other.coverage_);
  if (other.has_exact_) {
    add_exact(column, other.exact_min_, other.exact_max_, other.exact_sum_);
  }
  if (other.sum_overflowed_) {
    column.sum_overflowed_ = true;
    column.exact_sum_ = ExactInteger();
  }
  if (other.min_text_) add_extremes(column, *other.min_text_, *other.max_text_);
  if (other.has_order_) {
    if (!column.has_order_) column.first_point_ = other.first_point_;
    const bool step = column.has_order_ && other.first_point_ < column.last_point_;
    column.steps_back_ += other.steps_back_ + (step ? 1 : 0);
    column.has_order_ = true;
    column.last_point_ = other.last_point_;
  }
  if (!complete) throw std::bad_alloc();
}

}  // namespace detail
}  // namespace inlay
