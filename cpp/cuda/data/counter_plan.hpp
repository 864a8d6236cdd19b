#pragma once

#include <cstddef>

namespace inlay::cuda {

/// Counters of a block in shared memory, several copies of each where they fit: lanes of a warp
/// that count the same thing then do not wait for each other. Without room they are device memory.
struct CounterPlan {
  unsigned counters;  // numbers from here on are counted in device memory
  unsigned copies;    // a power of two up to 32; 0 if there are no counters

  std::size_t shared_bytes() const noexcept {
    return std::size_t{counters} * copies * sizeof(unsigned);
  }
};

/// The most copies of `counters` that fit into `bytes`.
inline CounterPlan plan_counters(std::size_t counters, std::size_t bytes) noexcept {
  unsigned copies = 32;
  while (copies > 0 && counters * copies * sizeof(unsigned) > bytes) copies /= 2;
  return {copies == 0 ? 0 : static_cast<unsigned>(counters), copies};
}

}  // namespace inlay::cuda
