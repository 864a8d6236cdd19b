#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace inlay {

/// A KLL sketch: quantiles and ranks of a stream from a few hundred of its values.
///
/// Karnin, Lang, Liberty, "Optimal Quantile Approximation in Streams" (FOCS 2016); capacities of
/// levels, constants of the error and bytes are those of Apache DataSketches. A value kept at level
/// h stands for 2^h values; a level that is full is sorted and hands every other value, from a
/// random first one on, to the next level.
///
/// The rank of x is the fraction of values that are <= x (DataSketches' "inclusive"). It is off by
/// at most normalized_rank_error() with a confidence of 99 %: 1.33 % at k = 200, for any order of
/// the values and after any merges. That is an error of rank: how far a quantile's *value* is off
/// depends on how dense the values lie, so in long tails another summary serves better
/// (ExpHistogram). While num_retained() == count() nothing is approximate.
///
/// Departures from DataSketches, all of which only take error away but the last: values are sorted
/// in blocks (256 single ones, 4,096 of an array) that enter the levels by one pick with a stride;
/// the object holds more than its bytes do, and what is too much is compacted when bytes are made;
/// once count() exceeds 4 k^2, arrays of 1,024 values and more are sampled first, a random one of
/// each w <= count() / (2 k^2) neighbours, as the paper's sampler does, which adds at most 3 % to
/// the standard error.
///
/// NaN and both infinities are counted apart and never enter the sketch. Everything is
/// deterministic under a seed, on every machine; the seed is mixed with the values, so that
/// sketches of one seed over different data err independently.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
///
/// T is float or double.
template <class T>
class INLAY_API Kll {
 public:
  static constexpr unsigned kMinK = 8;
  static constexpr unsigned kMaxK = 65535;
  static constexpr unsigned kDefaultK = 200;
  /// The most values a sketch read from bytes, or merged, may count.
  static constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 62;

  /// Allocates nothing.
  /// @throws InvalidArgument if k lies outside kMinK to kMaxK.
  explicit Kll(unsigned k = kDefaultK, std::uint64_t seed = 0);
  /// @throws std::bad_alloc; assign() is the form that does not throw.
  Kll(const Kll& other);
  Kll(Kll&& other) noexcept;
  Kll& operator=(const Kll& other);
  Kll& operator=(Kll&& other) noexcept;
  ~Kll();
  void swap(Kll& other) noexcept;

  /// Counts one value, rounded to T; one beyond T's range counts as infinite. False only when
  /// memory ran out; the value is then counted nowhere.
  bool update(double value) noexcept {
    const T item = static_cast<T>(value);
    if (!(item - item == 0)) {
      count_apart(item);
      return true;
    }
    if (buffered_ == buffer_capacity_ && !make_buffer_space()) return false;
    buffer_[buffered_++] = item;
    if (item < min_) min_ = item;
    if (item > max_) max_ = item;
    return true;
  }
  /// Counts `size` values and returns how many were counted; fewer only when memory ran out.
  std::size_t update(const double* values, std::size_t size) noexcept;
  std::size_t update(const float* values, std::size_t size) noexcept;
  void add_nulls(std::uint64_t n) noexcept { null_count_ += n; }

  /// Adds what `other` counted. False when memory ran out; a part may then have been added, and
  /// count() says how much.
  /// @throws InvalidArgument if the two differ in k, or if their counts exceed kMaxCount.
  bool merge(const Kll& other);
  /// Becomes a copy. False when memory ran out; this object is then unchanged.
  bool assign(const Kll& other) noexcept;
  /// Forgets everything but k. Randomness goes on where it was. Memory is kept for the next use
  /// unless told otherwise.
  void reset(bool keep_memory = true) noexcept;

  unsigned k() const noexcept { return k_; }
  /// The smallest k of all that was merged into this, which only sketches of others can bring.
  unsigned min_k() const noexcept { return min_k_; }
  /// Values in the sketch: the finite ones, and infinite ones in bytes that others wrote.
  std::uint64_t count() const noexcept { return folded_ + buffered_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }

  /// What is counted but not in the sketch, and not in its bytes.
  struct KeptApart {
    std::uint64_t null_count = 0;
    std::uint64_t nan_count = 0;
    std::uint64_t pos_inf_count = 0;
    std::uint64_t neg_inf_count = 0;
  };
  void add_kept_apart(const KeptApart& counts) noexcept;

  /// Exact; nothing without values.
  std::optional<T> min() const noexcept;
  std::optional<T> max() const noexcept;

  /// The smallest kept value whose rank is at least q; 0 gives the smallest value of all, 1 the
  /// largest. Nothing without values.
  /// @throws InvalidArgument if q is not within 0 to 1.
  /// @throws std::bad_alloc
  std::optional<T> quantile(double q) const;
  /// The same for each of `size` values of q, sorting once. Empty without values.
  std::vector<T> quantiles(const double* q, std::size_t size) const;
  /// The estimated fraction of values <= x. Never decreases in x. Nothing without values.
  /// @throws InvalidArgument if x is NaN.
  std::optional<double> rank(double x) const;
  /// rank() of each of `size` increasing points, then 1. Empty without values.
  /// @throws InvalidArgument if a point is NaN or not above the one before.
  std::vector<double> cdf(const double* points, std::size_t size) const;
  /// The estimated fractions of values in (-inf, p0], (p0, p1], …, (p_last, inf). Adds up to 1;
  /// empty without values.
  /// @throws InvalidArgument as cdf().
  std::vector<double> pmf(const double* points, std::size_t size) const;
  /// The values that are kept, in order, each with how many values it and those before it stand
  /// for: the steps of rank(), without the division. Equal values may come more than once.
  std::vector<std::pair<T, std::uint64_t>> cumulative() const;

  /// How far a rank, or if `pmf` the fraction between two points, may be off with a confidence of
  /// 99 %: DataSketches' 2.296 / k^0.9723 and 2.446 / k^0.9433 of min_k().
  double normalized_rank_error(bool pmf) const noexcept { return rank_error(min_k_, pmf); }
  static double rank_error(unsigned k, bool pmf) noexcept;

  /// Values the object holds.
  std::size_t num_retained() const noexcept { return buffered_ + end() - start_[0]; }
  /// Object plus what it allocated, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// Apache DataSketches' compact form, at most 2.7 kB for float, k = 200 and 10^15 values: what
  /// any of its KLL sketches of this type reads. The counts kept apart are not in it. Equal states
  /// give equal bytes, on every machine, and bytes read give the same bytes again if they were
  /// ours.
  std::vector<std::uint8_t> to_bytes() const;
  /// Reads the compact form (serial versions 1 and 2), whoever wrote it. Infinite items are
  /// accepted and stay values; NaN is refused.
  /// @throws SerializationError if the bytes are not a sketch of this type, down to the sum of the
  /// weights, the order of the items and the last byte.
  static Kll from_bytes(const std::uint8_t* bytes, std::size_t size, std::uint64_t seed = 0);

  /// Where randomness stands; as a seed, it starts another sequence that is as good.
  std::uint64_t random_state() const noexcept { return random_; }

  /// Equal bytes and equal counts kept apart: what a reader of both could tell apart.
  template <class U>
  friend bool operator==(const Kll<U>& a, const Kll<U>& b);

 private:
  // 2^60 values a level times k are more than kMaxCount; DataSketches allows as many.
  static constexpr unsigned kMaxLevels = 61;

  struct View;
  unsigned end() const noexcept { return start_[levels_]; }
  unsigned population(unsigned level) const noexcept { return start_[level + 1] - start_[level]; }
  void count_apart(T item) noexcept;
  bool make_buffer_space() noexcept;
  // Unsigned integers that order as the values do.
  using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  template <class Value>
  std::size_t update_all(const Value* values, std::size_t size) noexcept;
  template <class Value>
  bool update_blocks(const Value* values, std::size_t size, Key* memory) noexcept;
  template <class Value>
  std::size_t take_finite(const Value* values, std::size_t size, T* room, const T*& out) noexcept;
  bool append(const T* values, std::size_t size) noexcept;
  bool flush(bool exactly) noexcept;
  bool add_sorted(Key* keys, unsigned size, unsigned level, unsigned steps) noexcept;
  unsigned landing(unsigned size, unsigned level) const noexcept;
  unsigned sampling() const noexcept;
  template <class Item>
  void insert(const Item* items, unsigned size, unsigned level) noexcept;
  bool make_room(unsigned size, unsigned levels) noexcept;
  bool grow(unsigned levels) noexcept;
  void compact(unsigned level) noexcept;
  std::uint64_t draw(T item) noexcept;
  Kll sealed() const;
  View view() const;
  void release() noexcept;

  // What one record touches comes first.
  T* buffer_ = nullptr;  // values of weight 1, unsorted
  std::uint32_t buffered_ = 0;
  std::uint32_t buffer_capacity_ = 0;
  T min_ = std::numeric_limits<T>::infinity();
  T max_ = -std::numeric_limits<T>::infinity();
  std::uint64_t folded_ = 0;  // values that the levels stand for

  // Level h is items_[start_[h]] to items_[start_[h + 1]], sorted; free space lies before all. The
  // last end depends on the number of levels alone, so that memory kept from before changes
  // nothing.
  T* items_ = nullptr;
  std::uint32_t item_capacity_ = 0;
  std::uint64_t random_;
  std::uint32_t k_;
  std::uint32_t min_k_;
  std::uint32_t block_;  // values of a full buffer
  std::uint32_t levels_ = 1;
  std::uint32_t start_[kMaxLevels + 1] = {};
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;
};

template <class T>
INLAY_API bool operator==(const Kll<T>& a, const Kll<T>& b);
template <class T>
bool operator!=(const Kll<T>& a, const Kll<T>& b) {
  return !(a == b);
}

extern template class INLAY_API Kll<float>;
extern template class INLAY_API Kll<double>;
extern template INLAY_API bool operator==(const Kll<float>& a, const Kll<float>& b);
extern template INLAY_API bool operator==(const Kll<double>& a, const Kll<double>& b);

/// The size of the items, 4 or 8, of a sketch in DataSketches' bytes, which do not say it: it
/// follows from their number. 0 if it cannot be told, as of a sketch without values.
INLAY_API std::size_t kll_item_size(const std::uint8_t* bytes, std::size_t size) noexcept;

}  // namespace inlay
