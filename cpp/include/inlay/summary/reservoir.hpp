#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <vector>

namespace inlay {

/// A uniform random sample, without replacement, of at most k of the finite doubles it was shown.
///
/// Algorithm L of Li, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))" (1994):
/// once k values are held, the number of values to pass over is drawn, so of a batch only k
/// log(n/k) values in all are looked at, except for one quick pass that finds NaN and infinities.
/// These are counted apart, nulls too, and none of them is ever in the sample.
///
/// Every set of min(k, n) of the n values is equally likely, to the quality of 64-bit random
/// numbers (splitmix64 of Steele, Lea and Flood, 2014). Order within the sample means nothing. All
/// of it follows from k, the seed and the values in turn: it does not depend on how they were split
/// into batches, and, with logarithms of its own, not on the machine.
///
/// Reservoirs that will be merged must have different seeds, since equal ones pick values at equal
/// places of their streams. 8 bytes for each value held. Not safe for concurrent use of one object
/// when any of the uses changes it.
class INLAY_API Reservoir {
 public:
  static constexpr std::uint32_t kMaxSize = std::uint32_t{1} << 24;
  static constexpr std::uint32_t kDefaultSize = 1024;

  /// @throws InvalidArgument if k lies outside 1 to kMaxSize.
  explicit Reservoir(std::uint32_t k = kDefaultSize, std::uint64_t seed = 0);
  /// @throws std::bad_alloc; assign() is the form that does not throw.
  Reservoir(const Reservoir& other);
  Reservoir(Reservoir&& other) noexcept;
  Reservoir& operator=(const Reservoir& other);
  Reservoir& operator=(Reservoir&& other) noexcept;
  ~Reservoir();
  void swap(Reservoir& other) noexcept;

  /// Shows one value. False only when memory ran out; the value is then counted nowhere.
  bool update(double value) noexcept;
  /// Shows `size` values and returns how many were counted; fewer only when memory ran out.
  std::size_t update(const double* values, std::size_t size) noexcept;
  std::size_t update(const float* values, std::size_t size) noexcept;
  void add_nulls(std::uint64_t n) noexcept { null_count_ += n; }

  /// Becomes a sample of what both were shown: how many values come from either side is drawn from
  /// the hypergeometric distribution of their counts (Brown and Haas, "Techniques for warehousing
  /// of sample data", 2006), the values themselves uniformly from either sample. O(k). The draws
  /// are seeded by both states, so that the same merge gives the same sample; merging is
  /// commutative and associative in distribution. False when memory ran out; nothing changed then.
  /// @throws InvalidArgument if k differs and `other` holds but a part of its values, or if the
  /// counts together exceed 2^63 - 1.
  bool merge(const Reservoir& other);
  /// Becomes a copy. False when memory ran out; this object is then unchanged.
  bool assign(const Reservoir& other) noexcept;
  /// Returns to the state it was made in. Memory is kept for the next use unless told otherwise.
  void reset(bool keep_memory = true) noexcept;

  std::uint32_t k() const noexcept { return k_; }
  std::uint64_t seed() const noexcept { return seed_; }
  /// Finite values shown.
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t null_count() const noexcept { return null_count_; }
  std::uint64_t nan_count() const noexcept { return nan_count_; }
  std::uint64_t pos_inf_count() const noexcept { return pos_inf_count_; }
  std::uint64_t neg_inf_count() const noexcept { return neg_inf_count_; }
  /// Values in the sample: the lesser of k() and count().
  std::uint32_t size() const noexcept {
    return count_ < k_ ? static_cast<std::uint32_t>(count_) : k_;
  }
  /// size() values, in no meaningful order. Valid until the reservoir changes.
  const double* data() const noexcept { return sample_; }

  /// Object plus sample, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// Equal states give equal bytes, on every machine.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Reservoir from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// Equal parameters, counts, samples in order, and all later draws.
  friend INLAY_API bool operator==(const Reservoir& a, const Reservoir& b) noexcept;
  friend bool operator!=(const Reservoir& a, const Reservoir& b) noexcept { return !(a == b); }

 private:
  template <class T>
  std::size_t show(const T* values, std::size_t size) noexcept;
  template <class T>
  std::size_t take(const T* values, std::size_t size) noexcept;
  bool reserve(std::size_t size) noexcept;
  void count_apart(double value) noexcept;
  void lower_threshold() noexcept;
  void draw_next() noexcept;

  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;    // once k are held: the place, from 0, of the next one to take
  double log_threshold_ = 0;  // likewise: log of the k-th least of count_ uniform numbers
  std::uint64_t random_ = 0;  // state of the random numbers
  double* sample_ = nullptr;
  std::uint32_t room_ = 0;
  std::uint32_t k_;
  std::uint64_t seed_;
  std::uint64_t null_count_ = 0;
  std::uint64_t nan_count_ = 0;
  std::uint64_t pos_inf_count_ = 0;
  std::uint64_t neg_inf_count_ = 0;
};

}  // namespace inlay
