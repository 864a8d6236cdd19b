#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <inlay/host_device.hpp>
#include <inlay/summary/top_k.hpp>
#include <vector>

namespace inlay::cuda {

/// An id outside the vocabulary gets an entry of the table when it is first seen, and keeps it, so
/// its count is exact. Once the table is full, further ids share a few counters by their hash: no
/// such id weighs more than its counter.
struct TopIdsLayout {
  static constexpr unsigned kShared = 1024;

  unsigned vocabulary;  // ids 0 to vocabulary - 1 have counters of their own
  unsigned table;       // entries, a power of two
  unsigned capacity;    // ids that leave

  // Counters, in this order: the vocabulary's, the table's, that of id 0 if it is not in the
  // vocabulary (a free entry has the key 0), and those of false and true.
  INLAY_HOST_DEVICE unsigned zero() const { return vocabulary + table; }
  INLAY_HOST_DEVICE unsigned truth() const { return vocabulary + table + 1; }
  INLAY_HOST_DEVICE unsigned counters() const { return vocabulary + table + 3; }
  INLAY_HOST_DEVICE std::size_t state_bytes() const {
    return sizeof(unsigned long long) * (std::size_t{counters()} + table + kShared);
  }
  INLAY_HOST_DEVICE unsigned long long* counts(void* state) const {
    return static_cast<unsigned long long*>(state);
  }
  INLAY_HOST_DEVICE unsigned long long* keys(void* state) const {
    return counts(state) + counters();
  }
  INLAY_HOST_DEVICE unsigned long long* shared(void* state) const { return keys(state) + table; }

  /// What leaves: the head, then `capacity` ids and as many counts.
  struct Head {
    unsigned long long total;
    unsigned long long max_error;  // no id that is not listed weighs more
    unsigned size;
    unsigned truths;  // bit 0 and 1: false and true are the last ones of the list
  };
  INLAY_HOST_DEVICE std::size_t result_bytes() const {
    return sizeof(Head) + 2 * sizeof(unsigned long long) * (std::size_t{capacity} + 2);
  }
};

/// The counters of what left a state, as the CPU's class has them. Where ids shared counters, their
/// bound may be above what a TopK of this capacity can state; the result then has a smaller one.
/// @throws std::bad_alloc
inline TopK top_k_of_result(const TopIdsLayout& layout, const void* result) {
  const auto* const head = static_cast<const TopIdsLayout::Head*>(result);
  const auto* const ids = reinterpret_cast<const unsigned long long*>(head + 1);
  const unsigned long long* const weights = ids + layout.capacity + 2;
  std::vector<TopK::Counter> counters;
  unsigned long long listed = 0;
  const auto add = [&](TopK::Item item, unsigned long long weight) {
    counters.push_back({item, weight});
    listed += weight;
  };
  for (unsigned i = 0; i < head->size; ++i) add(static_cast<std::int64_t>(ids[i]), weights[i]);
  for (unsigned i = 0; i < 2; ++i) {
    if ((head->truths >> i & 1U) != 0) add(i != 0, weights[layout.capacity + i]);
  }
  unsigned long long capacity = layout.capacity;
  if (head->max_error != 0) {
    // As many counters as a purge of this error must have removed: what is not listed, and the
    // error of each that is, has to be enough for it.
    const unsigned long long most = std::min(
        head->total / head->max_error, counters.size() + (head->total - listed) / head->max_error);
    capacity = std::min(capacity, 2 * most - 1);
  }
  return TopK::from_counters(static_cast<std::uint32_t>(capacity), head->total, head->max_error,
                             counters);
}

}  // namespace inlay::cuda
