#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/summary/reservoir.hpp>
#include <new>
#include <type_traits>
#include <utility>

#include "summary/bucket_memory.hpp"
#include "summary/random.hpp"

namespace inlay {
namespace {

constexpr std::uint64_t kMaxCount = INT64_MAX;  // counts become int64 columns
// Long enough to hide what it costs to go on to the next, short enough for the first-level cache.
constexpr std::size_t kBlock = 1024;

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

// One branch a block: the top bit of a sum tells that an exponent was all ones.
template <class T>
bool all_finite(const T* values, std::size_t size) noexcept {
  using Bits = BitsOf<T>;
  // Baseline registers; `using` would drop the attribute of a type that depends on T.
  typedef Bits Lanes __attribute__((vector_size(16)));
  constexpr Bits kMagnitude = ~Bits{0} >> 1;
  constexpr Bits kCarry = Bits{1} << (sizeof(T) == 8 ? 52 : 23);
  constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(T);
  Lanes even = {};
  Lanes odd = {};
  std::size_t i = 0;
  for (; i + 2 * kLanes <= size; i += 2 * kLanes) {
    Lanes bits[2];
    std::memcpy(bits, values + i, sizeof(bits));
    even |= (bits[0] & kMagnitude) + kCarry;
    odd |= (bits[1] & kMagnitude) + kCarry;
  }
  even |= odd;
  Bits any = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) any |= even[lane];
  for (; i < size; ++i) any |= (std::bit_cast<Bits>(values[i]) & kMagnitude) + kCarry;
  return any <= kMagnitude;
}

}  // namespace

Reservoir::Reservoir(std::uint32_t k, std::uint64_t seed)
    : random_(detail::random_state(seed)), k_(k), seed_(seed) {
  if (k == 0 || k > kMaxSize) {
    detail::fail<InvalidArgument>("k must lie within 1 to 16777216", k);
  }
}

Reservoir::Reservoir(const Reservoir& other) : Reservoir(other.k_, other.seed_) {
  if (!assign(other)) throw std::bad_alloc();
}

Reservoir::Reservoir(Reservoir&& other) noexcept
    : random_(detail::random_state(other.seed_)), k_(other.k_), seed_(other.seed_) {
  swap(other);
}

Reservoir& Reservoir::operator=(const Reservoir& other) {
  if (!assign(other)) throw std::bad_alloc();
  return *this;
}

Reservoir& Reservoir::operator=(Reservoir&& other) noexcept {
  Reservoir moved(std::move(other));
  swap(moved);
  return *this;
}

Reservoir::~Reservoir() { detail::bucket_memory.release(sample_); }

void Reservoir::swap(Reservoir& other) noexcept {
  std::swap(count_, other.count_);
  std::swap(next_, other.next_);
  std::swap(log_threshold_, other.log_threshold_);
  std::swap(random_, other.random_);
  std::swap(sample_, other.sample_);
  std::swap(room_, other.room_);
  std::swap(k_, other.k_);
  std::swap(seed_, other.seed_);
  std::swap(null_count_, other.null_count_);
  std::swap(nan_count_, other.nan_count_);
  std::swap(pos_inf_count_, other.pos_inf_count_);
  std::swap(neg_inf_count_, other.neg_inf_count_);
}

bool Reservoir::reserve(std::size_t size) noexcept {
  if (size <= room_) return true;
  std::size_t room = room_ == 0 ? 16 : std::size_t{room_} * 2;
  room = std::min<std::size_t>(std::max(room, size), k_);
  auto* sample = static_cast<double*>(detail::bucket_memory.allocate_zeroed(room, sizeof(double)));
  if (sample == nullptr) return false;
  if (this->size() != 0) std::memcpy(sample, sample_, this->size() * sizeof(double));
  detail::bucket_memory.release(sample_);
  sample_ = sample;
  room_ = static_cast<std::uint32_t>(room);
  return true;
}

// The greatest of k uniform numbers below a threshold is distributed as its k-th root.
void Reservoir::lower_threshold() noexcept {
  log_threshold_ += detail::portable_log(detail::random_unit(random_)) / k_;
}

// Values pass while theirs of the uniform numbers is above the threshold.
void Reservoir::draw_next() noexcept {
  const double passed = std::floor(detail::portable_log(detail::random_unit(random_)) /
                                   detail::portable_log1m_exp(-log_threshold_));
  next_ = passed < 0x1p62 ? count_ + static_cast<std::uint64_t>(passed) : UINT64_MAX;
}

template <class T>
std::size_t Reservoir::take(const T* values, std::size_t size) noexcept {
  std::size_t i = 0;
  if (count_ < k_) {
    const std::size_t held = this->size();
    std::size_t added = std::min<std::size_t>(size, k_ - held);
    if (!reserve(held + added)) added = room_ - held;
    for (; i < added; ++i) sample_[held + i] = double{values[i]};
    count_ += added;
    if (count_ < k_) return added;
    log_threshold_ = 0;
    lower_threshold();
    draw_next();
  }
  while (next_ - count_ < size - i) {
    i += static_cast<std::size_t>(next_ - count_);
    sample_[detail::random_below(random_, k_)] = double{values[i]};
    ++i;
    count_ = next_ + 1;
    lower_threshold();
    draw_next();
  }
  count_ += size - i;
  return size;
}

void Reservoir::count_apart(double value) noexcept {
  ++(std::isnan(value) ? nan_count_ : value > 0 ? pos_inf_count_ : neg_inf_count_);
}

template <class T>
std::size_t Reservoir::show(const T* values, std::size_t size) noexcept {
  for (std::size_t begin = 0; begin < size;) {
    const std::size_t block = std::min(size - begin, kBlock);
    const T* run = values + begin;
    if (all_finite(run, block)) {
      const std::size_t done = take(run, block);
      begin += done;
      if (done != block) return begin;
      continue;
    }
    for (std::size_t i = 0; i < block;) {
      std::size_t end = i;
      while (end < block && std::isfinite(run[end])) ++end;
      const std::size_t done = take(run + i, end - i);
      if (done != end - i) return begin + i + done;
      if (end < block) count_apart(double{run[end++]});
      i = end;
    }
    begin += block;
  }
  return size;
}

bool Reservoir::update(double value) noexcept { return show(&value, 1) == 1; }

std::size_t Reservoir::update(const double* values, std::size_t size) noexcept {
  return show(values, size);
}

std::size_t Reservoir::update(const float* values, std::size_t size) noexcept {
  return show(values, size);
}

bool Reservoir::merge(const Reservoir& other) {
  if (k_ != other.k_ && other.count_ > other.k_) {
    detail::fail<InvalidArgument>(
        "k must be that of the other reservoir, which holds but a part of its values; k here is " +
            detail::describe(k_) + ", there",
        other.k_);
  }
  if (other.count_ > kMaxCount - count_) {
    detail::fail<InvalidArgument>(
        "counts must stay below 2^63; to " + detail::describe(count_) + " cannot be added",
        other.count_);
  }
  const std::uint64_t count = count_ + other.count_;
  if (other.count_ != 0) {
    const auto kept = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, k_));
    // Not in place: `other` may be this very reservoir.
    Reservoir sum(k_, seed_);
    if (!sum.reserve(kept)) return false;
    // Each state counts once, whatever the other: parts made alike must not cancel out.
    sum.random_ = detail::mixed(random_ + std::rotl(detail::mixed(other.random_), 32));
    std::uint64_t mine = count_;
    std::uint64_t theirs = other.count_;
    std::uint32_t from_mine = 0;
    if (count <= k_) {
      from_mine = size();
    } else {
      for (std::uint32_t i = 0; i < kept; ++i) {
        if (detail::random_below(sum.random_, mine + theirs) < mine) {
          --mine;
          ++from_mine;
        } else {
          --theirs;
        }
      }
    }
    std::uint32_t at = 0;
    const auto choose = [&](const Reservoir& from, std::uint32_t wanted) {
      // Each is taken with the probability wanted / left (Knuth, algorithm S of 3.4.2).
      for (std::uint32_t i = 0; wanted > 0; ++i) {
        const std::uint32_t left = from.size() - i;
        if (left > wanted && detail::random_below(sum.random_, left) >= wanted) continue;
        sum.sample_[at++] = from.sample_[i];
        --wanted;
      }
    };
    choose(*this, from_mine);
    choose(other, kept - from_mine);
    sum.count_ = count;
    if (count >= k_) {
      // The k-th least of `count` uniform numbers is 1 - exp(-E1/count - E2/(count-1) - …) with
      // k exponential numbers E (Renyi, 1953).
      double exponent = 0;
      for (std::uint32_t i = 0; i < k_; ++i) {
        exponent -=
            detail::portable_log(detail::random_unit(sum.random_)) / static_cast<double>(count - i);
      }
      sum.log_threshold_ = detail::portable_log(detail::portable_one_less_exp(exponent));
      sum.draw_next();
    }
    std::swap(sample_, sum.sample_);
    std::swap(room_, sum.room_);
    count_ = count;
    next_ = sum.next_;
    log_threshold_ = sum.log_threshold_;
    random_ = sum.random_;
  }
  null_count_ += other.null_count_;
  nan_count_ += other.nan_count_;
  pos_inf_count_ += other.pos_inf_count_;
  neg_inf_count_ += other.neg_inf_count_;
  return true;
}

bool Reservoir::assign(const Reservoir& other) noexcept {
  if (&other == this) return true;
  double* sample = nullptr;
  const std::uint32_t held = other.size();
  if (held != 0) {
    sample = static_cast<double*>(detail::bucket_memory.allocate_zeroed(held, sizeof(double)));
    if (sample == nullptr) return false;
    std::memcpy(sample, other.sample_, held * sizeof(double));
  }
  detail::bucket_memory.release(sample_);
  sample_ = sample;
  room_ = held;
  count_ = other.count_;
  next_ = other.next_;
  log_threshold_ = other.log_threshold_;
  random_ = other.random_;
  k_ = other.k_;
  seed_ = other.seed_;
  null_count_ = other.null_count_;
  nan_count_ = other.nan_count_;
  pos_inf_count_ = other.pos_inf_count_;
  neg_inf_count_ = other.neg_inf_count_;
  return true;
}

void Reservoir::reset(bool keep_memory) noexcept {
  if (!keep_memory) {
    detail::bucket_memory.release(sample_);
    sample_ = nullptr;
    room_ = 0;
  }
  count_ = next_ = null_count_ = nan_count_ = pos_inf_count_ = neg_inf_count_ = 0;
  log_threshold_ = 0;
  random_ = detail::random_state(seed_);
}

std::size_t Reservoir::memory_bytes() const noexcept {
  return sizeof(*this) + std::size_t{room_} * sizeof(double);
}

bool operator==(const Reservoir& a, const Reservoir& b) noexcept {
  // Bits, so that -0.0 and 0.0 differ here as they do in the bytes.
  return a.k_ == b.k_ && a.seed_ == b.seed_ && a.count_ == b.count_ && a.next_ == b.next_ &&
         a.log_threshold_ == b.log_threshold_ && a.random_ == b.random_ &&
         a.null_count_ == b.null_count_ && a.nan_count_ == b.nan_count_ &&
         a.pos_inf_count_ == b.pos_inf_count_ && a.neg_inf_count_ == b.neg_inf_count_ &&
         (a.size() == 0 || std::memcmp(a.sample_, b.sample_, a.size() * sizeof(double)) == 0);
}

}  // namespace inlay
