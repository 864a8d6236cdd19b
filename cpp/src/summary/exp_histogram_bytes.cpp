#include <new>

#include "summary/bytes.hpp"
#include "summary/count_width.hpp"
#include "summary/fused.hpp"

// Version 1, after the magic "inEH" and the version byte: scale and scale asked for (one signed
// byte each), then base-128 integers: zero, NaN, +inf and -inf counts; for the positive, then the
// negative side the number of buckets and, if there are any, the first one's index (zigzag) and
// each count. Runs begin and end with a count above zero, so a state has one form.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inEH";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxCount = INT64_MAX;  // counts become int64 columns

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
  Fields fields;
  fields.scale = scale;
  const auto read_count = [&in] {
    const std::uint64_t count = in.varint();
    if (count > kMaxCount) in.refuse("have too large a count", count);
    return count;
  };
  fields.zero_count = read_count();
  fields.nan_count = read_count();
  fields.pos_inf_count = read_count();
  fields.neg_inf_count = read_count();
  std::uint64_t total = fields.zero_count;
  for (Fields::Run* run : {&fields.positive, &fields.negative}) {
    const std::uint64_t length = in.varint();
    if (length > kMaxBuckets) in.refuse("have too many buckets", length);
    if (length == 0) continue;
    const std::int64_t offset = in.zigzag();
    if (offset < first_index(scale) ||
        offset > last_index(scale) - static_cast<std::int64_t>(length) + 1) {
      in.refuse("have a bucket no double falls into; first index", offset);
    }
    if (length > in.left()) in.refuse("are cut short; buckets", length);
    run->offset = static_cast<std::int32_t>(offset);
    run->counts.reserve(length);
    for (std::uint64_t k = 0; k < length; ++k) {
      const std::uint64_t count = read_count();
      if (count == 0 && (k == 0 || k + 1 == length))
        in.refuse("begin or end a run with count", count);
      if (total > kMaxCount - count) in.refuse("have too large a total; with count", count);
      total += count;
      run->counts.push_back(count);
    }
  }
  in.expect_end();
  ExpHistogram out(base_scale);
  out.lower(base_scale - scale);
  out.fill(fields);
  return out;
}

ExpHistogram ExpHistogram::from_fields(const Fields& fields) {
  ExpHistogram out(fields.scale);
  std::uint64_t total = 0;
  const auto add = [&total](std::uint64_t count) {
    if (count > kMaxCount - total) {
      detail::fail<InvalidArgument>("counts must add up to less than 2^63; count", count);
    }
    total += count;
  };
  for (const std::uint64_t count : {fields.nan_count, fields.pos_inf_count, fields.neg_inf_count}) {
    if (count > kMaxCount) detail::fail<InvalidArgument>("a count must be below 2^63", count);
  }
  add(fields.zero_count);
  for (const Fields::Run* run : {&fields.positive, &fields.negative}) {
    for (std::size_t k = 0; k < run->counts.size(); ++k) {
      if (run->counts[k] == 0) continue;
      add(run->counts[k]);
      const std::int64_t index = run->offset + static_cast<std::int64_t>(k);
      if (index < first_index(fields.scale) || index > last_index(fields.scale)) {
        detail::fail<InvalidArgument>("no double falls into a bucket of this scale with index",
                                      static_cast<long long>(index));
      }
    }
  }
  out.fill(fields);
  return out;
}

// Into an empty histogram of the fields' scale. The fields were checked.
void ExpHistogram::fill(const Fields& fields) {
  const Fields::Run* runs[2] = {&fields.positive, &fields.negative};
  std::uint64_t total = fields.zero_count;
  for (int i = 0; i < 2; ++i) {
    const std::vector<std::uint64_t>& counts = runs[i]->counts;
    std::size_t begin = 0;
    std::size_t end = counts.size();
    while (begin < end && counts[begin] == 0) ++begin;
    while (end > begin && counts[end - 1] == 0) --end;
    if (begin == end) continue;
    for (std::size_t k = begin; k < end; ++k) total += counts[k];
    const int shift = kMaxScale - fields.scale;
    const auto first = runs[i]->offset + static_cast<std::int32_t>(begin);
    const auto last = runs[i]->offset + static_cast<std::int32_t>(end) - 1;
    if (!reserve(sides_[i], first << shift, last << shift)) throw std::bad_alloc();
  }
  if (!widen_for(total)) throw std::bad_alloc();
  count_ = total;
  zero_count_ = fields.zero_count;
  nan_count_ = fields.nan_count;
  pos_inf_count_ = fields.pos_inf_count;
  neg_inf_count_ = fields.neg_inf_count;
  for (int i = 0; i < 2; ++i) {
    const Side& side = sides_[i];
    for (std::size_t k = 0; k < runs[i]->counts.size(); ++k) {
      const std::uint64_t count = runs[i]->counts[k];
      if (count == 0) continue;
      const std::int32_t index =
          (runs[i]->offset + static_cast<std::int32_t>(k)) >> (fields.scale - scale_);
      detail::with_counts(side.counts, width(), [&](auto* counts) {
        using Count = std::remove_pointer_t<decltype(counts)>;
        auto& bucket = counts[index - side.first];
        bucket = static_cast<Count>(bucket + count);
      });
    }
  }
}

}  // namespace inlay
