#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <memory>
#include <string_view>
#include <vector>

namespace inlay {

/// What the score of a row is.
enum class ScoreKind : std::uint8_t {
  kProbability,  ///< of the positive class, 0 to 1
  kLogit,        ///< any finite number; the logistic function makes a probability of it
  kLabel,        ///< the predicted class itself, 0 or 1
};

/// "probability", "logit" or "label".
INLAY_API std::string_view name_of(ScoreKind kind) noexcept;

/// @throws InvalidArgument if it is none of them.
INLAY_API ScoreKind score_kind_of(std::string_view name);

/// How well scores order rows, from a histogram of them. NaN where there are no positives or no
/// negatives.
struct INLAY_API ScoreRanks {
  double auroc = 0;        ///< mid-rank: within a bin half of the pairs are in order
  double auroc_bound = 0;  ///< the area of the scores themselves is at most this far from it
  /// Of the area, over the rows' placements (DeLong, DeLong and Clarke-Pearson, 1988): the sums of
  /// squared deviations of positives and of negatives, each by its weight.
  double positive_spread = 0;
  double negative_spread = 0;
  double average_precision = 0;  ///< as if rows lay in random order within a bin
  double average_precision_low = 0;
  double average_precision_high = 0;  ///< in whatever order they lie there
};

/// Sums over rows that a histogram gives within the width of its bins.
struct INLAY_API ScoreSpreads {
  double squared_errors_squared = 0;  ///< Σ w (s - y)⁴
  double log_losses_squared = 0;      ///< Σ w ln² p
  double equal_mass_error = 0;        ///< Σ |Σ w (y - s)| over groups of equally many rows
  double equal_mass_spread = 0;       ///< Σ n p (1 - p) over these groups, p the share of positives
};

/// Counts of scores by label, in bins that are narrow where scores are told apart best.
///
/// A probability s goes by min(s, 1 - s): 128 bins to each factor of two from 2^-40 to 1/2, one
/// below, on either side of 1/2. A logit z goes by |z|: bins of 1/128 below 16, 1,024 to each
/// factor of two from 16 to 512, one above. Bins never mix the order of scores, so that a pair of
/// rows in different bins is in the order of its scores, which bounds the error of ranks.
///
/// Memory comes in pages of 128 bins, 1 KiB each, for the ranges that have rows: at most 80 pages
/// of probabilities, 112 of logits. Weights take twice as much beside it.
class INLAY_API ScoreHistogram {
 public:
  static constexpr std::size_t kPageBins = 128;
  static constexpr std::size_t kMaxPages = 112;

  /// One bin that has rows.
  struct Bin {
    double low;                           ///< the scores in it are at least this
    double high;                          ///< and below this, or equal at the end of the range
    std::array<std::uint64_t, 2> counts;  ///< of label 0 and 1
    std::array<double, 2> weights;        ///< the counts where there are none
  };

  explicit ScoreHistogram(ScoreKind kind) : kind_(kind) {}
  ScoreHistogram(const ScoreHistogram& other);
  ScoreHistogram& operator=(const ScoreHistogram& other);
  ScoreHistogram(ScoreHistogram&&) noexcept = default;
  ScoreHistogram& operator=(ScoreHistogram&&) noexcept = default;
  ~ScoreHistogram() = default;

  /// Where a score goes: page * 256 + bin * 2, to which the label is added.
  static std::uint16_t place_of(ScoreKind kind, double score) noexcept;

  /// Adds rows at places with their labels; weights may be null, and must not be where weigh() was
  /// called.
  /// @throws std::bad_alloc; a part of the rows may then have been added.
  void add(const std::uint16_t* places, const double* weights, std::size_t size);
  /// Adds rows at one place.
  /// @throws std::bad_alloc
  void add(std::uint16_t place, std::uint64_t count, double weight);
  /// Keeps weights from here on, 1 for each row so far.
  /// @throws std::bad_alloc
  void weigh();
  bool weighted() const noexcept { return weighted_; }

  /// Both weighted, or neither; of one kind.
  /// @throws std::bad_alloc; a part may then have been added.
  void merge(const ScoreHistogram& other);

  /// The bins that have rows, by rising score.
  std::vector<Bin> bins() const;
  ScoreRanks ranks() const;
  /// @param groups of equally many rows, for the calibration error
  ScoreSpreads spreads(std::size_t groups) const;

  /// Calls f(place, count, weight) for each place that has rows, by rising place.
  template <class F>
  void for_each_place(F&& f) const {
    for (std::size_t p = 0; p < pages_.size(); ++p) {
      if (!pages_[p]) continue;
      for (std::size_t i = 0; i < 2 * kPageBins; ++i) {
        const std::uint64_t count = count_at(p, i);
        if (count != 0) {
          f(static_cast<std::uint16_t>(p * 2 * kPageBins + i), count, weight_at(p, i, count));
        }
      }
    }
  }

  /// Pages in each half of the places.
  static constexpr std::size_t pages_per_side(ScoreKind kind) {
    return kind == ScoreKind::kLogit ? 56 : 40;
  }
  /// Bytes held.
  std::size_t memory() const noexcept;

  friend INLAY_API bool operator==(const ScoreHistogram& a, const ScoreHistogram& b) noexcept;
  friend bool operator!=(const ScoreHistogram& a, const ScoreHistogram& b) noexcept {
    return !(a == b);
  }

 private:
  // A count is low + 2^31 high; now and then the low ones are brought below 2^31 again.
  struct Page {
    std::array<std::uint32_t, 2 * kPageBins> low{};
    std::unique_ptr<std::array<std::uint32_t, 2 * kPageBins>> high;
    std::unique_ptr<std::array<double, 2 * kPageBins>> weights;
  };

  std::uint64_t count_at(std::size_t page, std::size_t i) const noexcept {
    const Page& at = *pages_[page];
    return at.low[i] + (at.high ? std::uint64_t{(*at.high)[i]} << 31 : 0);
  }
  double weight_at(std::size_t page, std::size_t i, std::uint64_t count) const noexcept {
    const Page& at = *pages_[page];
    return at.weights ? (*at.weights)[i] : static_cast<double>(count);
  }
  static std::unique_ptr<Page> copy_of(const Page& page);
  Page& page_at(std::size_t page);
  static void carry(Page& page);

  ScoreKind kind_;
  bool weighted_ = false;
  std::uint64_t since_carry_ = 0;
  std::vector<std::unique_ptr<Page>> pages_;  // empty until the first row
};

}  // namespace inlay
