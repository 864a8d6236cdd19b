#include <algorithm>
#include <inlay/data/time_coverage.hpp>

#include "summary/bytes.hpp"

// Version 1, after the magic "inTC" and the version byte: 0 if empty, else 1 (one byte). If not
// empty: the width's exponent (one byte); little-endian words: the earliest point, the latest; the
// number of runs (base 128); for each run, base 128: buckets since the end of the run before (0 for
// the first, which begins with the earliest point's bucket) and buckets in it.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inTC";
constexpr std::uint8_t kVersion = 1;

// Buckets from that of min to that of max.
std::uint64_t buckets(std::int64_t min, std::int64_t max, unsigned shift) noexcept {
  // The sum wraps to 0 only for all 2^64 buckets of width 1, which are too many as well.
  return static_cast<std::uint64_t>(max >> shift) - static_cast<std::uint64_t>(min >> shift) + 1;
}

unsigned shift_for(std::int64_t min, std::int64_t max, unsigned from) noexcept {
  unsigned shift = from;
  while (buckets(min, max, shift) - 1 >= TimeCoverage::kMaxBuckets) ++shift;
  return shift;
}

}  // namespace

// Makes the buckets wide enough for points from `min` to `max` as well.
void TimeCoverage::widen(std::int64_t min, std::int64_t max) noexcept {
  if (empty_) {
    min_ = min;
    max_ = max;
    shift_ = static_cast<std::uint8_t>(shift_for(min, max, 0));
    empty_ = false;
    return;
  }
  const std::int64_t first = min_ >> shift_;
  const std::uint64_t count = buckets(min_, max_, shift_);
  min_ = std::min(min_, min);
  max_ = std::max(max_, max);
  const unsigned shift = shift_for(min_, max_, shift_);
  if (shift == shift_) return;
  TimeCoverage wider;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t bucket = first + static_cast<std::int64_t>(i);
    if (is_set(bucket)) wider.set(bucket >> (shift - shift_));
  }
  std::copy(wider.bits_, wider.bits_ + kWords, bits_);
  shift_ = static_cast<std::uint8_t>(shift);
}

void TimeCoverage::update(const std::int64_t* points, std::size_t size) noexcept {
  if (size == 0) return;
  std::int64_t min = points[0];
  std::int64_t max = points[0];
  for (std::size_t i = 1; i < size; ++i) {
    min = std::min(min, points[i]);
    max = std::max(max, points[i]);
  }
  widen(min, max);
  const unsigned shift = shift_;
  std::int64_t before = points[0] >> shift;
  set(before);
  for (std::size_t i = 1; i < size; ++i) {
    const std::int64_t bucket = points[i] >> shift;
    if (bucket == before) continue;  // points often come in order
    set(bucket);
    before = bucket;
  }
}

void TimeCoverage::merge(const TimeCoverage& other) noexcept {
  if (other.empty_) return;
  if (empty_) {
    *this = other;
    return;
  }
  const TimeCoverage added = other;  // which may be this
  widen(added.min_, added.max_);
  const unsigned more = shift_ - added.shift_;
  const std::uint64_t count = buckets(added.min_, added.max_, added.shift_);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t bucket = (added.min_ >> added.shift_) + static_cast<std::int64_t>(i);
    if (added.is_set(bucket)) set(bucket >> more);
  }
}

std::vector<TimeCoverage::Run> TimeCoverage::runs() const {
  std::vector<Run> out;
  if (empty_) return out;
  bool inside = false;
  const std::uint64_t count = buckets(min_, max_, shift_);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t bucket = (min_ >> shift_) + static_cast<std::int64_t>(i);
    const bool occupied = is_set(bucket);
    if (occupied && inside) {
      ++out.back().size;
    } else if (occupied) {
      out.push_back({bucket, 1});
    }
    inside = occupied;
  }
  return out;
}

std::optional<TimeCoverage::Gap> TimeCoverage::largest_gap() const noexcept {
  if (empty_ || min_ == max_) return std::nullopt;
  const std::uint64_t span = static_cast<std::uint64_t>(max_) - static_cast<std::uint64_t>(min_);
  const std::int64_t start = min_ >> shift_;
  const std::uint64_t count = buckets(min_, max_, shift_);
  if (count == 1) return Gap{1, span, min_, min_};  // the points share a bucket
  std::uint64_t last = 0;  // the occupied bucket seen last, from the first one on
  std::uint64_t after = 0;
  std::uint64_t empty = 0;
  for (std::uint64_t i = 1; i < count; ++i) {
    if (!is_set(start + static_cast<std::int64_t>(i))) continue;
    if (i - last - 1 > empty) {
      empty = i - last - 1;
      after = last;
    }
    last = i;
  }
  const std::uint64_t begin = (static_cast<std::uint64_t>(start) + after + 1) << shift_;
  // The widest bound there can be, 2^64, wraps to 0, and with 1 less to the right one.
  const std::uint64_t high = std::min(span, ((empty + 2) << shift_) - 1);
  return Gap{(empty << shift_) + 1, high, static_cast<std::int64_t>(begin),
             static_cast<std::int64_t>(begin + (empty << shift_))};
}

std::vector<std::uint8_t> TimeCoverage::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.u8(empty_ ? 0 : 1);
  if (empty_) return out.take();
  out.u8(shift_);
  out.u64(static_cast<std::uint64_t>(min_));
  out.u64(static_cast<std::uint64_t>(max_));
  const std::vector<Run> all = runs();
  out.varint(all.size());
  auto end = static_cast<std::uint64_t>(all.front().first);
  for (const Run& run : all) {
    out.varint(static_cast<std::uint64_t>(run.first) - end);
    out.varint(run.size);
    end = static_cast<std::uint64_t>(run.first) + run.size;
  }
  return out.take();
}

TimeCoverage TimeCoverage::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a TimeCoverage");
  in.expect(kMagic, kVersion);
  TimeCoverage out;
  const std::uint8_t filled = in.u8();
  if (filled > 1) in.refuse("have, where 0 or 1 belongs,", filled);
  if (filled == 0) {
    in.expect_end();
    return out;
  }
  out.empty_ = false;
  out.shift_ = in.u8();
  out.min_ = static_cast<std::int64_t>(in.u64());
  out.max_ = static_cast<std::int64_t>(in.u64());
  if (out.min_ > out.max_) in.refuse("end before they begin, at", out.max_);
  if (shift_for(out.min_, out.max_, 0) != out.shift_) {
    in.refuse("do not fit their width's exponent", out.shift_);
  }
  const std::uint64_t total = buckets(out.min_, out.max_, out.shift_);
  const std::int64_t first = out.min_ >> out.shift_;
  const std::uint64_t runs = in.varint();
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < runs; ++i) {
    const std::uint64_t skipped = in.varint();
    const std::uint64_t length = in.varint();
    if ((i == 0) != (skipped == 0)) in.refuse("have a run after empty buckets, in number", skipped);
    if (length == 0 || skipped > total - end || length > total - end - skipped) {
      in.refuse("have a run beyond their span, of buckets", length);
    }
    end += skipped;
    for (std::uint64_t k = 0; k < length; ++k) out.set(first + static_cast<std::int64_t>(end + k));
    end += length;
  }
  if (end != total)
    in.refuse("have runs that do not reach the span's end; buckets missing", total - end);
  in.expect_end();
  return out;
}

bool operator==(const TimeCoverage& a, const TimeCoverage& b) noexcept {
  return a.empty_ == b.empty_ && a.min_ == b.min_ && a.max_ == b.max_ && a.shift_ == b.shift_ &&
         std::equal(a.bits_, a.bits_ + TimeCoverage::kWords, b.bits_);
}

}  // namespace inlay
