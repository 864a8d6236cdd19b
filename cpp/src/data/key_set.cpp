#include "data/key_set.hpp"

#include <algorithm>
#include <bit>
#include <random>

namespace inlay::detail {

std::uint64_t key_seed() noexcept {
  static const std::uint64_t seed = [] {
    try {
      std::random_device device;
      return std::uint64_t{device()} << 32 | device();
    } catch (...) {
      return kHashB;  // no entropy: results are the same, only an attacker has it easier
    }
  }();
  return seed;
}

template <class Key>
void KeySet<Key>::reserve(std::size_t more) {
  const std::size_t wanted =
      std::bit_ceil(std::max<std::size_t>(2 * (size_ + std::min(more, max_keys_)), 16));
  if (wanted <= slots_.size()) return;
  std::vector<Key> old(wanted);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Key& key : old) {
    if (key == Key{}) continue;
    std::size_t at = hash_of(key) & mask;
    while (!(slots_[at] == Key{})) at = (at + 1) & mask;
    slots_[at] = key;
  }
}

template <class Key>
void KeySet<Key>::clear() noexcept {
  std::vector<Key>().swap(slots_);
  size_ = 0;
  has_zero_ = false;
}

template class KeySet<std::uint64_t>;
template class KeySet<Key128>;

}  // namespace inlay::detail
