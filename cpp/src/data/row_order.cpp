#include "data/row_order.hpp"

#include <cstring>
#include <type_traits>

#include "data/value_set.hpp"

namespace inlay::detail {
namespace {

// Tables up to this size are in the second-level cache anyway.
constexpr std::size_t kCached = std::size_t{1} << 18;
constexpr std::size_t kAhead = 12;

template <class Key>
bool insert_all(const Key* keys, const std::uint64_t* valid, std::size_t size, SeenKeys& seen,
                std::uint64_t* out) {
  std::memset(out, 0, (size + 63) / 64 * sizeof(std::uint64_t));
  if (seen.full) return false;
  auto& set = std::get<KeySet<Key>>(seen.keys);
  set.reserve(size);
  const bool far = set.memory_bytes() > kCached;
  bool any = false;
  for (std::size_t i = 0; i < size; ++i) {
    if (far && i + kAhead < size) set.prefetch(keys[i + kAhead]);
    if ((valid[i / 64] >> (i % 64) & 1) == 0) continue;
    const Seen found = set.insert(keys[i]);
    if (found == Seen::kNew) continue;
    if (found == Seen::kFull) {
      seen.full = true;
      set.clear();
      return any;
    }
    out[i / 64] |= std::uint64_t{1} << (i % 64);
    any = true;
  }
  return any;
}

// A table of the last row in each slot, and for each row the one before it in the same slot. No
// branch depends on the keys, but for the few rows that are not the first in their slot.
template <class Key>
bool find_within(const Key* keys, const std::uint64_t* valid, std::size_t size,
                 std::uint64_t* out) noexcept {
  static_assert(kScanBlock < 65536);
  constexpr int kSlotBits = 13;
  std::uint16_t last[std::size_t{1} << kSlotBits] = {};
  std::uint16_t before[kScanBlock];
  std::uint16_t later[kScanBlock];
  std::memset(out, 0, (size + 63) / 64 * sizeof(std::uint64_t));
  const KeySpread spread;
  std::size_t found = 0;
  const auto add = [&](std::size_t i) {
    std::uint16_t& slot = last[spread(keys[i]) >> (64 - kSlotBits)];
    before[i] = slot;
    later[found] = static_cast<std::uint16_t>(i);
    found += slot != 0 ? 1U : 0U;
    slot = static_cast<std::uint16_t>(i + 1);
  };
  if (valid == nullptr) {
    for (std::size_t i = 0; i < size; ++i) add(i);
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      if ((valid[i / 64] >> (i % 64) & 1) != 0) add(i);
    }
  }
  bool any = false;
  for (std::size_t k = 0; k < found; ++k) {
    const std::size_t i = later[k];
    for (std::size_t j = before[i]; j != 0; j = before[j - 1]) {
      if (!(keys[j - 1] == keys[i])) continue;
      out[i / 64] |= std::uint64_t{1} << (i % 64);
      any = true;
      break;
    }
  }
  return any;
}

void mix_wide(const Wide256& value, KeyMixer& mixer) noexcept {
  const ExactInteger exact = value.exact();
  for (unsigned i = 0; i < 4; ++i) mixer.add(exact.limb(i));
}

// Calls f with the keys of all rows.
template <class F>
bool with_keys(const Block& block, F&& f) {
  const auto words = [&](auto&& key_at) {
    std::uint64_t keys[kScanBlock];
    for (std::size_t i = 0; i < block.size; ++i) keys[i] = key_at(i);
    return f(static_cast<const std::uint64_t*>(keys));
  };
  switch (block.form) {
    case BlockForm::kReal64:
      return words([v = block.as<double>()](std::size_t i) { return key_of_real(v[i]); });
    case BlockForm::kReal32:
      return words([v = block.as<float>()](std::size_t i) { return key_of_real(double{v[i]}); });
    case BlockForm::kWhole64:
      return f(block.as<std::uint64_t>());
    case BlockForm::kWhole32:
      return words([v = block.as<std::int32_t>()](std::size_t i) {
        return static_cast<std::uint64_t>(std::int64_t{v[i]});
      });
    case BlockForm::kWide: {
      Key128 keys[kScanBlock];
      for (std::size_t i = 0; i < block.size; ++i) {
        KeyMixer mixer(key_seed());
        mix_wide(block.as<Wide256>()[i], mixer);
        keys[i] = mixer.key();
      }
      return f(static_cast<const Key128*>(keys));
    }
    case BlockForm::kText:
      return f(block.keys);
    case BlockForm::kNone:
      break;
  }
  return false;
}

template <class Last, class T, class F>
bool compare_rows(const Block& block, LastValue& last, std::uint64_t* out, const T* values,
                  F&& in_order) {
  std::memset(out, 0, block.words() * sizeof(std::uint64_t));
  bool known = std::holds_alternative<Last>(last.value);
  T before{};
  if (known) before = T(std::get<Last>(last.value));
  bool any = false;
  for (std::size_t i = 0; i < block.size; ++i) {
    if ((block.valid[i / 64] >> (i % 64) & 1) == 0) continue;
    bool ordered = true;
    if constexpr (std::is_floating_point_v<T>) ordered = values[i] == values[i];
    if (!ordered || (known && !in_order(before, values[i]))) {
      out[i / 64] |= std::uint64_t{1} << (i % 64);
      any = true;
    }
    if (!ordered) continue;
    before = values[i];
    known = true;
  }
  if (known) last.value = Last(before);
  return any;
}

// Calls f with the relation that a value and the one after it must have.
template <class F>
bool with_order(bool strict, bool decreasing, F&& f) {
  if (decreasing) {
    if (strict) return f([](const auto& a, const auto& b) { return b < a; });
    return f([](const auto& a, const auto& b) { return b <= a; });
  }
  if (strict) return f([](const auto& a, const auto& b) { return a < b; });
  return f([](const auto& a, const auto& b) { return a <= b; });
}

}  // namespace

bool repeated(const Key128* keys, const std::uint64_t* valid, std::size_t size, SeenKeys& seen,
              std::uint64_t* out) {
  return insert_all(keys, valid, size, seen, out);
}

void mix_value(const Block& block, std::size_t i, KeyMixer& mixer) noexcept {
  switch (block.form) {
    case BlockForm::kReal64:
      return mixer.add(key_of_real(block.as<double>()[i]));
    case BlockForm::kReal32:
      return mixer.add(key_of_real(double{block.as<float>()[i]}));
    case BlockForm::kWhole64:
      return mixer.add(static_cast<std::uint64_t>(block.as<std::int64_t>()[i]));
    case BlockForm::kWhole32:
      return mixer.add(static_cast<std::uint64_t>(std::int64_t{block.as<std::int32_t>()[i]}));
    case BlockForm::kWide:
      return mix_wide(block.as<Wide256>()[i], mixer);
    case BlockForm::kText:
      return mixer.add(block.as<std::string_view>()[i]);
    case BlockForm::kNone:
      return;
  }
}

bool repeated(const Block& block, SeenKeys& seen, std::uint64_t* out) {
  return with_keys(block, [&](const auto* keys) {
    return insert_all(keys, block.valid.data(), block.size, seen, out);
  });
}

bool repeated_within(const Block& block, std::uint64_t* out) noexcept {
  return with_keys(block, [&](const auto* keys) {
    return find_within(keys, block.valid_or_all(), block.size, out);
  });
}

bool out_of_order(bool strict, bool decreasing, const Block& block, std::uint64_t flip,
                  LastValue& last, std::uint64_t* out) {
  return with_order(strict, decreasing, [&](auto in_order) {
    switch (block.form) {
      case BlockForm::kReal64:
        return compare_rows<double>(block, last, out, block.as<double>(), in_order);
      case BlockForm::kReal32:
        return compare_rows<double>(block, last, out, block.as<float>(), in_order);
      case BlockForm::kWhole64:
        return compare_rows<std::int64_t>(
            block, last, out, block.as<std::int64_t>(), [&](std::int64_t a, std::int64_t b) {
              const auto signed_of = [&](std::int64_t value) {
                return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) ^ flip);
              };
              return in_order(signed_of(a), signed_of(b));
            });
      case BlockForm::kWhole32:
        return compare_rows<std::int64_t>(block, last, out, block.as<std::int32_t>(), in_order);
      case BlockForm::kWide:
        return compare_rows<Wide256>(block, last, out, block.as<Wide256>(), in_order);
      case BlockForm::kText:
        return compare_rows<std::string>(block, last, out, block.as<std::string_view>(), in_order);
      case BlockForm::kNone:
        break;
    }
    return false;
  });
}

}  // namespace inlay::detail
