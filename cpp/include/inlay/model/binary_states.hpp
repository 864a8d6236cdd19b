#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/score_histogram.hpp>
#include <inlay/model/segments.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace inlay {

namespace detail {
class BinaryPlan;
class BinaryState;
class SegmentPartition;
struct BinaryBlockRows;
}  // namespace detail

/// What is kept of scores and labels, the same for all segments.
struct INLAY_API BinarySettings {
  static constexpr std::size_t kMaxThresholds = 64;
  static constexpr int kMaxBins = 64;

  /// A row is predicted positive from here on; rising, 0 to 1, of the probability. Of labels 0.5.
  std::vector<double> thresholds{0.5};
  ScoreKind kind = ScoreKind::kProbability;
  /// Of the reliability table: [i/bins, (i+1)/bins), the last one closed.
  int bins = 15;
  /// Whether more than the confusion is kept: not of labels.
  bool scores = true;
};

/// Rows as they lie in memory.
struct INLAY_API BinaryRows {
  const float* scores_f32 = nullptr;  // one of these
  const double* scores_f64 = nullptr;
  /// One of these: 0 or 1; anything else is no label.
  const std::uint8_t* labels_u8 = nullptr;
  const std::int64_t* labels_i64 = nullptr;
  const double* weights = nullptr;  ///< or null: all 1
  /// Of each row, below kMaxSegments: one of these, or none.
  const std::uint32_t* segments = nullptr;
  const std::int64_t* segments_i64 = nullptr;
  std::uint32_t segment = 0;  ///< of all rows, where there is none of each
  std::size_t size = 0;
};

/// Why a row was left out. The first that holds counts.
enum class BinaryRejected : std::uint8_t { kBadLabel, kNanScore, kOutOfRange, kBadWeight };

/// What rows of one segment come to. Sums are of weights where there are any, and otherwise exact
/// but for scores and squared errors, each rounded to the nearest 2^-40.
struct INLAY_API BinaryFigures {
  std::uint64_t rows = 0;
  std::array<std::uint64_t, 4> rejected{};  ///< in the order of BinaryRejected
  bool weighted = false;

  /// Rows by label and prediction: true and false negatives of [0], false and true positives [1].
  struct Confusion {
    double tn, fn, fp, tp;
  };
  std::vector<Confusion> confusions;  ///< a threshold each
  std::vector<Confusion> squares;     ///< of weights; empty without
  std::vector<Confusion> counts;      ///< of rows, whatever their weights; empty without

  struct Calibration {
    double rows, positives, scores, squares;
  };
  std::vector<Calibration> calibration;  ///< a bin each; empty without scores

  double squared_errors = 0;   ///< Σ (s - y)²
  double positive_scores = 0;  ///< Σ s of positives
  double log_loss = 0;         ///< Σ -ln p
  std::uint64_t clipped = 0;   ///< rows of which p was below 2^-53
};

/// Confusion at thresholds, histogram of scores, calibration, squared errors and log loss of binary
/// predictions, for each of many segments.
///
/// A row is left out, and counted by what is wrong with it, if its label is neither 0 nor 1, its
/// score is NaN or outside the kind's range (infinite for a logit), or its weight is negative, NaN
/// or infinite. It changes nothing of other rows.
///
/// Counts, sums of scores and of squared errors do not depend on how rows are shared out to calls
/// and objects, nor on the instruction set; sums of weights and the log loss do by rounding alone.
///
/// Segments exist from their first row on. Not safe for concurrent use of one object when any of
/// the uses changes it.
class INLAY_API BinaryStates {
 public:
  /// @throws InvalidArgument if thresholds do not rise, lie outside 0 to 1 or are none or too many,
  /// if bins lie outside 1 to kMaxBins, or if scores or other thresholds are asked of labels.
  explicit BinaryStates(BinarySettings settings = {});
  BinaryStates(const BinaryStates& other);
  BinaryStates& operator=(const BinaryStates& other);
  BinaryStates(BinaryStates&&) noexcept;
  BinaryStates& operator=(BinaryStates&&) noexcept;
  ~BinaryStates();

  const BinarySettings& settings() const noexcept;

  /// @throws InvalidArgument if a segment is not below kMaxSegments; nothing is counted.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update(const BinaryRows& rows);

  /// Adds what another object counted of its segments .second to this one's segments .first; of
  /// equal indices where `pairs` is null.
  /// @throws InvalidArgument if settings differ or a segment is not below kMaxSegments.
  /// @throws std::bad_alloc; a part may then have been added.
  void merge(const BinaryStates& other,
             const std::vector<std::pair<std::uint32_t, std::uint32_t>>* pairs = nullptr);
  /// Returns the state and leaves an empty one.
  BinaryStates take();
  void reset() noexcept;

  /// One more than the highest segment that exists.
  std::size_t segments() const noexcept;
  /// Rows that were counted, 0 of a segment that does not exist.
  std::uint64_t rows(std::uint32_t segment) const noexcept;
  BinaryFigures figures(std::uint32_t segment) const;
  /// Empty without scores or rows.
  ScoreHistogram histogram(std::uint32_t segment) const;
  /// Bytes held, of all segments.
  std::size_t memory() const noexcept;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// Of one segment, as segment 0.
  std::vector<std::uint8_t> to_bytes(std::uint32_t segment) const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static BinaryStates from_bytes(const std::uint8_t* bytes, std::size_t size);

  friend INLAY_API bool operator==(const BinaryStates& a, const BinaryStates& b) noexcept;
  friend bool operator!=(const BinaryStates& a, const BinaryStates& b) noexcept {
    return !(a == b);
  }

 private:
  explicit BinaryStates(std::shared_ptr<const detail::BinaryPlan> plan);
  detail::BinaryState& state_at(std::uint32_t segment);
  void update_segments(const BinaryRows& rows);
  void update_groups(const detail::BinaryBlockRows& block);
  const detail::BinaryState* find(std::uint32_t segment) const noexcept;

  std::shared_ptr<const detail::BinaryPlan> plan_;
  std::vector<std::unique_ptr<detail::BinaryState>> states_;
  std::unique_ptr<detail::SegmentPartition> partition_;
};

}  // namespace inlay
