#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/multilabel_states.hpp>
#include <string>

#include "model/row_faults.hpp"

namespace inlay {
namespace {

constexpr std::size_t kBlock = 1024;

// Of which thresholds a score is predicted positive: those up to it, as the lowest bits. False if
// it is no score of the kind.
bool predicted(double score, const BinarySettings& settings, std::uint64_t& out) noexcept {
  double probability = score;
  if (settings.kind == ScoreKind::kLogit) {
    if (!std::isfinite(score)) return false;
    const double low = std::exp(-std::fabs(score)) / (1.0 + std::exp(-std::fabs(score)));
    probability = score < 0 ? low : 1.0 - low;
  } else if (settings.kind == ScoreKind::kLabel) {
    if (score != 0.0 && score != 1.0) return false;
  } else if (!(score >= 0.0 && score <= 1.0)) {
    return false;
  }
  const std::vector<double>& thresholds = settings.thresholds;
  const auto passed = std::upper_bound(thresholds.begin(), thresholds.end(), probability);
  const auto count = passed - thresholds.begin();
  out = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  return true;
}

// The rows of a block that count, and what is found of each.
struct Block {
  std::uint32_t row[kBlock];
  double weights[kBlock];
  bool complete[kBlock];
  std::uint64_t right[kBlock];  // a bit a threshold: all labels so far
  // One label's cells.
  std::uint8_t labels[kBlock];
  double scores[kBlock];
  std::uint32_t segments[kBlock];
};

}  // namespace

MultilabelStates::MultilabelStates(std::uint32_t labels, BinarySettings settings)
    : MultilabelStates(labels, BinaryStates(std::move(settings))) {}

MultilabelStates::MultilabelStates(std::uint32_t labels, BinaryStates cells)
    : num_labels_(labels), cells_(std::move(cells)) {
  if (labels < 1 || labels > kMaxLabels) {
    detail::fail<InvalidArgument>("there are 1 to " + std::to_string(kMaxLabels) + " labels, not",
                                  labels);
  }
}

void MultilabelStates::check_segment(std::uint32_t segment) const {
  if (segment < max_segments()) return;
  detail::fail<InvalidArgument>("a segment of " + std::to_string(num_labels_) +
                                    " labels is an index below " + std::to_string(max_segments()) +
                                    ", not",
                                segment);
}

MultilabelStates::Rows& MultilabelStates::rows_at(std::uint32_t segment) {
  const std::size_t thresholds = settings().thresholds.size();
  while (rows_.size() <= segment) {
    Rows& made = rows_.emplace_back();
    made.exact.resize(thresholds);
    made.exact_weight.resize(thresholds);
  }
  return rows_[segment];
}

void MultilabelStates::update(const MultilabelRows& rows) {
  if (rows.segments == nullptr) {
    check_segment(rows.segment);
  } else {
    for (std::size_t i = 0; i < rows.size; ++i) check_segment(rows.segments[i]);
  }
  const auto segment_of = [&rows](std::size_t row) {
    return rows.segments == nullptr ? rows.segment : rows.segments[row];
  };
  Block block;
  for (std::size_t at = 0; at < rows.size; at += kBlock) {
    std::size_t n = 0;
    for (std::size_t i = at; i < std::min(at + kBlock, rows.size); ++i) {
      const double weight = rows.weights == nullptr ? 1.0 : rows.weights[i];
      Rows& of = rows_at(segment_of(i));
      if (!(weight >= 0 && std::isfinite(weight))) {
        ++of.bad_weight;
        continue;
      }
      of.weighted |= rows.weights != nullptr;
      ++of.rows;
      block.row[n] = static_cast<std::uint32_t>(i - at);
      block.weights[n] = weight;
      block.complete[n] = true;
      block.right[n] = ~std::uint64_t{0};
      ++n;
    }
    for (std::uint32_t label = 0; label < num_labels_; ++label) {
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t row = at + block.row[i];
        const std::uint8_t is = rows.labels[row * num_labels_ + label];
        const double score = rows.scores[row * num_labels_ + label];
        block.labels[i] = is > 1 ? 2 : is;
        block.scores[i] = score;
        block.segments[i] = segment_of(row) * num_labels_ + label;
        std::uint64_t positive = 0;
        block.complete[i] &= is <= 1 && predicted(score, settings(), positive);
        block.right[i] &= is == 1 ? positive : ~positive;
      }
      BinaryRows cells;
      cells.scores_f64 = block.scores;
      cells.labels_u8 = block.labels;
      cells.weights = rows.weights == nullptr ? nullptr : block.weights;
      cells.segments = rows.segments == nullptr ? nullptr : block.segments;
      cells.segment = rows.segment * num_labels_ + label;
      cells.size = n;
      cells_.update(cells);
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (!block.complete[i]) continue;
      Rows& of = rows_[segment_of(at + block.row[i])];
      const double weight = block.weights[i];
      ++of.complete;
      of.weight += weight;
      of.weight_squares += weight * weight;
      for (std::size_t t = 0; t < of.exact.size(); ++t) {
        const bool right = ((block.right[i] >> t) & 1U) != 0;
        of.exact[t] += right ? 1 : 0;
        of.exact_weight[t] += right ? weight : 0.0;
      }
    }
  }
}

void MultilabelStates::merge(const MultilabelStates& other,
                             const std::vector<std::pair<std::uint32_t, std::uint32_t>>* pairs) {
  if (num_labels_ != other.num_labels_) {
    detail::fail<InvalidArgument>(
        "states of " + std::to_string(num_labels_) + " labels do not merge with some of",
        other.num_labels_);
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
  if (pairs == nullptr) {
    for (std::uint32_t s = 0; s < other.segments(); ++s) all.emplace_back(s, s);
    pairs = &all;
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> of_cells;
  for (const auto& [mine, theirs] : *pairs) {
    check_segment(mine);
    check_segment(theirs);
    for (std::uint32_t label = 0; label < num_labels_; ++label) {
      of_cells.emplace_back(mine * num_labels_ + label, theirs * num_labels_ + label);
    }
  }
  cells_.merge(other.cells_, &of_cells);
  for (const auto& [mine, theirs] : *pairs) {
    if (theirs >= other.segments()) continue;
    const Rows from = other.rows_[theirs];  // perhaps this very object's
    Rows& to = rows_at(mine);
    to.bad_weight += from.bad_weight;
    to.rows += from.rows;
    to.complete += from.complete;
    to.weighted |= from.weighted;
    to.weight += from.weight;
    to.weight_squares += from.weight_squares;
    for (std::size_t t = 0; t < to.exact.size(); ++t) {
      to.exact[t] += from.exact[t];
      to.exact_weight[t] += from.exact_weight[t];
    }
  }
}

void MultilabelStates::reset() noexcept {
  cells_.reset();
  rows_.clear();
}

MultilabelStates::Rows MultilabelStates::rows(std::uint32_t segment) const {
  if (segment < rows_.size()) return rows_[segment];
  Rows none;
  none.exact.resize(settings().thresholds.size());
  none.exact_weight.resize(settings().thresholds.size());
  return none;
}

BinaryStates MultilabelStates::cells(std::uint32_t segment) const {
  BinaryStates out(settings());
  if (segment >= rows_.size()) return out;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::uint32_t label = 0; label < num_labels_; ++label) {
    pairs.emplace_back(label, segment * num_labels_ + label);
  }
  out.merge(cells_, &pairs);
  return out;
}

bool operator==(const MultilabelStates& a, const MultilabelStates& b) noexcept {
  const auto same = [](const MultilabelStates::Rows& x, const MultilabelStates::Rows& y) {
    return x.bad_weight == y.bad_weight && x.rows == y.rows && x.complete == y.complete &&
           x.weighted == y.weighted && x.weight == y.weight &&
           x.weight_squares == y.weight_squares && x.exact == y.exact &&
           x.exact_weight == y.exact_weight;
  };
  return a.num_labels_ == b.num_labels_ && a.cells_ == b.cells_ &&
         std::equal(a.rows_.begin(), a.rows_.end(), b.rows_.begin(), b.rows_.end(), same);
}

// ---- bytes ------------------------------------------------------------------------------------
// Version 1, after the magic "inML" and the version byte: labels; the size and bytes of the
// BinaryStates; segments; of each rows of bad weight, rows, complete ones, whether weighted, two
// sums of weights, and of each threshold rows all right and their weight. Integers are base-128.

namespace {

constexpr std::string_view kMagic = "inML";
constexpr std::uint8_t kVersion = 1;

std::vector<std::uint8_t> bytes_of(std::uint32_t labels, const BinaryStates& cells,
                                   const MultilabelStates::Rows* rows, std::size_t size) {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(labels);
  const std::vector<std::uint8_t> bytes = cells.to_bytes();
  out.varint(bytes.size());
  out.raw(bytes.data(), bytes.size());
  out.varint(size);
  for (std::size_t s = 0; s < size; ++s) {
    for (const std::int64_t count : {rows[s].bad_weight, rows[s].rows, rows[s].complete}) {
      detail::write_count(out, count);
    }
    out.u8(rows[s].weighted ? 1 : 0);
    out.f64(rows[s].weight);
    out.f64(rows[s].weight_squares);
    for (std::size_t t = 0; t < rows[s].exact.size(); ++t) {
      detail::write_count(out, rows[s].exact[t]);
      out.f64(rows[s].exact_weight[t]);
    }
  }
  return out.take();
}

}  // namespace

std::vector<std::uint8_t> MultilabelStates::to_bytes() const {
  return bytes_of(num_labels_, cells_, rows_.data(), rows_.size());
}

std::vector<std::uint8_t> MultilabelStates::to_bytes(std::uint32_t segment) const {
  if (segment >= rows_.size()) detail::fail<InvalidArgument>("there is no segment", segment);
  return bytes_of(num_labels_, cells(segment), &rows_[segment], 1);
}

MultilabelStates MultilabelStates::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a MultilabelStates");
  in.expect(kMagic, kVersion);
  const std::uint64_t labels = in.varint();
  if (labels < 1 || labels > kMaxLabels) in.refuse("have labels", labels);
  const std::string_view of_cells = in.text();
  MultilabelStates out(
      static_cast<std::uint32_t>(labels),
      BinaryStates::from_bytes(reinterpret_cast<const std::uint8_t*>(of_cells.data()),
                               of_cells.size()));
  const std::uint64_t segments = in.varint();
  if (segments > out.max_segments() || segments > in.left()) in.refuse("have segments", segments);
  if (out.cells_.segments() > segments * labels) {
    in.refuse("have cells of more segments than rows", out.cells_.segments());
  }
  const auto sum_in = [&in]() {
    const double sum = in.f64();
    if (!(sum >= 0)) in.refuse("have a sum below 0", sum);
    return sum;
  };
  for (std::uint32_t s = 0; s < segments; ++s) {
    Rows& rows = out.rows_at(s);
    for (std::int64_t* count : {&rows.bad_weight, &rows.rows, &rows.complete}) {
      *count = detail::read_count(in);
    }
    if (rows.complete > rows.rows) in.refuse("count more complete rows than rows", rows.complete);
    rows.weighted = detail::read_flag(in);
    rows.weight = sum_in();
    rows.weight_squares = sum_in();
    for (std::size_t t = 0; t < rows.exact.size(); ++t) {
      rows.exact[t] = detail::read_count(in);
      if (rows.exact[t] > rows.complete) in.refuse("count more right rows", rows.exact[t]);
      rows.exact_weight[t] = sum_in();
    }
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
