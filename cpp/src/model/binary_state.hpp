#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <inlay/model/binary_states.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "model/binary_kernels.hpp"
#include "model/binary_plan.hpp"

namespace inlay {
namespace detail {

/// A sum of non-negative numbers, each a multiple of 2^-kScoreBits: exact in any order.
class ExactSum {
 public:
  static constexpr std::uint64_t kOne = std::uint64_t{1} << kScoreBits;

  ExactSum() = default;
  /// @param part below kOne
  ExactSum(std::uint64_t whole, std::uint64_t part) : whole_(whole), part_(part) {}

  /// Below 2^63 at once.
  void add(std::uint64_t units) noexcept {
    part_ += units;
    whole_ += part_ >> kScoreBits;
    part_ &= kOne - 1;
  }
  void add(const ExactSum& other) noexcept {
    const std::uint64_t whole = other.whole_;  // perhaps this very object's
    add(other.part_);
    whole_ += whole;
  }
  std::uint64_t whole() const noexcept { return whole_; }
  std::uint64_t part() const noexcept { return part_; }
  double value() const noexcept {
    return static_cast<double>(whole_) + static_cast<double>(part_) * 0x1p-40;
  }
  friend bool operator==(const ExactSum& a, const ExactSum& b) = default;

 private:
  std::uint64_t whole_ = 0;
  std::uint64_t part_ = 0;
};
static_assert(kScoreBits == 40);

/// Rows of one cell and label.
struct BinaryCell {
  std::uint64_t rows = 0;
  ExactSum scores;

  friend bool operator==(const BinaryCell& a, const BinaryCell& b) = default;
};

/// The same where rows have weights.
struct BinaryWeights {
  double rows = 0;
  double squares = 0;
  double scores = 0;

  friend bool operator==(const BinaryWeights& a, const BinaryWeights& b) = default;
};

/// Rows as the loops take them, up to kBinaryBlock of one segment.
struct BinaryBlockRows {
  const float* scores_f32;
  const double* scores_f64;
  const std::uint8_t* labels;
  const double* weights;
  std::size_t size;
};

/// What BinaryStates keeps of one segment.
class BinaryState {
 public:
  explicit BinaryState(const BinaryPlan& plan);

  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update(const BinaryPlan& plan, const BinaryBlockRows& rows);
  /// Adds rows without weights or scores by cell and label.
  void add_rows(const std::uint32_t* counts) noexcept;
  /// @throws std::bad_alloc; a part may then have been added.
  void merge(const BinaryState& other);

  std::uint64_t rows() const noexcept;
  BinaryFigures figures(const BinaryPlan& plan) const;
  std::size_t memory() const noexcept;

  friend bool operator==(const BinaryState& a, const BinaryState& b) = default;

  /// In the order of BinaryRejected.
  std::array<std::uint64_t, 4> rejected{};
  /// Twice a cell plus the label.
  std::vector<BinaryCell> cells;
  ExactSum squared_errors;
  double log_loss = 0;
  std::uint64_t clipped = 0;
  ScoreHistogram histogram;

  /// Sums of weights, where any row had one; of a row without, 1.
  struct Weighted {
    std::vector<BinaryWeights> cells;
    double squared_errors = 0;
    double log_loss = 0;

    friend bool operator==(const Weighted& a, const Weighted& b) = default;
  };
  std::optional<Weighted> weighted;

  /// Starts to keep weights.
  /// @throws std::bad_alloc
  void weigh();

 private:
  struct Scratch;

  BinaryBlockRows accepted(const BinaryPlan& plan, const BinaryBlockRows& rows, Scratch& scratch);
  void count(const BinaryPlan& plan, const BinaryBlockRows& rows, Scratch& scratch);
  void count_scores(const BinaryPlan& plan, const BinaryBlockRows& rows, const double* logits,
                    Scratch& scratch);
  void count_weights(const BinaryPlan& plan, const BinaryBlockRows& rows, const Scratch& scratch);
};

/// Counts up to kBinaryBlock rows without weights, where only the confusion is kept: adds 1 to
/// counts[segment * 2 * cells + 2 * cell + label] of each, and returns true; or does nothing and
/// returns false if any has to be left out.
bool count_by_segment(const BinaryPlan& plan, const BinaryBlockRows& rows,
                      const std::uint32_t* segments, std::uint32_t* counts) noexcept;

}  // namespace detail
}  // namespace inlay
