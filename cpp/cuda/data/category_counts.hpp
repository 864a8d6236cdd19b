#pragma once

#include <cstdint>
#include <inlay/host_device.hpp>

#include "data/counter_plan.hpp"

namespace inlay::cuda {

/// The codes that have counters, ascending. A run without gaps is found by subtraction.
struct CodeList {
  const std::int64_t* codes;  // device memory
  std::int64_t first;
  unsigned size;
  bool dense;
};

/// A state holds one count a code, then those of all others, of NaN, of false and of true.
struct CategoryLayout {
  unsigned codes;

  INLAY_HOST_DEVICE unsigned other() const { return codes; }
  INLAY_HOST_DEVICE unsigned nan() const { return codes + 1; }
  INLAY_HOST_DEVICE unsigned truth() const { return codes + 2; }
  INLAY_HOST_DEVICE unsigned counters() const { return codes + 4; }
};

}  // namespace inlay::cuda
