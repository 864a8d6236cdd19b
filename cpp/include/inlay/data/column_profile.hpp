#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/data/exact_integer.hpp>
#include <inlay/data/leaf_kind.hpp>
#include <inlay/data/time_coverage.hpp>
#include <inlay/export.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/hll.hpp>
#include <inlay/summary/kll.hpp>
#include <inlay/summary/moments.hpp>
#include <inlay/summary/top_k.hpp>
#include <optional>
#include <string>
#include <vector>

namespace inlay {

namespace detail {
struct Leaf;
struct ColumnAccess;
}  // namespace detail

/// How fine the summaries of a profile are.
struct ProfileOptions {
  unsigned k = Kll<double>::kDefaultK;
  int lg_k = Hll::kDefaultLgK;
  std::uint32_t top = 256;         ///< counters of frequent texts
  std::uint32_t numeric_top = 64;  ///< of frequent numbers
  int scale = ExpHistogram::kDefaultScale;

  friend bool operator==(const ProfileOptions& a, const ProfileOptions& b) noexcept {
    return a.k == b.k && a.lg_k == b.lg_k && a.top == b.top && a.numeric_top == b.numeric_top &&
           a.scale == b.scale;
  }
  friend bool operator!=(const ProfileOptions& a, const ProfileOptions& b) noexcept {
    return !(a == b);
  }
};

/// What is known of one leaf of a table: counts, and the summaries that its kind has.
///
/// Every kind but null and list has a distinct count; all of those but binary have frequent items.
/// * boolean: moments of 0 and 1;
/// * integer, unsigned: moments, histogram, quantiles as doubles; exact minimum, maximum and sum;
/// * float: moments, histogram, quantiles of floats or doubles as stored;
/// * decimal: moments, histogram and quantiles of the nearest doubles; exact minimum, maximum, sum;
///   frequent items as text;
/// * date, time, timestamp: moments and quantiles of units; exact minimum and maximum;
/// * duration: moments, histogram and quantiles of units; exact minimum, maximum and sum;
/// * list: moments, those of the lengths.
///
/// Text, binary and list also have moments and a histogram of their lengths: code points of valid
/// UTF-8, bytes, items. Exact minima, maxima and sums are of integers, of unscaled decimals, or of
/// units. Frequent texts are told apart by all their bytes; one of more than kLongText bytes stands
/// in the list as its first bytes, "…" and the 32 hexadecimal digits of its MurmurHash3. Invalid
/// UTF-8 is counted, and is an item by its bytes, but has no length.
///
/// A row is null, refers to no entry of its dictionary, or is a value. Nulls of a struct are nulls
/// of its fields; the rows of list items are the items of the lists that are not null.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API ColumnProfile {
 public:
  static constexpr std::size_t kLongText = 256;
  /// Extreme texts are kept up to so many bytes.
  static constexpr std::size_t kExtremeText = 64;

  const std::string& path() const noexcept { return path_; }
  LeafKind kind() const noexcept { return kind_; }
  /// The type by name, as in the schema that the profile was made with.
  const std::string& type() const noexcept { return type_; }
  /// "D", "s", "ms", "us" or "ns"; null for what is not temporal.
  const char* unit() const noexcept;
  const std::string& timezone() const noexcept { return timezone_; }
  /// Of decimals, else 0.
  int precision() const noexcept { return precision_; }
  int scale() const noexcept { return scale_; }

  std::uint64_t rows() const noexcept { return rows_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t invalid_index_count() const noexcept { return invalid_index_count_; }
  std::uint64_t nan_count() const noexcept { return moments_ ? moments_->nan_count() : 0; }
  std::uint64_t pos_inf_count() const noexcept { return moments_ ? moments_->pos_inf_count() : 0; }
  std::uint64_t neg_inf_count() const noexcept { return moments_ ? moments_->neg_inf_count() : 0; }
  /// Numbers that are zero; of booleans, those that are false.
  std::uint64_t zero_count() const noexcept { return moments_ ? moments_->zero_count() : 0; }
  /// Texts, bytes or lists without content.
  std::uint64_t empty_count() const noexcept { return empty_count_; }
  std::uint64_t invalid_utf8_count() const noexcept { return invalid_utf8_count_; }

  // Null where the kind has none. They count nulls as well.
  const Moments* moments() const noexcept {
    return pointer(kind_ == LeafKind::kList ? lengths_ : moments_);
  }
  const ExpHistogram* histogram() const noexcept { return pointer(histogram_); }
  const Kll<float>* float_quantiles() const noexcept { return pointer(float_quantiles_); }
  const Kll<double>* quantiles() const noexcept { return pointer(quantiles_); }
  const Hll* cardinality() const noexcept { return pointer(cardinality_); }
  const TopK* top_k() const noexcept { return pointer(top_k_); }
  const Moments* lengths() const noexcept { return pointer(lengths_); }
  const ExpHistogram* length_histogram() const noexcept { return pointer(length_histogram_); }
  /// Of dates and timestamps.
  const TimeCoverage* coverage() const noexcept { return pointer(coverage_); }

  /// Nothing without values, or where the kind has none.
  std::optional<ExactInteger> exact_min() const noexcept;
  std::optional<ExactInteger> exact_max() const noexcept;
  std::optional<ExactInteger> exact_sum() const noexcept;
  /// Whether the sum left 256 bits. It is undefined then, for good.
  bool sum_overflowed() const noexcept { return sum_overflowed_; }

  /// A text or bytes, cut at kExtremeText bytes. Texts that begin alike are ordered by whether
  /// they were cut.
  struct Extreme {
    std::string bytes;
    bool truncated = false;

    friend bool operator==(const Extreme& a, const Extreme& b) noexcept {
      return a.truncated == b.truncated && a.bytes == b.bytes;
    }
    friend bool operator<(const Extreme& a, const Extreme& b) noexcept {
      const int order = a.bytes.compare(b.bytes);
      return order != 0 ? order < 0 : a.truncated < b.truncated;
    }
  };
  /// The smallest and the largest by bytes; null without values.
  const Extreme* min_text() const noexcept { return pointer(min_text_); }
  const Extreme* max_text() const noexcept { return pointer(max_text_); }

  /// Whether each date, time or timestamp is at least the one before it, nulls passed over; rows of
  /// a profile merged into this one come after its own. Nothing for other kinds.
  std::optional<bool> ordered() const noexcept;
  /// How many are less than the one before.
  std::uint64_t steps_back() const noexcept { return steps_back_; }

  /// Object and all it holds, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// Equal names, counts and summaries.
  friend INLAY_API bool operator==(const ColumnProfile& a, const ColumnProfile& b);
  friend bool operator!=(const ColumnProfile& a, const ColumnProfile& b) { return !(a == b); }

 private:
  friend struct detail::ColumnAccess;

  ColumnProfile() = default;
  template <class T>
  static const T* pointer(const std::optional<T>& member) noexcept {
    return member ? &*member : nullptr;
  }

  std::string path_;
  std::string type_;
  std::string timezone_;
  LeafKind kind_ = LeafKind::kNull;
  char unit_ = 0;
  bool single_ = false;  // floats of 32 bits or fewer
  int precision_ = 0;
  int scale_ = 0;

  std::uint64_t rows_ = 0;
  std::uint64_t null_count_ = 0;
  std::uint64_t invalid_index_count_ = 0;
  std::uint64_t empty_count_ = 0;
  std::uint64_t invalid_utf8_count_ = 0;

  std::optional<Moments> moments_;
  std::optional<ExpHistogram> histogram_;
  std::optional<Kll<float>> float_quantiles_;
  std::optional<Kll<double>> quantiles_;
  std::optional<Hll> cardinality_;
  std::optional<TopK> top_k_;
  std::optional<Moments> lengths_;
  std::optional<ExpHistogram> length_histogram_;
  std::optional<TimeCoverage> coverage_;

  bool has_exact_ = false;  // a minimum and a maximum
  bool sum_overflowed_ = false;
  ExactInteger exact_min_;
  ExactInteger exact_max_;
  ExactInteger exact_sum_;

  std::optional<Extreme> min_text_;
  std::optional<Extreme> max_text_;

  bool has_order_ = false;  // a first and a last point
  std::int64_t first_point_ = 0;
  std::int64_t last_point_ = 0;
  std::uint64_t steps_back_ = 0;
};

}  // namespace inlay
