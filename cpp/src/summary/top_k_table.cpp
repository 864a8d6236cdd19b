#include "summary/top_k_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace inlay::detail {

std::uint32_t TopKTable::find(const Key& key) const noexcept {
  if (size_ == 0) return 0;
  const std::uint32_t wanted = entry_of(key.kind, key.hash);
  for (std::size_t slot = key.hash & mask_;; slot = (slot + 1) & mask_) {
    const std::uint32_t entry = index_[slot];
    if (entry == 0) return 0;
    if ((entry ^ wanted) >> kPositionBits != 0) continue;
    const std::uint32_t at = entry & kPositionMask;
    if (keys_[at] != key.bits) continue;
    if (key.kind != Kind::kText || text(at) == key.text) return at;
  }
}

void TopKTable::place(std::uint32_t at) noexcept {
  const std::uint64_t hash = hash_of(kind(at), keys_[at]);
  std::size_t slot = hash & mask_;
  while (index_[slot] != 0) slot = (slot + 1) & mask_;
  index_[slot] = entry_of(kind(at), hash) | at;
}

bool TopKTable::insert(const Key& key, std::uint64_t high, std::uint64_t error) noexcept {
  if (size_ == room() && !reserve(std::size_t{size_} + 1)) return false;
  const bool is_text = key.kind == Kind::kText;
  if (is_text) {
    if (texts_.size() < keys_.size() && !texts_.resize(keys_.size())) return false;
    if (!reserve_text(text_bytes_ + key.text.size())) return false;
  }
  const std::uint32_t at = ++size_;
  keys_[at] = key.bits;
  highs_[at] = high;
  errors_[at] = error;
  kinds_[at] = static_cast<std::uint8_t>(key.kind);
  if (is_text) {
    texts_[at] = {text_bytes_, key.text.size()};
    if (!key.text.empty()) {
      std::memcpy(arena_.data() + text_bytes_, key.text.data(), key.text.size());
    }
    text_bytes_ += key.text.size();
  }
  std::size_t slot = key.hash & mask_;
  while (index_[slot] != 0) slot = (slot + 1) & mask_;
  index_[slot] = entry_of(key.kind, key.hash) | at;
  return true;
}

// What purges took from both counters is in max_error_ once more than it is from one: the higher
// bound of the sum is less by that, and the lower one no more, so that the invariant of all
// counters' weights holds on.
bool TopKTable::join(const Key& key, std::uint64_t high, std::uint64_t error) noexcept {
  const std::uint32_t at = find(key);
  if (at == 0) return insert(key, high, error);
  const std::uint64_t low = highs_[at] - errors_[at] + high - error;
  highs_[at] += high - max_error_;
  errors_[at] = highs_[at] - std::min(low, highs_[at]);
  return true;
}

// No branch depends on whether an item is found, which no processor can foresee.
void TopKTable::count_found(Kind kind, const std::uint64_t* keys, std::size_t size,
                            const std::uint64_t* weights, Missed& missed) noexcept {
  std::size_t missing = 0;
  if (size_ == 0) {
    for (; missing < size; ++missing) {
      missed.places[missing] = static_cast<std::uint16_t>(missing);
      missed.hashes[missing] = hash_of(kind, keys[missing]);
    }
    missed.size = missing;
    return;
  }
  const std::uint32_t* index = index_.data();
  const std::uint64_t* held = keys_.data();
  std::uint64_t* highs = highs_.data();
  const std::size_t mask = mask_;
  const auto pass = [&](auto weight_at) {
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t hash = hash_of(kind, keys[i]);
      const std::uint32_t entry = index[hash & mask];
      const std::uint32_t at = entry & kPositionMask;
      const bool same = (entry ^ entry_of(kind, hash)) >> kPositionBits == 0;
      const auto found = static_cast<std::uint64_t>(static_cast<unsigned>(same) &
                                                    static_cast<unsigned>(held[at] == keys[i]));
      highs[at] += weight_at(i) & (std::uint64_t{0} - found);
      missed.places[missing] = static_cast<std::uint16_t>(i);
      missed.hashes[i] = hash;
      missing += 1 - found;
    }
  };
  if (weights == nullptr) {
    pass([](std::size_t) { return std::uint64_t{1}; });
  } else {
    pass([weights](std::size_t i) { return weights[i]; });
  }
  missed.size = missing;
}

// The value of rank `rank` among high - max_error, 1 being the largest.
std::uint64_t TopKTable::select(std::uint32_t rank) const noexcept {
  const std::uint64_t* highs = highs_.data() + 1;
  // Mostly it is small, and one pass counts the small ones.
  constexpr std::uint64_t kSmall = 255;
  std::uint32_t histogram[4][kSmall + 1] = {};
  for (std::uint32_t i = 0; i < size_; ++i) {
    const std::uint64_t value = highs[i] - max_error_;
    ++histogram[i % 4][value < kSmall ? value : kSmall];  // equal ones do not wait for each other
  }
  std::uint32_t left = size_ - rank;  // smaller ones to pass over
  for (std::uint64_t value = 0; value < kSmall; ++value) {
    const std::uint32_t here =
        histogram[0][value] + histogram[1][value] + histogram[2][value] + histogram[3][value];
    if (left < here) return value;
    left -= here;
  }
  // Else byte by byte from the top, among the values that share what is known.
  left = size_ - rank;
  std::uint64_t most = 0;
  for (std::uint32_t i = 0; i < size_; ++i) most |= highs[i] - max_error_;
  std::uint64_t known = 0;
  for (int shift = (64 - std::countl_zero(most) - 1) / 8 * 8; shift >= 0; shift -= 8) {
    std::uint32_t counts[256] = {};
    const std::uint64_t above = shift == 56 ? 0 : ~std::uint64_t{0} << (shift + 8);
    for (std::uint32_t i = 0; i < size_; ++i) {
      const std::uint64_t value = highs[i] - max_error_;
      if ((value & above) == known) ++counts[(value >> shift) & 255];
    }
    std::uint64_t byte = 0;
    for (; left >= counts[byte]; ++byte) left -= counts[byte];
    known |= byte << shift;
  }
  return known;
}

void TopKTable::raise_error(std::uint64_t by) noexcept {
  max_error_ += by;
  std::uint32_t kept = 0;
  const std::uint64_t error = max_error_;
  if (texts_.size() == 0) {
    for (std::uint32_t i = 1; i <= size_; ++i) {
      const std::uint64_t high = highs_[i];
      keys_[kept + 1] = keys_[i];
      highs_[kept + 1] = high;
      errors_[kept + 1] = errors_[i];
      kinds_[kept + 1] = kinds_[i];
      kept += high > error ? 1U : 0U;
    }
  } else {
    std::size_t bytes = 0;
    for (std::uint32_t i = 1; i <= size_; ++i) {
      if (highs_[i] <= error) continue;
      ++kept;
      keys_[kept] = keys_[i];
      highs_[kept] = highs_[i];
      errors_[kept] = errors_[i];
      kinds_[kept] = kinds_[i];
      if (kind(kept) != Kind::kText) continue;
      const Text text = texts_[i];  // the same order as the counters, so it only moves down
      if (text.size != 0)
        std::memmove(arena_.data() + bytes, arena_.data() + text.offset, text.size);
      texts_[kept] = {bytes, text.size};
      bytes += text.size;
    }
    text_bytes_ = bytes;
  }
  size_ = kept;
  rebuild_index();
}

void TopKTable::rebuild_index() noexcept {
  std::memset(index_.data(), 0, index_.bytes());
  for (std::uint32_t at = 1; at <= size_; ++at) place(at);
}

bool TopKTable::reserve(std::size_t counters) noexcept {
  if (counters <= room()) return true;
  std::size_t room_wanted = room() == 0 ? kFirstRoom : room();
  while (room_wanted < counters) room_wanted *= 2;
  // Neither beyond what the owner will ever ask for.
  return resize(std::min(room_wanted, std::max(counters, limit_)));
}

// All arrays grow first, so that a lack of memory leaves a table that works.
bool TopKTable::resize(std::size_t room) noexcept {
  // Room is one more than the capacity, for the counter at which a purge begins.
  const std::size_t slots = kSlots * std::bit_ceil(room < 2 ? 1 : room - 1);
  NothrowArray<std::uint32_t> index;
  if (!index.resize(slots)) return false;
  const bool grown = errors_.resize(room + 1) && highs_.resize(room + 1) &&
                     kinds_.resize(room + 1) && (texts_.size() == 0 || texts_.resize(room + 1)) &&
                     keys_.resize(room + 1);
  if (!grown) return false;  // keys_ tell the room, and they are the last
  index_.swap(index);
  mask_ = slots - 1;
  rebuild_index();
  return true;
}

void TopKTable::shrink() noexcept {
  if (room() <= limit_) return;
  TopKTable smaller(limit_);
  if (!smaller.assign(*this)) return;
  keys_.swap(smaller.keys_);
  highs_.swap(smaller.highs_);
  errors_.swap(smaller.errors_);
  kinds_.swap(smaller.kinds_);
  texts_.swap(smaller.texts_);
  index_.swap(smaller.index_);
  arena_.swap(smaller.arena_);
  mask_ = smaller.mask_;
}

bool TopKTable::reserve_text(std::size_t bytes) noexcept {
  if (bytes <= arena_.size()) return true;
  std::size_t wanted = arena_.size() < 256 ? 256 : arena_.size() * 2;
  if (wanted < bytes) wanted = bytes;
  return arena_.resize(wanted);
}

void TopKTable::clear() noexcept {
  size_ = 0;
  max_error_ = 0;
  text_bytes_ = 0;
  if (index_.size() != 0) std::memset(index_.data(), 0, index_.bytes());
}

bool TopKTable::assign(const TopKTable& other) noexcept {
  clear();
  if (!reserve(other.size_)) return false;
  if (other.text_bytes_ != 0 && !reserve_text(other.text_bytes_)) return false;
  max_error_ = other.max_error_;
  for (std::uint32_t at = 1; at <= other.size_; ++at) {
    if (!insert(other.key(at), other.highs_[at], other.errors_[at])) return false;
  }
  return true;
}

bool TopKTable::add(const TopKTable& a, const TopKTable& b) noexcept {
  if (!reserve(std::size_t{a.size_} + b.size_)) return false;
  max_error_ = a.max_error_ + b.max_error_;
  for (std::uint32_t at = 1; at <= a.size_; ++at) {
    if (!insert(a.key(at), a.highs_[at] + b.max_error_, a.errors_[at] + b.max_error_)) return false;
  }
  for (std::uint32_t at = 1; at <= b.size_; ++at) {
    const Key key = b.key(at);
    const std::uint32_t both = a.find(key);  // and sits at the same position here
    if (both == 0) {
      if (!insert(key, b.highs_[at] + a.max_error_, b.errors_[at] + a.max_error_)) return false;
    } else {
      highs_[both] = a.highs_[both] + b.highs_[at];
      errors_[both] = a.errors_[both] + b.errors_[at];
    }
  }
  return true;
}

std::size_t TopKTable::memory_bytes() const noexcept {
  return sizeof(*this) + keys_.bytes() + highs_.bytes() + errors_.bytes() + kinds_.bytes() +
         texts_.bytes() + index_.bytes() + arena_.bytes();
}

}  // namespace inlay::detail
