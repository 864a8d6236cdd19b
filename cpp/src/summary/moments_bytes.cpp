#include <cmath>
#include <limits>

#include "summary/bytes.hpp"
#include "summary/fused.hpp"
#include "summary/moments_part.hpp"

// Version 1, after the magic "inMO" and the version byte: 1 if the sum is held times 2^-64, else 0
// (one byte); base-128 integers: null, NaN, +inf, -inf, zero and finite counts; if there are finite
// values, little-endian doubles: min, max, sum's high and low part, m2, m3, m4. An overflowed
// moment is +infinity.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inMO";
constexpr std::uint8_t kVersion = 1;

}  // namespace

std::vector<std::uint8_t> Moments::to_bytes() const {
  const detail::MomentsPart all = part();
  detail::ByteWriter out(kMagic, kVersion);
  out.u8(all.sum.scaled ? 1 : 0);
  out.varint(null_count_);
  out.varint(nan_count_);
  out.varint(pos_inf_count_);
  out.varint(neg_inf_count_);
  out.varint(zero_count_);
  out.varint(all.count);
  if (all.count == 0) return out.take();
  for (const double value : {min_, max_, all.sum.high, all.sum.low, all.m2, all.m3, all.m4}) {
    out.f64(value + 0.0);  // one zero
  }
  return out.take();
}

Moments Moments::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a Moments");
  in.expect(kMagic, kVersion);
  const std::uint8_t scaled = in.u8();
  if (scaled > 1) in.refuse("have, where 0 or 1 belongs,", scaled);
  Moments out;
  for (std::uint64_t* count : {&out.null_count_, &out.nan_count_, &out.pos_inf_count_,
                               &out.neg_inf_count_, &out.zero_count_, &out.count_}) {
    *count = in.varint();
    if (*count > INT64_MAX) in.refuse("have too large a count", *count);
  }
  if (out.zero_count_ > out.count_) in.refuse("have more zeros than values", out.zero_count_);
  if (out.count_ == 0) {
    if (scaled != 0) in.refuse("scale a sum of nothing by", scaled);
    in.expect_end();
    return out;
  }
  for (double* value : {&out.min_, &out.max_, &out.sum_high_, &out.sum_low_}) {
    *value = in.f64();
    if (!std::isfinite(*value)) in.refuse("have, where a finite number belongs,", *value);
  }
  for (double* moment : {&out.m2_, &out.m3_, &out.m4_}) {
    *moment = in.f64();
    const bool overflowed = *moment == std::numeric_limits<double>::infinity();
    if (!overflowed && !std::isfinite(*moment)) in.refuse("have moment", *moment);
  }
  in.expect_end();
  out.sum_scaled_ = scaled == 1;
  if (out.min_ > out.max_) in.refuse("have a min above their max", out.min_);
  if (out.zero_count_ != 0 && (out.min_ > 0 || out.max_ < 0)) {
    in.refuse("have zeros outside min and max; zeros", out.zero_count_);
  }
  if (out.m2_ < 0) in.refuse("have a negative second moment", out.m2_);
  if (out.m4_ < 0) in.refuse("have a negative fourth moment", out.m4_);
  // The form that addition leaves: low is what rounding to high lost, and 2^960 decides the scale.
  if (out.sum_high_ + out.sum_low_ != out.sum_high_) {
    in.refuse("split a sum wrongly; its lesser part", out.sum_low_);
  }
  const bool large = std::fabs(out.sum_high_) >= (out.sum_scaled_ ? 0x1p896 : 0x1p960);
  if (large != out.sum_scaled_) in.refuse("scale a sum wrongly", out.sum_high_);
  return out;
}

}  // namespace inlay
