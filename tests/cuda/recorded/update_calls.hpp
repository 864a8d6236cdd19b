#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "recorded_runtime.hpp"

namespace inlay::recorded {

/// Fails the test if an update called what could wait, allocate or copy. To be called after it,
/// with the record cleared before it.
inline void expect_only_enqueuing() {
  static const std::set<std::string> allowed = {
      "cudaEventRecord",     "cudaGetDevice",         "cudaGetLastError", "cudaSetDevice",
      "cudaStreamGetDevice", "cudaStreamIsCapturing", "cudaStreamGetId",  "cudaStreamWaitEvent",
  };
  for (const std::string& call : runtime().calls)
    EXPECT_EQ(allowed.count(call), 1U) << call << " in an update";
}

/// Fails the test if a launch went to a default stream, or to another than `stream`.
inline void expect_all_on(cudaStream_t stream) {
  for (const LaunchRecord& launch : runtime().launches)
    EXPECT_EQ(launch.stream, stream) << launch.kernel;
}

}  // namespace inlay::recorded
