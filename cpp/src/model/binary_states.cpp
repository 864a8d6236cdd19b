#include <algorithm>
#include <inlay/error.hpp>
#include <inlay/model/binary_states.hpp>
#include <utility>

#include "model/binary_plan.hpp"
#include "model/binary_state.hpp"
#include "model/segment_partition.hpp"

namespace inlay {
namespace {

void check_segment(std::uint32_t segment) {
  if (segment < kMaxSegments) return;
  detail::fail<InvalidArgument>(
      "a segment is an index below " + std::to_string(kMaxSegments) + ", not", segment);
}

}  // namespace

BinaryStates::BinaryStates(BinarySettings settings)
    : plan_(std::make_shared<const detail::BinaryPlan>(std::move(settings))) {}
BinaryStates::BinaryStates(std::shared_ptr<const detail::BinaryPlan> plan)
    : plan_(std::move(plan)) {}
BinaryStates::BinaryStates(BinaryStates&&) noexcept = default;
BinaryStates& BinaryStates::operator=(BinaryStates&&) noexcept = default;
BinaryStates::~BinaryStates() = default;

BinaryStates::BinaryStates(const BinaryStates& other) : plan_(other.plan_) {
  states_.resize(other.states_.size());
  for (std::size_t s = 0; s < states_.size(); ++s) {
    if (other.states_[s]) states_[s] = std::make_unique<detail::BinaryState>(*other.states_[s]);
  }
}

BinaryStates& BinaryStates::operator=(const BinaryStates& other) {
  return *this = BinaryStates(other);
}

const BinarySettings& BinaryStates::settings() const noexcept { return plan_->settings; }

detail::BinaryState& BinaryStates::state_at(std::uint32_t segment) {
  if (segment >= states_.size()) states_.resize(segment + std::size_t{1});
  std::unique_ptr<detail::BinaryState>& state = states_[segment];
  if (!state) state = std::make_unique<detail::BinaryState>(*plan_);
  return *state;
}

const detail::BinaryState* BinaryStates::find(std::uint32_t segment) const noexcept {
  return segment < states_.size() ? states_[segment].get() : nullptr;
}

void BinaryStates::update(const BinaryRows& rows) {
  // Rows from `at` on, with their labels as the loops take them.
  const auto block_of = [&](std::size_t at, std::size_t size, std::uint8_t* labels) {
    const std::uint8_t* as_they_lie = rows.labels_u8 == nullptr ? nullptr : rows.labels_u8 + at;
    if (as_they_lie == nullptr) {
      const std::int64_t* from = rows.labels_i64 + at;
      if (!detail::binary_kernels().labels(from, size, labels)) {
        for (std::size_t i = 0; i < size; ++i) {
          if (from[i] < 0 || from[i] > 1) labels[i] = 2;
        }
      }
      as_they_lie = labels;
    }
    return detail::BinaryBlockRows{rows.scores_f32 == nullptr ? nullptr : rows.scores_f32 + at,
                                   rows.scores_f64 == nullptr ? nullptr : rows.scores_f64 + at,
                                   as_they_lie,
                                   rows.weights == nullptr ? nullptr : rows.weights + at, size};
  };
  std::uint8_t labels_of_block[detail::SegmentPartition::kBlock];
  if (rows.segments == nullptr) {
    check_segment(rows.segment);
    if (rows.size == 0) return;
    detail::BinaryState& state = state_at(rows.segment);
    for (std::size_t at = 0; at < rows.size; at += detail::kBinaryBlock) {
      const std::size_t size = std::min(rows.size - at, detail::kBinaryBlock);
      state.update(*plan_, block_of(at, size, labels_of_block));
    }
    return;
  }
  for (std::size_t i = 0; i < rows.size; ++i) check_segment(rows.segments[i]);
  if (!partition_) partition_ = std::make_unique<detail::SegmentPartition>();
  for (std::size_t at = 0; at < rows.size; at += detail::SegmentPartition::kBlock) {
    const std::size_t size = std::min(rows.size - at, detail::SegmentPartition::kBlock);
    partition_->sort(rows.segments + at, size);
    update_groups(block_of(at, size, labels_of_block));
  }
}

// The rows of a block that the partition has sorted, a segment at a time.
void BinaryStates::update_groups(const detail::BinaryBlockRows& block) {
  float scores_f32[detail::kBinaryBlock];
  double scores_f64[detail::kBinaryBlock];
  std::uint8_t labels[detail::kBinaryBlock];
  double weights[detail::kBinaryBlock];
  const bool narrow = block.scores_f32 != nullptr;
  const bool weighted = block.weights != nullptr;
  for (detail::SegmentPartition::Group part : partition_->groups()) {
    detail::BinaryState& state = state_at(part.segment);
    for (const std::uint32_t end = part.end; part.begin < end; part.begin = part.end) {
      part.end = std::min(end, part.begin + std::uint32_t{detail::kBinaryBlock});
      if (narrow) {
        partition_->gather(part, block.scores_f32, scores_f32);
      } else {
        partition_->gather(part, block.scores_f64, scores_f64);
      }
      partition_->gather(part, block.labels, labels);
      if (weighted) partition_->gather(part, block.weights, weights);
      state.update(*plan_, {narrow ? scores_f32 : nullptr, narrow ? nullptr : scores_f64, labels,
                            weighted ? weights : nullptr, part.end - part.begin});
    }
  }
}

void BinaryStates::merge(const BinaryStates& other,
                         const std::vector<std::pair<std::uint32_t, std::uint32_t>>* pairs) {
  const BinarySettings& a = plan_->settings;
  const BinarySettings& b = other.plan_->settings;
  if (a.kind != b.kind) {
    detail::fail<InvalidArgument>("states of scores of different kinds do not merge; other kind",
                                  static_cast<int>(b.kind));
  }
  if (!plan_->same_as(*other.plan_)) {
    const bool bins = a.bins != b.bins;
    const bool scores = a.scores != b.scores;
    detail::fail<InvalidArgument>(std::string("states of different settings do not merge; other ") +
                                      (scores ? "scores"
                                       : bins ? "bins"
                                              : "number of thresholds"),
                                  scores ? int{b.scores}
                                  : bins ? b.bins
                                         : static_cast<int>(b.thresholds.size()));
  }
  if (pairs == nullptr) {
    for (std::uint32_t s = 0; s < other.states_.size(); ++s) {
      if (other.states_[s]) state_at(s).merge(*other.states_[s]);
    }
    return;
  }
  for (const auto& [mine, theirs] : *pairs) {
    check_segment(mine);
    check_segment(theirs);
  }
  for (const auto& [mine, theirs] : *pairs) {
    if (const detail::BinaryState* found = other.find(theirs)) state_at(mine).merge(*found);
  }
}

BinaryStates BinaryStates::take() {
  BinaryStates out(plan_);
  out.states_.swap(states_);
  return out;
}

void BinaryStates::reset() noexcept { states_.clear(); }

std::size_t BinaryStates::segments() const noexcept { return states_.size(); }

std::uint64_t BinaryStates::rows(std::uint32_t segment) const noexcept {
  const detail::BinaryState* state = find(segment);
  return state == nullptr ? 0 : state->rows();
}

BinaryFigures BinaryStates::figures(std::uint32_t segment) const {
  const detail::BinaryState* state = find(segment);
  return state == nullptr ? detail::BinaryState(*plan_).figures(*plan_) : state->figures(*plan_);
}

ScoreHistogram BinaryStates::histogram(std::uint32_t segment) const {
  const detail::BinaryState* state = find(segment);
  return state == nullptr ? ScoreHistogram(plan_->settings.kind) : state->histogram;
}

std::size_t BinaryStates::memory() const noexcept {
  std::size_t bytes = sizeof(*this) + states_.capacity() * sizeof(states_[0]);
  for (const auto& state : states_) bytes += state ? state->memory() : 0;
  return bytes;
}

bool operator==(const BinaryStates& a, const BinaryStates& b) noexcept {
  if (!a.plan_->same_as(*b.plan_)) return false;
  const std::size_t segments = std::max(a.states_.size(), b.states_.size());
  for (std::uint32_t s = 0; s < segments; ++s) {
    const detail::BinaryState* in_a = a.find(s);
    const detail::BinaryState* in_b = b.find(s);
    if ((in_a == nullptr) != (in_b == nullptr)) return false;
    if (in_a != nullptr && !(*in_a == *in_b)) return false;
  }
  return true;
}

}  // namespace inlay
