#include <new>

#include "summary/bytes.hpp"
#include "summary/fused.hpp"

// Version 1, after the magic "inEH" and the version byte: scale and scale asked for (one signed
// byte each), then base-128 integers: zero, NaN, +inf and -inf counts; for the positive, then the
// negative side the number of buckets and, if there are any, the first one's index (zigzag) and
// each count. Runs begin and end with a count above zero, so a state has one form.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inEH";
constexpr std::uint8_t kVersion = 1;

// Beyond any finite double: magnitudes lie in (2^-1075, 2^1024].
constexpr std::int64_t first_index(int scale) {
  return scale >= 0 ? std::int64_t{-1075} << scale : (-1075 >> -scale);
}
constexpr std::int64_t last_index(int scale) {
  return scale >= 0 ? (std::int64_t{1024} << scale) - 1 : (1023 >> -scale);
}

}  // namespace

std::vector<std::uint8_t> ExpHistogram::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.u8(static_cast<std::uint8_t>(scale_));
  out.u8(static_cast<std::uint8_t>(base_scale_));
  out.varint(zero_count_);
  out.varint(nan_count_);
  out.varint(pos_inf_count_);
  out.varint(neg_inf_count_);
  for (const Side& side : sides_) {
    const Buckets buckets = used(side);
    out.varint(buckets.size());
    if (buckets.size() != 0) out.zigzag(buckets.offset());
    for (std::uint32_t i = 0; i < buckets.size(); ++i) out.varint(buckets[i]);
  }
  return out.take();
}

ExpHistogram ExpHistogram::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "an ExpHistogram");
  in.expect(kMagic, kVersion);
  const int scale = static_cast<std::int8_t>(in.u8());
  const int base_scale = static_cast<std::int8_t>(in.u8());
  if (scale < kMinScale || scale > kMaxScale) in.refuse("have scale", scale);
  if (base_scale < scale || base_scale > kMaxScale) {
    in.refuse("have, as the scale asked for,", base_scale);
  }
  ExpHistogram out(base_scale);
  out.lower(base_scale - scale);
  const std::uint64_t zeros = in.varint();
  const std::uint64_t nans = in.varint();
  const std::uint64_t pos_infs = in.varint();
  const std::uint64_t neg_infs = in.varint();

  std::int32_t offsets[2] = {0, 0};
  std::vector<std::uint64_t> counts[2];
  std::uint64_t total = zeros;
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t num = in.varint();
    if (num > kMaxBuckets) in.refuse("have too many buckets", num);
    if (num == 0) continue;
    const std::int64_t offset = in.zigzag();
    if (offset < first_index(scale) || offset > last_index(scale) ||
        offset + static_cast<std::int64_t>(num) - 1 > last_index(scale)) {
      in.refuse("have a bucket no double falls into; first index", offset);
    }
    if (num > in.left()) in.refuse("are cut short; buckets", num);
    offsets[i] = static_cast<std::int32_t>(offset);
    counts[i].reserve(num);
    for (std::uint64_t k = 0; k < num; ++k) {
      const std::uint64_t count = in.varint();
      if (count == 0 && (k == 0 || k + 1 == num)) in.refuse("begin or end a run with count", count);
      // Counts become int64 columns, and a total must fit one.
      if (count > INT64_MAX || total > INT64_MAX - count)
        in.refuse("have too large a count", count);
      total += count;
      counts[i].push_back(count);
    }
  }
  in.expect_end();
  for (const std::uint64_t count : {zeros, nans, pos_infs, neg_infs}) {
    if (count > INT64_MAX) in.refuse("have too large a count", count);
  }
  for (int i = 0; i < 2; ++i) {
    if (counts[i].empty()) continue;
    const std::int32_t last = offsets[i] + static_cast<std::int32_t>(counts[i].size()) - 1;
    if (!out.reserve(out.sides_[i], offsets[i] << out.shift_, last << out.shift_)) {
      throw std::bad_alloc();
    }
  }
  if ((total >> 32) != 0 && !out.widen()) throw std::bad_alloc();
  out.count_ = total;
  out.zero_count_ = zeros;
  out.nan_count_ = nans;
  out.pos_inf_count_ = pos_infs;
  out.neg_inf_count_ = neg_infs;
  for (int i = 0; i < 2; ++i) {
    const Side& side = out.sides_[i];
    for (std::size_t k = 0; k < counts[i].size(); ++k) {
      const std::size_t at = static_cast<std::size_t>(offsets[i] - side.first) + k;
      if (out.wide()) {
        static_cast<std::uint64_t*>(side.counts)[at] = counts[i][k];
      } else {
        static_cast<std::uint32_t*>(side.counts)[at] = static_cast<std::uint32_t>(counts[i][k]);
      }
    }
  }
  return out;
}

}  // namespace inlay
