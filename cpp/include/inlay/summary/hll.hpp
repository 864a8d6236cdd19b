#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <string_view>
#include <type_traits>
#include <vector>

namespace inlay {

/// How many different items a stream holds, from 2^lg_k registers: HyperLogLog (Flajolet, Fusy,
/// Gandouet and Meunier, 2007) over the same hash, and in the same bytes, as Apache DataSketches'
/// HLL sketch.
///
/// Up to a limit (3/4 of 2^(lg_k-3) from lg_k 8 on, 7 items below) the sketch is *sparse*: it keeps
/// each item's coupon, 26 bits of its hash and the number of leading zeros of 64 more, and the
/// estimate is exact but for coupons that coincide, about n^2 / 4e8 of n items. Beyond it keeps
/// registers alone, and estimate() is Ertl's improved raw estimator ("New cardinality estimation
/// algorithms for HyperLogLog sketches", 2017, algorithm 6) without the bias of few registers that
/// Flajolet et al. give: its relative standard error is at most relative_error(), 1.62 % at the
/// default 12. Its logarithm is nearly normal, so that 68.3, 95.4 and 99.7 of 100 true numbers lie
/// within the bounds of 1, 2 and 3 deviations (simulated for 16 registers and more).
///
/// The state, and with it the estimate, is a function of the set of items and of the smallest lg_k
/// that took part: order, repeats and how items were split do not matter. Merging is commutative,
/// associative and idempotent bit for bit, and all instruction sets make the same registers.
///
/// Items are hashed by MurmurHash3 x64-128 with the seed 9001: integers and booleans (0 and 1) as
/// eight little-endian bytes, doubles likewise with one zero, texts as their bytes. So an integer
/// and the double of the same value are different items unless both are zero, a boolean and its
/// integer are the same, and so are a negative int64 and the uint64 of the same bits. The empty
/// text is an item like any other; DataSketches passes over it. NaN and both infinities are counted
/// apart, like nulls, and never enter the state.
///
/// Beside the state run counts of what was offered, repeats included; they add up in merges, and
/// neither bytes nor equality know them.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
class INLAY_API Hll {
 public:
  static constexpr int kMinLgK = 4;
  static constexpr int kMaxLgK = 21;
  static constexpr int kDefaultLgK = 12;

  /// @throws InvalidArgument if lg_k lies outside kMinLgK to kMaxLgK.
  explicit Hll(int lg_k = kDefaultLgK);
  /// @throws std::bad_alloc; assign() is the form that does not throw.
  Hll(const Hll& other);
  Hll(Hll&& other) noexcept;
  Hll& operator=(const Hll& other);
  Hll& operator=(Hll&& other) noexcept;
  ~Hll();
  void swap(Hll& other) noexcept;

  /// Adds one item. False only when memory ran out; the item is then counted nowhere.
  bool update(std::int64_t item) noexcept;
  bool update(std::uint64_t item) noexcept { return update(static_cast<std::int64_t>(item)); }
  bool update(double item) noexcept;
  bool update(bool item) noexcept { return update(std::int64_t{item ? 1 : 0}); }
  bool update(std::string_view item) noexcept;
  /// Else a pointer would be taken for a bool.
  bool update(const char* item) noexcept { return update(std::string_view(item)); }
  /// Integers of other widths, as the int64_t or uint64_t of the same value.
  template <class T, std::enable_if_t<std::is_integral<T>::value, int> = 0>
  bool update(T item) noexcept {
    return update(static_cast<std::int64_t>(item));
  }

  /// Adds `size` items and returns how many were counted; fewer only when memory ran out.
  std::size_t update(const std::int64_t* items, std::size_t size) noexcept;
  std::size_t update(const std::uint64_t* items, std::size_t size) noexcept;
  std::size_t update(const double* items, std::size_t size) noexcept;
  std::size_t update(const bool* items, std::size_t size) noexcept;
  std::size_t update(const std::string_view* items, std::size_t size) noexcept;

  void add_nulls(std::uint64_t n) noexcept { counts_.nulls += n; }
  /// Counts further occurrences of items that were added.
  void add_repeats(std::uint64_t n) noexcept { counts_.items += n; }

  /// Adds what `other` holds. Of two lg_k the smaller remains, exactly: the result is as if both
  /// had been made with it. False when memory ran out; nothing was added then.
  bool merge(const Hll& other) noexcept;
  /// Becomes a copy. False when memory ran out; this object is then unchanged.
  bool assign(const Hll& other) noexcept;
  /// Forgets everything but the present lg_k. Memory is kept for the next use unless told
  /// otherwise.
  void reset(bool keep_memory = true) noexcept;
  /// Becomes what the sketch would be had it been made with a smaller lg_k.
  /// @throws InvalidArgument if lg_k is below kMinLgK or above lg_k(); std::bad_alloc.
  void fold_to(int lg_k);

  int lg_k() const noexcept { return lg_k_; }
  /// Whether coupons are kept rather than registers.
  bool is_sparse() const noexcept { return !dense_; }
  /// Whether no item was added.
  bool empty() const noexcept { return !dense_ && size_ == 0; }

  /// The number of different items: 0 for an empty sketch, a whole number for a sparse one.
  /// Infinite if all registers are at their highest, which bytes can hold but no stream reaches.
  double estimate() const noexcept;
  /// Bounds that hold with the confidence of 1, 2 or 3 standard deviations of a normal variable:
  /// 68.3, 95.4 or 99.7 %. The estimate times or over exp(deviations * relative_error()) for
  /// registers, what coincident coupons can hide for a sparse sketch; never below the items that
  /// were there for certain.
  /// @throws InvalidArgument if `deviations` is not 1, 2 or 3.
  double lower_bound(int deviations) const;
  double upper_bound(int deviations) const;
  /// The relative standard error of a large estimate: 1.039 (1 + 1/m) / sqrt(m), m = 2^lg_k.
  double relative_error() const noexcept;

  /// What was offered, repeats included.
  struct Counts {
    std::uint64_t items = 0;
    std::uint64_t nulls = 0;
    std::uint64_t nans = 0;
    std::uint64_t pos_infs = 0;
    std::uint64_t neg_infs = 0;
  };
  const Counts& counts() const noexcept { return counts_; }
  /// False if a part came from bytes without its counts.
  bool counts_complete() const noexcept { return counts_complete_; }

  /// Object plus coupons or registers, in bytes.
  std::size_t memory_bytes() const noexcept;

  /// An image of Apache DataSketches' HLL sketch, serial version 1: compact and of type HLL_8,
  /// coupons in ascending order, registers marked as out of order (the estimate is not historic).
  /// Equal states give equal bytes. The counts are left out.
  std::vector<std::uint8_t> to_bytes() const;
  /// Reads such an image of any type (HLL_4, HLL_6, HLL_8), compact or updatable. Sums that follow
  /// from the registers are computed anew, not believed.
  /// @throws SerializationError if the bytes are no such image, or of another version.
  static Hll from_bytes(const std::uint8_t* bytes, std::size_t size);
  /// The same with the counts that belong to the bytes.
  /// @throws InvalidArgument if a count is 2^63 or more.
  static Hll from_bytes(const std::uint8_t* bytes, std::size_t size, const Counts& counts);

  /// A sketch of 2^lg_k registers that were found elsewhere, on another device for instance, from
  /// more different items than a sparse sketch keeps.
  /// @throws InvalidArgument if lg_k is out of range or a register above 63; std::bad_alloc.
  static Hll from_registers(int lg_k, const std::uint8_t* registers, const Counts& counts);
  /// A sketch of coupons that were found elsewhere; repeats do no harm.
  /// @throws InvalidArgument if lg_k is out of range or a coupon has no value; std::bad_alloc.
  static Hll from_coupons(int lg_k, const std::uint32_t* coupons, std::size_t size,
                          const Counts& counts);

  /// Equal lg_k and equal coupons or registers.
  friend INLAY_API bool operator==(const Hll& a, const Hll& b) noexcept;
  friend bool operator!=(const Hll& a, const Hll& b) noexcept { return !(a == b); }

 private:
  template <class F>
  void for_each_coupon(F&& f) const;
  bool add(std::uint32_t coupon) noexcept;
  bool add_sparse(std::uint32_t coupon) noexcept;
  std::size_t add_all(const std::uint32_t* coupons, std::size_t size) noexcept;
  void raise(const std::uint32_t* coupons, std::size_t size) noexcept;
  void find_floor() noexcept;
  bool grow() noexcept;
  bool have_registers(int lg_k) noexcept;
  bool make_dense() noexcept;
  bool fold(int lg_k) noexcept;
  void release() noexcept;
  std::size_t update_words(const std::uint64_t* words, std::size_t size) noexcept;

  std::uint8_t* registers_ = nullptr;  // 2^lg_registers_ bytes, more than needed after folding
  std::uint32_t* coupons_ = nullptr;   // open addressing in 2^lg_coupons_ entries, 0 is free
  std::uint32_t size_ = 0;  // coupons in use, or how many went to registers since floor_ was found
  std::uint8_t lg_k_;
  std::uint8_t lg_registers_ = 0;
  std::uint8_t lg_coupons_ = 0;
  std::uint8_t floor_ = 0;  // no register is lower: hashes not above it are passed over
  bool dense_ = false;
  bool counts_complete_ = true;
  Counts counts_;
};

}  // namespace inlay
