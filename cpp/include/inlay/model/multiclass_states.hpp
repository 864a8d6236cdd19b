#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/model/confusion_cells.hpp>
#include <inlay/model/score_histogram.hpp>
#include <inlay/model/segment_states.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace inlay {

struct INLAY_API MulticlassSettings {
  std::int32_t classes = 2;
  /// k of the top-k accuracies, ascending.
  std::vector<std::int32_t> top_k = {1, 5};
  /// Equal-width bins of the largest probability.
  std::int32_t bins = 15;
  ScoreKind kind = ScoreKind::kProbability;

  static constexpr std::int32_t kMaxClasses = 4096;
  static constexpr std::int32_t kMaxBins = 1000;
  static constexpr std::size_t kMaxTopK = 16;
  bool has_scores() const noexcept { return kind != ScoreKind::kLabel; }
  /// @throws InvalidArgument naming the setting that is out of range.
  void check() const;
  std::string text() const;
  void write(detail::ByteWriter& out) const;
  static MulticlassSettings read(detail::ByteReader& in);
  friend bool operator==(const MulticlassSettings& a, const MulticlassSettings& b) noexcept {
    return a.classes == b.classes && a.top_k == b.top_k && a.bins == b.bins && a.kind == b.kind;
  }
};

/// Rows of a classifier of K classes: true and predicted class, and with scores the rank of the
/// true class, the largest probability by bins, log loss and Brier score.
///
/// The predicted class is the one of the largest score, the first of those that are equal; among
/// equal scores the lower class ranks first too. Logits become probabilities row by row, in
/// doubles. Bin i counts largest probabilities in [i / bins, (i + 1) / bins), the last one 1 too.
/// Log loss takes a probability below 2^-53 as that, and counts the row.
class INLAY_API MulticlassState {
 public:
  using Settings = MulticlassSettings;
  static constexpr std::string_view kName = "a MulticlassStates";
  static constexpr std::string_view kMagic = "inMC";
  static constexpr double kLeastProbability = 0x1p-53;
  /// Sums of probabilities of a row further from 1 than this are counted.
  static constexpr double kSumTolerance = 1e-2;
  /// Rows of scores whose figures are summed before they are added to the state.
  static constexpr std::size_t kScoreBlock = 256;
  // Codes of a class that is none.
  static constexpr std::int32_t kNullClass = -1;
  static constexpr std::int32_t kOutsideClass = -2;

  explicit MulticlassState(const Settings& settings);

  /// Writes classes as updates take them: what is none becomes some number that is none, `null`
  /// kNullClass.
  static void read_classes(const std::int64_t* values, std::size_t size, std::int32_t classes,
                           std::int64_t null, std::int32_t* out) noexcept;
  /// Counts rows of kind label: pairs of classes or codes of none. Weights may be null.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update_labels(const Settings& settings, const std::int32_t* labels,
                     const std::int32_t* predicted, const double* weights, std::size_t size);
  /// Counts rows of scores, settings.classes of them a row.
  void update_scores(const Settings& settings, const std::int32_t* labels, const float* scores,
                     const double* weights, std::size_t size);
  void update_scores(const Settings& settings, const std::int32_t* labels, const double* scores,
                     const double* weights, std::size_t size);
  void merge(const MulticlassState& other);

  /// Of rows whose largest probability lies in one bin.
  struct Tally {
    std::int64_t rows = 0;
    std::int64_t hits = 0;  ///< rows whose predicted class is the true one
    double weight = 0;      ///< kept from the first weights given on, as hit_weight is
    double hit_weight = 0;
    double confidence = 0;  ///< of largest probabilities, times the rows' weights
  };
  struct Sums {
    double weight = 0;
    double weight_squares = 0;
    double log_loss = 0;
    double log_loss_squares = 0;
    double brier = 0;  ///< sum over classes of (probability - [true])^2
    double brier_squares = 0;
  };

  std::int64_t rows() const noexcept { return rows_; }
  const RowFaults& faults() const noexcept { return faults_; }
  bool weighted() const noexcept { return cells_.weighted(); }
  const ConfusionCells& cells() const noexcept { return cells_; }
  const Sums& sums() const noexcept { return sums_; }
  /// Rows by the rank of the true class: entry i of rank i + 1, the last of all beyond.
  const std::vector<std::int64_t>& ranks() const noexcept { return ranks_; }
  /// Kept from the first weights given on.
  const std::vector<double>& rank_weights() const noexcept { return rank_weights_; }
  const std::vector<Tally>& bins() const noexcept { return bins_; }
  /// Rows whose true class had a probability below kLeastProbability.
  std::int64_t clipped() const noexcept { return clipped_; }
  /// Rows counted although their probabilities do not sum to 1.
  std::int64_t unnormalised() const noexcept { return unnormalised_; }

  void write(const Settings& settings, detail::ByteWriter& out) const;
  static MulticlassState read(const Settings& settings, detail::ByteReader& in);

  friend INLAY_API bool operator==(const MulticlassState& a, const MulticlassState& b);

 private:
  struct ScoreBlock;

  template <class T>
  void add_scores(const Settings& settings, const std::int32_t* labels, const T* scores,
                  const double* weights, std::size_t size);
  // Puts the rows that stay into the block, and returns how many they are.
  template <class Found, class T>
  std::size_t keep(const Found& found, const Settings& settings, const T* scores,
                   const std::int32_t* labels, const double* weights, std::size_t rows,
                   ScoreBlock& out);
  template <bool kWeighted, class Edges>
  void count(const ScoreBlock& block, const Edges& edges, std::size_t size);
  void weigh();
  void add(const Sums& sums) noexcept;

  std::int64_t rows_ = 0;
  RowFaults faults_;
  ConfusionCells cells_;
  Sums sums_;
  std::vector<std::int64_t> ranks_;
  std::vector<double> rank_weights_;
  std::vector<Tally> bins_;
  std::int64_t clipped_ = 0;
  std::int64_t unnormalised_ = 0;
};

using MulticlassStates = SegmentStates<MulticlassState>;
extern template class INLAY_API SegmentStates<MulticlassState>;

/// Rows of labels: `predicted` is given; or of scores: `scores` is.
struct INLAY_API MulticlassBatch {
  const std::int32_t* labels = nullptr;
  const std::int32_t* predicted = nullptr;
  const double* scores = nullptr;   ///< row by row, settings().classes a row
  const double* weights = nullptr;  ///< or null
  const std::uint32_t* segments = nullptr;
  std::size_t size = 0;
};
/// Counts each row in its segment.
/// @throws InvalidArgument if a segment is kMaxSegments or above; rows before may then have been
/// counted. std::bad_alloc likewise.
INLAY_API void update(MulticlassStates& states, const MulticlassBatch& batch);

}  // namespace inlay
