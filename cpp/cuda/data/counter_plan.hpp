#pragma once

#include <cstddef>

namespace inlay::cuda {

/// Counters of a block in shared memory, several copies of each where they fit: lanes of a warp
/// that count the same thing then do not wait for each other. Without room for all, those that a
/// block meets first have an entry there, since additions to one word of device memory are made one
/// after the other; the rest is counted in device memory.
struct CounterPlan {
  static constexpr unsigned kLgEntries = 12;
  static constexpr unsigned kEntries = 1U << kLgEntries;

  unsigned counters;  // 0 if they do not fit
  unsigned copies;    // a power of two up to 32

  std::size_t shared_bytes() const noexcept {
    return counters == 0 ? std::size_t{2} * kEntries * sizeof(unsigned)
                         : std::size_t{counters} * copies * sizeof(unsigned);
  }
};

/// The most copies of `counters` that fit into `bytes`.
inline CounterPlan plan_counters(std::size_t counters, std::size_t bytes) noexcept {
  unsigned copies = 32;
  while (copies > 0 && counters * copies * sizeof(unsigned) > bytes) copies /= 2;
  if (copies == 0 || counters == 0) return {0, 0};
  return {static_cast<unsigned>(counters), copies};
}

}  // namespace inlay::cuda
