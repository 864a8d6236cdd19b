#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/segments.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace inlay {

/// Rows that a quality state leaves out, each under the first of these that holds.
struct INLAY_API RowFaults {
  std::int64_t bad_label = 0;     ///< label null, NaN or outside what the task knows
  std::int64_t nan_score = 0;     ///< score null or NaN
  std::int64_t out_of_range = 0;  ///< score outside its declared kind, or infinite
  std::int64_t bad_weight = 0;    ///< weight NaN, negative or infinite

  void merge(const RowFaults& other) noexcept {
    bad_label += other.bad_label;
    nan_score += other.nan_score;
    out_of_range += other.out_of_range;
    bad_weight += other.bad_weight;
  }
  friend bool operator==(const RowFaults& a, const RowFaults& b) noexcept {
    return a.bad_weight == b.bad_weight && a.bad_label == b.bad_label &&
           a.nan_score == b.nan_score && a.out_of_range == b.out_of_range;
  }
};

/// One state of a task for each segment, numbered from 0, made when first written to: a segment
/// that was never written to holds nothing.
///
/// `State` is one of RegressionState, MulticlassState, RankingState. Not safe for concurrent use of
/// one object when any of the uses changes it.
template <class State>
class SegmentStates {
 public:
  using Settings = typename State::Settings;

  /// @throws InvalidArgument if the settings are none of the task's.
  explicit SegmentStates(Settings settings);
  SegmentStates(const SegmentStates& other);
  SegmentStates& operator=(const SegmentStates& other);
  SegmentStates(SegmentStates&&) noexcept = default;
  SegmentStates& operator=(SegmentStates&&) noexcept = default;
  ~SegmentStates() = default;

  const Settings& settings() const noexcept { return settings_; }
  /// How many segments there are: one more than the highest written to.
  std::size_t size() const noexcept { return states_.size(); }
  /// Null for a segment that does not exist yet.
  const State* find(std::size_t segment) const noexcept {
    return segment < states_.size() ? states_[segment].get() : nullptr;
  }
  /// Makes the segment if it does not exist.
  /// @throws InvalidArgument if it is kMaxSegments or above.
  State& at(std::size_t segment);

  /// Adds the states of `other`: all of them, each to the segment of the same index.
  /// @throws InvalidArgument if the settings differ; nothing is added then.
  void merge(const SegmentStates& other);
  /// Adds those of the second indices to those of the first; one that does not exist adds nothing.
  /// @throws InvalidArgument also if an index is out of range.
  void merge(const SegmentStates& other,
             const std::vector<std::pair<std::size_t, std::size_t>>& pairs);
  void reset() noexcept { states_.clear(); }

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// Of one segment, which is segment 0 of what from_bytes() makes.
  /// @throws InvalidArgument if it does not exist.
  std::vector<std::uint8_t> to_bytes(std::size_t segment) const;
  /// @throws SerializationError if the bytes are not what some to_bytes() of this task returned, or
  /// newer.
  static SegmentStates from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// A segment without a state equals none.
  friend bool operator==(const SegmentStates& a, const SegmentStates& b) {
    if (!(a.settings_ == b.settings_)) return false;
    for (std::size_t i = 0; i < a.size() || i < b.size(); ++i) {
      const State* of_a = a.find(i);
      const State* of_b = b.find(i);
      if ((of_a == nullptr) != (of_b == nullptr)) return false;
      if (of_a != nullptr && !(*of_a == *of_b)) return false;
    }
    return true;
  }
  friend bool operator!=(const SegmentStates& a, const SegmentStates& b) { return !(a == b); }

 private:
  std::vector<std::uint8_t> bytes_of(const std::unique_ptr<State>* states, std::size_t size) const;
  void require_same_settings(const SegmentStates& other) const;

  Settings settings_;
  std::vector<std::unique_ptr<State>> states_;
};

}  // namespace inlay
