#include <algorithm>
#include <inlay/error.hpp>
#include <inlay/model/binary_states.hpp>
#include <utility>

#include "model/binary_plan.hpp"
#include "model/binary_state.hpp"
#include "model/segment_partition.hpp"

namespace inlay {
namespace {

// Counts of all segments that fit a fast cache.
constexpr std::size_t kMostCounts = std::size_t{1} << 15;

void check_segment(std::int64_t segment) {
  if (segment >= 0 && segment < std::int64_t{kMaxSegments}) return;
  detail::fail<InvalidArgument>(
      "a segment is an index below " + std::to_string(kMaxSegments) + ", not", segment);
}

std::uint64_t all_bits(const BinaryRows& rows) {
  std::uint64_t all = 0;
  if (rows.segments != nullptr) {
    for (std::size_t i = 0; i < rows.size; ++i) all |= rows.segments[i];
  } else {
    for (std::size_t i = 0; i < rows.size; ++i) {
      all |= static_cast<std::uint64_t>(rows.segments_i64[i]);
    }
  }
  return all;
}

std::int64_t segment_at(const BinaryRows& rows, std::size_t i) {
  return rows.segments != nullptr ? rows.segments[i] : rows.segments_i64[i];
}

[[noreturn]] void fail_changed() {
  throw InvalidArgument("segments changed while their rows were counted");
}

// Rows from `at` on, with their labels as the loops take them.
detail::BinaryBlockRows block_of(const BinaryRows& rows, std::size_t at, std::size_t size,
                                 std::uint8_t* labels) {
  const std::uint8_t* as_they_lie = rows.labels_u8 == nullptr ? nullptr : rows.labels_u8 + at;
  if (as_they_lie == nullptr) {
    const std::int64_t* from = rows.labels_i64 + at;
    if (!detail::binary_kernels().labels(from, size, labels)) {
      for (std::size_t i = 0; i < size; ++i) {
        const std::int64_t label = from[i];
        labels[i] = label == 0 || label == 1 ? static_cast<std::uint8_t>(label) : 2;
      }
    }
    as_they_lie = labels;
  }
  return {rows.scores_f32 == nullptr ? nullptr : rows.scores_f32 + at,
          rows.scores_f64 == nullptr ? nullptr : rows.scores_f64 + at, as_they_lie,
          rows.weights == nullptr ? nullptr : rows.weights + at, size};
}

// A block's own rows: the caller's memory may change while they are counted, and a score that was
// in range when it was looked at has to be so when its cell is looked for.
struct OwnRows {
  float scores_f32[detail::kBinaryBlock];
  double scores_f64[detail::kBinaryBlock];
  std::uint8_t labels[detail::kBinaryBlock];
  double weights[detail::kBinaryBlock];

  detail::BinaryBlockRows copy(const detail::BinaryBlockRows& rows) {
    detail::BinaryBlockRows own = rows;
    own.scores_f32 = copied(rows.scores_f32, rows.size, scores_f32);
    own.scores_f64 = copied(rows.scores_f64, rows.size, scores_f64);
    own.labels = copied(rows.labels, rows.size, labels);
    own.weights = copied(rows.weights, rows.size, weights);
    return own;
  }

 private:
  template <class T>
  static const T* copied(const T* from, std::size_t size, T* to) {
    if (from == nullptr || from == to) return from;
    std::copy_n(from, size, to);
    return to;
  }
};

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
  if (rows.segments != nullptr || rows.segments_i64 != nullptr) return update_segments(rows);
  check_segment(rows.segment);
  if (rows.size == 0) return;
  detail::BinaryState& state = state_at(rows.segment);
  OwnRows own;
  for (std::size_t at = 0; at < rows.size; at += detail::kBinaryBlock) {
    const std::size_t size = std::min(rows.size - at, detail::kBinaryBlock);
    state.update(*plan_, own.copy(block_of(rows, at, size, own.labels)));
  }
}

void BinaryStates::update_segments(const BinaryRows& rows) {
  // Segments lie below a power of two, and so do their bits together.
  const std::size_t most = all_bits(rows);
  if (most >= kMaxSegments) {
    for (std::size_t i = 0; i < rows.size; ++i) check_segment(segment_at(rows, i));
    fail_changed();
  }
  // Where there are few counts beside the rows it is quicker to count rows where they lie.
  const std::size_t counts = (most + 1) * 2 * plan_->num_cells();
  const bool few = counts <= rows.size / 2 && counts <= kMostCounts && rows.size <= UINT32_MAX;
  std::vector<std::uint32_t> counted;
  if (few && !plan_->settings.scores && rows.weights == nullptr) counted.resize(counts);
  if (!partition_) partition_ = std::make_unique<detail::SegmentPartition>();
  std::uint8_t labels[detail::SegmentPartition::kBlock];
  std::uint32_t segments[detail::SegmentPartition::kBlock];
  OwnRows own;
  const std::size_t step =
      counted.empty() ? detail::SegmentPartition::kBlock : detail::kBinaryBlock;
  for (std::size_t at = 0; at < rows.size; at += step) {
    const std::size_t size = std::min(rows.size - at, step);
    const detail::BinaryBlockRows block = block_of(rows, at, size, labels);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < size; ++i) {
      segments[i] = static_cast<std::uint32_t>(segment_at(rows, at + i));
      bits |= segments[i];
    }
    if ((bits & ~most) != 0) fail_changed();
    if (!counted.empty() &&
        detail::count_by_segment(*plan_, own.copy(block), segments, counted.data())) {
      continue;
    }
    partition_->sort(segments, size);
    update_groups(block);
  }
  const std::size_t stride = 2 * plan_->num_cells();
  for (std::size_t at = 0; at < counted.size(); at += stride) {
    const auto begin = counted.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(stride);
    if (std::all_of(begin, end, [](std::uint32_t n) { return n == 0; })) continue;
    state_at(static_cast<std::uint32_t>(at / stride)).add_rows(&*begin);
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
