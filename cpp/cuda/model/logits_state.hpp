#pragma once

// What a window of logits is in device memory. Plain C++ too: the host reads it as it arrives.

#include <cstddef>
#include <cstdint>
#include <inlay/host_device.hpp>

namespace inlay::cuda {

/// In the order of inlay::Logits.
inline constexpr unsigned kLogitsStatistics = 6;
inline constexpr unsigned kLogitsLogProb = 4;
inline constexpr unsigned kLogitsRank = 5;

/// What a row's results are where they are asked for: entropy, top1, top2, margin, log_prob (NaN
/// where undefined), rank (0 where undefined), masked and not finite entries.
inline constexpr unsigned kLogitsOut = 8;

/// Sums over one statistic's values, all floats. Zeroed: without values.
struct LogitsSums {
  unsigned long long count;  // finite, zeros included
  unsigned long long zeros;
  unsigned long long neg_infs;
  unsigned long long origin;  // of the powers: 2^32 + the bits of a float; 0 while there is none
  double powers[4];           // sums of powers of the distances from the origin
  unsigned highest;           // ordered_key() of the largest and of the smallest, that one's
  unsigned lowest;            // complement; 0 without values
};

/// Zeroed: empty. The buckets follow it: 64-bit counts, kLogitsStatistics runs of bucket_count().
struct LogitsState {
  unsigned long long rows;
  unsigned long long masked_rows;
  unsigned long long nonfinite_rows;
  unsigned long long entries;
  unsigned long long nonfinite_count;
  unsigned long long masked_count;
  unsigned long long chosen_rows;
  unsigned long long out_of_range_rows;
  LogitsSums sums[kLogitsStatistics];
};

/// A magnitude is a float's, subnormal ones included: 2^-150 to 2^128, both ends excluded. Of one
/// statistic only one sign occurs: of log_prob the negative one, of the others the positive one.
INLAY_HOST_DEVICE constexpr int first_bucket(int scale) {
  return scale >= 0 ? -150 * (1 << scale) : -((150 + (1 << -scale) - 1) >> -scale);
}
INLAY_HOST_DEVICE constexpr unsigned bucket_count(int scale) {
  const int last = scale >= 0 ? 128 * (1 << scale) - 1 : 127 >> -scale;
  return static_cast<unsigned>(last - first_bucket(scale) + 1);
}
/// Bytes of a state with its buckets, a multiple of 16.
INLAY_HOST_DEVICE constexpr std::size_t logits_state_bytes(int scale) {
  const std::size_t bytes = sizeof(LogitsState) + std::size_t{kLogitsStatistics} * 8U *
                                                      static_cast<std::size_t>(bucket_count(scale));
  return (bytes + 15) / 16 * 16;
}

/// Orders floats as unsigned integers, all above 0.
INLAY_HOST_DEVICE constexpr unsigned ordered_key(std::uint32_t bits) {
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
}
INLAY_HOST_DEVICE constexpr std::uint32_t bits_of_key(unsigned key) {
  return (key >> 31) != 0 ? key & 0x7FFFFFFFU : ~key;
}

}  // namespace inlay::cuda
