#pragma once

#include <bit>
#include <inlay/data/check_plan.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/block.hpp"
#include "data/key_set.hpp"

namespace inlay::detail {

/// A double as the key of its value: zeros are one value, and so are NaNs.
inline std::uint64_t key_of_real(double value) noexcept {
  if (value != value) return 0x7FF8000000000000U;
  return std::bit_cast<std::uint64_t>(value + 0.0);
}

/// The values that a set rule names, for one type of column. Few numbers are compared with one by
/// one, in vectors; more, and texts, are looked up. Immutable once made.
class ValueSet {
 public:
  ValueSet(const LeafType& type, const std::vector<CheckValue>& values);

  /// Sets the bit of each row whose value is none of them. Rows that are not there get any bit.
  void absent(const Block& block, std::uint64_t* out) const noexcept;
  bool has_length_of(std::string_view text) const noexcept {
    return (lengths_ >> length_bit(text) & 1) != 0;
  }
  bool contains(std::string_view text, const Key128& key) const noexcept {
    for (std::size_t at = spread_(key) >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.key == Key128{}) return false;
      if (!(slot.key == key)) continue;
      if (text.size() <= Key128::kShort || slot.text == text) return true;
    }
  }

 private:
  static constexpr std::size_t kFew = 16;

  /// A text and its key; the key all zero if there is none.
  struct Slot {
    Key128 key;
    std::string text;
  };

  static unsigned length_bit(std::string_view text) noexcept {
    return text.size() < 63 ? static_cast<unsigned>(text.size()) : 63;
  }

  void add_texts(const std::vector<CheckValue>& values);

  bool has_nan_ = false;
  bool looked_up_ = false;
  std::vector<double> reals_;
  std::vector<std::int64_t> wholes_;
  std::vector<std::int32_t> narrow_;
  std::vector<Wide256> wides_;  // sorted
  KeySet<std::uint64_t> words_;
  std::vector<Slot> slots_;    // at most a quarter full
  std::uint64_t lengths_ = 0;  // bit i if there are texts of i bytes; bit 63 stands for more too
  int shift_ = 0;
  KeySpread spread_;
};

/// Sets the bit of each row for which f(row) holds.
template <class F>
void write_row_bits(std::size_t size, std::uint64_t* out, F&& f) noexcept {
  for (std::size_t at = 0; at < size; at += 64) {
    const std::size_t end = size - at < 64 ? size - at : 64;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < end; ++i) word |= std::uint64_t{f(at + i) ? 1U : 0U} << i;
    out[at / 64] = word;
  }
}

}  // namespace inlay::detail
