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
  const auto read = [&in] {
    const double value = in.f64();
    if (value == 0 && std::signbit(value)) in.refuse("have, where only 0 is written,", value);
    return value;
  };
  for (double* value : {&out.min_, &out.max_, &out.sum_high_, &out.sum_low_}) {
    *value = read();
    if (!std::isfinite(*value)) in.refuse("have, where a finite number belongs,", *value);
  }
  for (double* moment : {&out.m2_, &out.m3_, &out.m4_}) {
    *moment = read();
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
  // Allows for rounding; keeps sums of honest size, so that merging cannot overflow them.
  const double mean = std::fabs(out.sum_high_) / static_cast<double>(out.count_);
  const double farthest = std::fmax(std::fabs(out.min_), std::fabs(out.max_)) * 0x1p-64;
  if (mean * (out.sum_scaled_ ? 1 : 0x1p-64) > farthest * (1 + 1e-9)) {
    in.refuse("have a mean beyond min and max; sum", out.sum_high_);
  }
  return out;
}

Moments Moments::from_fields(const Fields& fields) {
  const Values& v = fields.values;
  Moments out;
  out.null_count_ = fields.null_count;
  out.nan_count_ = fields.nan_count;
  out.pos_inf_count_ = fields.pos_inf_count;
  out.neg_inf_count_ = fields.neg_inf_count;
  out.zero_count_ = fields.zero_count;
  out.count_ = v.count;
  for (const std::uint64_t count : {fields.null_count, fields.nan_count, fields.pos_inf_count,
                                    fields.neg_inf_count, fields.zero_count, v.count}) {
    if (count > INT64_MAX) detail::fail<InvalidArgument>("a count must be below 2^63", count);
  }
  if (fields.zero_count > v.count) {
    detail::fail<InvalidArgument>("zero_count must not exceed count", fields.zero_count);
  }
  if (v.count == 0) return out;
  if (!v.min || !v.max || !v.mean) {
    detail::fail<InvalidArgument>("min, max and mean must be given with count", v.count);
  }
  if (!std::isfinite(*v.min) || !std::isfinite(*v.max) || !(*v.min <= *v.max)) {
    detail::fail<InvalidArgument>(
        "min must not exceed max = " + detail::describe(*v.max) + ", both finite", *v.min);
  }
  if (!(*v.mean >= *v.min && *v.mean <= *v.max)) {
    detail::fail<InvalidArgument>("mean must lie between min and max", *v.mean);
  }
  if (fields.zero_count != 0 && (*v.min > 0 || *v.max < 0)) {
    detail::fail<InvalidArgument>("min and max must include zero, zero_count being",
                                  fields.zero_count);
  }
  if (std::isnan(v.sum)) detail::fail<InvalidArgument>("sum must be a number", v.sum);
  out.min_ = *v.min + 0.0;
  out.max_ = *v.max + 0.0;
  detail::MomentsPart part;
  part.count = v.count;
  // A sum beyond the largest double is had again from the mean.
  part.sum =
      part.sum + (std::isfinite(v.sum)
                      ? detail::WideSum{v.sum, 0, false}
                      : detail::WideSum{*v.mean * 0x1p-64 * static_cast<double>(v.count), 0, true});
  const auto moment = [](const std::optional<double>& given, const char* name, bool even) {
    if (!given) return std::numeric_limits<double>::infinity();
    if (!std::isfinite(*given) || (even && *given < 0)) {
      detail::fail<InvalidArgument>(std::string(name) + " is no moment", *given);
    }
    return *given + 0.0;
  };
  part.m2 = moment(v.m2, "m2", true);
  part.m3 = moment(v.m3, "m3", false);
  part.m4 = moment(v.m4, "m4", true);
  out.set_part(part);
  return out;
}

}  // namespace inlay
