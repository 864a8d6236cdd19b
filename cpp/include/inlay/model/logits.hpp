#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/moments.hpp>
#include <limits>
#include <vector>

namespace inlay {

/// Why a row of logits has no softmax.
enum class LogitsUndefined : std::uint8_t {
  kDefined,
  kMasked,     // every entry is masked
  kNotFinite,  // an entry that is not masked is NaN or +infinity
};

/// What a row's chosen token was.
enum class LogitsChosen : std::uint8_t {
  kNone,        // none was given: a negative id, or no ids at all
  kGiven,       // an id within the row
  kOutOfRange,  // an id beyond the row
};

/// What one row of logits comes to. What is undefined is NaN, and rank 0.
struct INLAY_API LogitsRow {
  static constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

  float entropy = kNone;   ///< of the softmax, in nats
  float top1 = kNone;      ///< its largest probability
  float top2 = kNone;      ///< its second largest; 0 where only one entry is not masked
  float margin = kNone;    ///< top1 - top2
  float log_prob = kNone;  ///< of the chosen token, in nats; -infinity where it is masked
  std::uint32_t rank = 0;  ///< 1 + the number of entries above the chosen token's
  std::uint32_t masked = 0;
  std::uint32_t nonfinite = 0;
  LogitsUndefined undefined = LogitsUndefined::kDefined;
  LogitsChosen chosen = LogitsChosen::kNone;
};

enum class LogitsElement : std::uint8_t { kF32, kF64, kF16, kBF16 };

/// Rows of logits as they lie in memory. Strides are in elements, of any sign, 0 included.
struct INLAY_API LogitsBatch {
  const void* data = nullptr;
  LogitsElement element = LogitsElement::kF32;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 1;
  /// One token id a row, or null.
  const std::int64_t* chosen = nullptr;
  /// 0 where an entry is masked, or null.
  const std::uint8_t* mask = nullptr;
  std::ptrdiff_t mask_row_stride = 0;
  std::ptrdiff_t mask_column_stride = 1;
};

/// Distributions of what rows of logits say of a model's certainty: entropy, the two largest
/// probabilities and their margin, log-probability and rank of the chosen token.
///
/// An entry is masked where the mask is 0 or it is -infinity; a masked entry has probability 0
/// and is counted. A row whose entries are all masked, or of which an entry that is not masked is
/// NaN or +infinity, is undefined: it is counted, its entries too, and it enters no distribution.
/// Equal entries share a rank, the best of them.
///
/// A row is read once, in blocks; with m the largest entry so far, sums of exp(x - m) and of
/// (x - m) exp(x - m) are kept and rescaled where m rises (Milakov and Gimelshein, 2018). Terms are
/// floats, summed in 16 lanes over a block of 2,048 entries and in doubles beyond; the largest
/// entry's own term stays out, so that the entropy of a nearly certain row keeps its relative
/// precision. Results are floats, the same on every instruction set and for any number of threads.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API Logits {
 public:
  /// In the order of the members below.
  enum Statistic : std::size_t { kEntropy, kTop1, kTop2, kMargin, kLogProb, kRank };
  static constexpr std::size_t kStatistics = 6;
  static constexpr std::size_t kMaxColumns = std::size_t{1} << 31;

  /// @throws InvalidArgument if scale lies outside ExpHistogram's.
  explicit Logits(int scale = ExpHistogram::kDefaultScale);

  /// Reads a batch, by up to `threads` threads (0: as many as there are cores) that share out its
  /// rows, and writes what each row comes to, in order, where `out` is given.
  /// @throws InvalidArgument if there are over 2^31 - 1 columns.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void update(const LogitsBatch& batch, unsigned threads = 1, LogitsRow* out = nullptr);

  /// Counts rows as update() found them.
  /// @throws std::bad_alloc; a part of the rows may then have been counted.
  void add(const LogitsRow* rows, std::size_t size, std::size_t columns);

  /// @throws std::bad_alloc; a part may then have been added.
  void merge(const Logits& other);
  void reset() noexcept;

  /// The scale asked for.
  int scale() const noexcept { return scale_; }
  std::uint64_t rows() const noexcept { return rows_; }
  /// Rows that entered no distribution, and of these the ones whose every entry is masked.
  std::uint64_t undefined_rows() const noexcept { return masked_rows_ + nonfinite_rows_; }
  std::uint64_t masked_rows() const noexcept { return masked_rows_; }
  std::uint64_t nonfinite_rows() const noexcept { return nonfinite_rows_; }
  /// Entries, of all rows: NaN and +infinity that are not masked; masked ones.
  std::uint64_t entries() const noexcept { return entries_; }
  std::uint64_t nonfinite_count() const noexcept { return nonfinite_count_; }
  std::uint64_t masked_count() const noexcept { return masked_count_; }
  /// Rows whose token id was within the row, and beyond it.
  std::uint64_t chosen_rows() const noexcept { return chosen_rows_; }
  std::uint64_t out_of_range_rows() const noexcept { return out_of_range_rows_; }

  const Moments& moments(std::size_t statistic) const { return moments_[statistic]; }
  const ExpHistogram& histogram(std::size_t statistic) const { return histograms_[statistic]; }

  /// All that is held, for what was counted elsewhere.
  struct Fields {
    int scale = ExpHistogram::kDefaultScale;
    std::uint64_t rows = 0;
    std::uint64_t masked_rows = 0;
    std::uint64_t nonfinite_rows = 0;
    std::uint64_t entries = 0;
    std::uint64_t nonfinite_count = 0;
    std::uint64_t masked_count = 0;
    std::uint64_t chosen_rows = 0;
    std::uint64_t out_of_range_rows = 0;
    std::array<Moments, kStatistics> moments;
    std::array<ExpHistogram, kStatistics> histograms;
  };
  /// @throws InvalidArgument if the fields contradict one another.
  static Logits from_fields(Fields fields);

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Logits from_bytes(const std::uint8_t* bytes, std::size_t size);

  friend INLAY_API bool operator==(const Logits& a, const Logits& b) noexcept;
  friend bool operator!=(const Logits& a, const Logits& b) noexcept { return !(a == b); }

 private:
  int scale_;
  std::uint64_t rows_ = 0;
  std::uint64_t masked_rows_ = 0;
  std::uint64_t nonfinite_rows_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t nonfinite_count_ = 0;
  std::uint64_t masked_count_ = 0;
  std::uint64_t chosen_rows_ = 0;
  std::uint64_t out_of_range_rows_ = 0;
  std::array<Moments, kStatistics> moments_;
  std::array<ExpHistogram, kStatistics> histograms_;
};

}  // namespace inlay
