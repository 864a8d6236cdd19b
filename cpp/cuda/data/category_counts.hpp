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
  unsigned truths[2];  // the counters of false and true
};

/// A state holds one count a code, then those of all others and of NaN.
struct CategoryLayout {
  unsigned codes;

  INLAY_HOST_DEVICE unsigned other() const { return codes; }
  INLAY_HOST_DEVICE unsigned nan() const { return codes + 1; }
  INLAY_HOST_DEVICE unsigned counters() const { return codes + 2; }
};

}  // namespace inlay::cuda
