#pragma once

#include <cmath>
#include <cstdint>
#include <inlay/model/segment_states.hpp>

#include "summary/bytes.hpp"

namespace inlay::detail {

/// Whether a row may count this much; counts the fault if not.
inline bool is_weight(double weight, RowFaults& faults) noexcept {
  const bool right = weight >= 0 && std::isfinite(weight);
  faults.bad_weight += right ? 0 : 1;
  return right;
}

/// More than will ever be counted, and so little that sums of some do not overflow.
inline constexpr std::uint64_t kMostRows = std::uint64_t{1} << 53;

/// A number of rows as it was written.
inline std::int64_t read_count(ByteReader& in) {
  const std::uint64_t count = in.varint();
  if (count > kMostRows) in.refuse("have too large a count", count);
  return static_cast<std::int64_t>(count);
}
inline void write_count(ByteWriter& out, std::int64_t count) {
  out.varint(static_cast<std::uint64_t>(count));
}

inline bool read_flag(ByteReader& in) {
  const std::uint8_t flag = in.u8();
  if (flag > 1) in.refuse("have a flag that is neither 0 nor 1", flag);
  return flag == 1;
}

inline void write_faults(ByteWriter& out, const RowFaults& faults) {
  for (const std::int64_t count :
       {faults.bad_label, faults.nan_score, faults.out_of_range, faults.bad_weight}) {
    write_count(out, count);
  }
}
inline RowFaults read_faults(ByteReader& in) {
  RowFaults faults;
  for (std::int64_t* count :
       {&faults.bad_label, &faults.nan_score, &faults.out_of_range, &faults.bad_weight}) {
    *count = read_count(in);
  }
  return faults;
}

}  // namespace inlay::detail
