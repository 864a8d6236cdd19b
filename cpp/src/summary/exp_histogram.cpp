#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <new>
#include <type_traits>
#include <utility>

#include "summary/bucket_index.hpp"
#include "summary/bucket_memory.hpp"
#include "summary/count_width.hpp"

namespace inlay {
namespace detail {

constinit BucketMemory bucket_memory = {
    [](std::size_t count, std::size_t size) noexcept { return std::calloc(count, size); },
    [](void* memory) noexcept { std::free(memory); }};

}  // namespace detail

namespace {

// Runs grow by whole multiples of this, so that a spreading stream allocates rarely and a narrow
// one stays small.
constexpr std::int32_t kGranule = 32;

template <class Count>
void add_counts(Count* to, const ExpHistogram::Buckets& from, int shift, std::int32_t first) {
  for (std::uint32_t i = 0; i < from.size(); ++i) {
    const std::int32_t index = (from.offset() + static_cast<std::int32_t>(i)) >> shift;
    to[index - first] = static_cast<Count>(to[index - first] + from[i]);
  }
}

template <class Count>
void halve(Count* counts, std::int32_t first, std::uint32_t capacity, int steps) {
  const std::int32_t new_first = first >> steps;
  for (std::uint32_t i = 0; i < capacity; ++i) {
    const Count moved = counts[i];
    counts[i] = 0;
    // Never after i, so nothing is overwritten before it was read.
    counts[((first + static_cast<std::int32_t>(i)) >> steps) - new_first] += moved;
  }
}

template <class Count>
void find_used(const Count* counts, std::uint32_t capacity, std::uint32_t& begin,
               std::uint32_t& end) {
  begin = 0;
  end = capacity;
  while (begin < end && counts[begin] == 0) ++begin;
  while (end > begin && counts[end - 1] == 0) --end;
}

}  // namespace

ExpHistogram::ExpHistogram(int scale)
    : scale_(static_cast<std::int8_t>(scale)),
      base_scale_(static_cast<std::int8_t>(scale)),
      shift_(static_cast<std::uint8_t>(kMaxScale - scale)) {
  if (scale < kMinScale || scale > kMaxScale) {
    detail::fail<InvalidArgument>("scale must lie within -4 to 8", scale);
  }
}

ExpHistogram::ExpHistogram(const ExpHistogram& other) : ExpHistogram(other.base_scale_) {
  if (!assign(other)) throw std::bad_alloc();
}

ExpHistogram::ExpHistogram(ExpHistogram&& other) noexcept
    : scale_(other.base_scale_),
      base_scale_(other.base_scale_),
      shift_(static_cast<std::uint8_t>(kMaxScale - other.base_scale_)) {
  swap(other);
}

ExpHistogram& ExpHistogram::operator=(const ExpHistogram& other) {
  if (!assign(other)) throw std::bad_alloc();
  return *this;
}

ExpHistogram& ExpHistogram::operator=(ExpHistogram&& other) noexcept {
  ExpHistogram moved(std::move(other));
  swap(moved);
  return *this;
}

ExpHistogram::~ExpHistogram() { release(); }

void ExpHistogram::swap(ExpHistogram& other) noexcept {
  std::swap(scale_, other.scale_);
  std::swap(base_scale_, other.base_scale_);
  std::swap(shift_, other.shift_);
  std::swap(count_, other.count_);
  std::swap(sides_, other.sides_);
  std::swap(zero_count_, other.zero_count_);
  std::swap(nan_count_, other.nan_count_);
  std::swap(pos_inf_count_, other.pos_inf_count_);
  std::swap(neg_inf_count_, other.neg_inf_count_);
}

void ExpHistogram::release() noexcept {
  for (Side& side : sides_) {
    detail::bucket_memory.release(side.counts);
    side = Side();
  }
}

ExpHistogram::Buckets ExpHistogram::used(const Side& side) const noexcept {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  if (side.capacity != 0) {
    detail::with_counts(side.counts, width(),
                        [&](const auto* counts) { find_used(counts, side.capacity, begin, end); });
  }
  Buckets out;
  if (begin == end) return out;
  out.counts_ = static_cast<const char*>(side.counts) + begin * width();
  out.offset_ = side.first + static_cast<std::int32_t>(begin);
  out.size_ = end - begin;
  out.width_ = width();
  return out;
}

void ExpHistogram::lower(int steps) noexcept {
  for (Side& side : sides_) {
    if (side.capacity == 0) continue;
    detail::with_counts(side.counts, width(),
                        [&](auto* counts) { halve(counts, side.first, side.capacity, steps); });
    side.first >>= steps;
  }
  scale_ = static_cast<std::int8_t>(scale_ - steps);
  shift_ = static_cast<std::uint8_t>(shift_ + steps);
}

// Makes room for the finest-scale indices first..last on a side, lowering the scale if the buckets
// in use and the new ones do not fit kMaxBuckets. That depends on used buckets alone, never on what
// happens to be allocated, which is why the order of values does not matter.
bool ExpHistogram::reserve(Side& side, std::int32_t finest_first,
                           std::int32_t finest_last) noexcept {
  const auto covered = [&side](std::int32_t first, std::int32_t last) {
    return first >= side.first && last < side.first + static_cast<std::int32_t>(side.capacity);
  };
  if (covered(finest_first >> shift_, finest_last >> shift_)) return true;

  const Buckets in_use = used(side);
  std::int32_t first = finest_first >> shift_;
  std::int32_t last = finest_last >> shift_;
  if (in_use.size() != 0) {
    first = std::min(first, in_use.offset());
    last = std::max(last, in_use.offset() + static_cast<std::int32_t>(in_use.size()) - 1);
  }
  int steps = 0;
  while ((last >> steps) - (first >> steps) >= kMaxBuckets) ++steps;
  if (steps > 0) {
    lower(steps);
    first >>= steps;
    last >>= steps;
    if (covered(first, last)) return true;
  }

  const std::size_t width = this->width();
  const Buckets kept = used(side);
  // Whole granules, but never more than kMaxBuckets in all.
  std::int32_t new_first = first & -kGranule;
  std::int32_t new_end = (last & -kGranule) + kGranule;
  if (side.capacity != 0 && kept.size() != 0) {
    new_first = std::min(new_first, side.first);
    new_end = std::max(new_end, side.first + static_cast<std::int32_t>(side.capacity));
  }
  if (new_end - new_first > kMaxBuckets) {
    new_first = std::max(first & -kGranule, last - (kMaxBuckets - 1));
    new_end = std::min((last & -kGranule) + kGranule, new_first + kMaxBuckets);
  }
  const auto capacity = static_cast<std::uint32_t>(new_end - new_first);
  if (capacity <= side.capacity) {
    // The run is long enough and only lies elsewhere.
    if (kept.size() != 0) {
      auto* base = static_cast<char*>(side.counts);
      const auto at = static_cast<std::size_t>(kept.offset() - new_first) * width;
      const auto length = std::size_t{kept.size()} * width;
      std::memmove(base + at, kept.counts_, length);
      std::memset(base, 0, at);
      std::memset(base + at + length, 0, std::size_t{side.capacity} * width - at - length);
    }
    side.first = new_first;
    return true;
  }
  void* counts = detail::bucket_memory.allocate_zeroed(capacity, width);
  if (counts == nullptr) return false;
  if (kept.size() != 0) {
    std::memcpy(
        static_cast<char*>(counts) + static_cast<std::size_t>(kept.offset() - new_first) * width,
        kept.counts_, std::size_t{kept.size()} * width);
  }
  detail::bucket_memory.release(side.counts);
  side = {counts, new_first, capacity};
  return true;
}

// Makes the counts as wide as a total of `count` needs. The caller raises count_ to it next, for
// width() follows from count_; nothing may fail in between.
bool ExpHistogram::widen_for(std::uint64_t count) noexcept {
  const unsigned wider = width_for(count);
  if (wider == width()) return true;
  void* moved[2] = {nullptr, nullptr};
  for (int i = 0; i < 2; ++i) {
    if (sides_[i].capacity == 0) continue;
    moved[i] = detail::bucket_memory.allocate_zeroed(sides_[i].capacity, wider);
    if (moved[i] == nullptr) {
      if (i == 1) detail::bucket_memory.release(moved[0]);
      return false;
    }
  }
  for (int i = 0; i < 2; ++i) {
    Side& side = sides_[i];
    if (side.capacity == 0) continue;
    detail::with_counts(side.counts, width(), [&](const auto* from) {
      detail::with_counts(moved[i], wider, [&](auto* to) {
        using Count = std::remove_pointer_t<decltype(to)>;
        for (std::uint32_t k = 0; k < side.capacity; ++k) to[k] = static_cast<Count>(from[k]);
      });
    });
    detail::bucket_memory.release(side.counts);
    side.counts = moved[i];
  }
  return true;
}

bool ExpHistogram::update_slow(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t magnitude = bits & detail::kMagnitudeF64;
  if (magnitude >= detail::kInfinityF64) {
    if (magnitude > detail::kInfinityF64) {
      ++nan_count_;
    } else {
      ++(bits >> 63 ? neg_inf_count_ : pos_inf_count_);
    }
    return true;
  }
  Side& side = sides_[bits >> 63];
  std::int32_t finest = 0;
  if (magnitude != 0) {
    finest = detail::finest_index(magnitude);
    if (!reserve(side, finest, finest)) return false;
  }
  if (!widen_for(count_ + 1)) return false;
  ++count_;
  if (magnitude == 0) {
    ++zero_count_;
    return true;
  }
  const std::int32_t at = (finest >> shift_) - side.first;
  detail::with_counts(side.counts, width(), [at](auto* counts) { ++counts[at]; });
  return true;
}

bool ExpHistogram::merge(const ExpHistogram& other) noexcept {
  if (&other == this) {
    ExpHistogram copy(base_scale_);
    return copy.assign(other) && merge(copy);
  }
  if (other.scale_ < scale_) lower(scale_ - other.scale_);
  for (int i = 0; i < 2; ++i) {
    const Buckets from = other.used(other.sides_[i]);
    if (from.size() == 0) continue;
    const std::int32_t last = from.offset() + static_cast<std::int32_t>(from.size()) - 1;
    // Any finest index inside the bucket does: it is shifted back.
    if (!reserve(sides_[i], from.offset() << other.shift_, last << other.shift_)) return false;
  }
  if (!widen_for(count_ + other.count_)) return false;
  base_scale_ = std::max(base_scale_, other.base_scale_);
  count_ += other.count_;
  zero_count_ += other.zero_count_;
  nan_count_ += other.nan_count_;
  pos_inf_count_ += other.pos_inf_count_;
  neg_inf_count_ += other.neg_inf_count_;
  const int shift = other.scale_ - scale_;
  for (int i = 0; i < 2; ++i) {
    const Buckets from = other.used(other.sides_[i]);
    detail::with_counts(sides_[i].counts, width(),
                        [&](auto* counts) { add_counts(counts, from, shift, sides_[i].first); });
  }
  return true;
}

bool ExpHistogram::assign(const ExpHistogram& other) noexcept {
  if (&other == this) return true;
  ExpHistogram copy(other.base_scale_);
  copy.lower(other.base_scale_ - other.scale_);
  if (!copy.merge(other)) return false;
  swap(copy);
  return true;
}

void ExpHistogram::reset(bool keep_memory) noexcept {
  if (!keep_memory || width() > 2) {
    release();  // wider counts are not kept: the next ones start narrow
  } else {
    for (Side& side : sides_) {
      if (side.capacity == 0) continue;
      std::memset(side.counts, 0, std::size_t{side.capacity} * width());
      side.first <<= base_scale_ - scale_;
    }
  }
  scale_ = base_scale_;
  shift_ = static_cast<std::uint8_t>(kMaxScale - scale_);
  count_ = zero_count_ = nan_count_ = pos_inf_count_ = neg_inf_count_ = 0;
}

void ExpHistogram::downscale_to(int scale) {
  if (scale < kMinScale || scale > scale_) {
    detail::fail<InvalidArgument>(
        "scale must lie within -4 and the present scale " + std::to_string(scale_), scale);
  }
  if (scale < scale_) lower(scale_ - scale);
}

std::size_t ExpHistogram::memory_bytes() const noexcept {
  return sizeof(*this) + width() * (std::size_t{sides_[0].capacity} + sides_[1].capacity);
}

bool operator==(const ExpHistogram& a, const ExpHistogram& b) noexcept {
  if (a.scale_ != b.scale_ || a.base_scale_ != b.base_scale_ || a.count_ != b.count_ ||
      a.zero_count_ != b.zero_count_ || a.nan_count_ != b.nan_count_ ||
      a.pos_inf_count_ != b.pos_inf_count_ || a.neg_inf_count_ != b.neg_inf_count_) {
    return false;
  }
  for (int i = 0; i < 2; ++i) {
    const auto left = a.used(a.sides_[i]);
    const auto right = b.used(b.sides_[i]);
    if (left.offset() != right.offset() || left.size() != right.size()) return false;
    for (std::uint32_t k = 0; k < left.size(); ++k) {
      if (left[k] != right[k]) return false;
    }
  }
  return true;
}

}  // namespace inlay
