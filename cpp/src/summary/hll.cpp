#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <new>
#include <utility>

#include "summary/bucket_memory.hpp"
#include "summary/coupon_kernels.hpp"
#include "summary/hll_limits.hpp"
#include "summary/murmur3.hpp"

namespace inlay {
namespace {

constexpr std::size_t kBlock = 1024;
constexpr int kLgFirstCoupons = 3;

// Coupons are hashes already, but of foreign bytes the low bits may all be alike.
std::uint32_t home_of(std::uint32_t coupon, int lg_size) {
  return (coupon * std::uint32_t{0x9E3779B1}) >> (32 - lg_size);
}

// Where the coupon stands, or the free entry where it belongs.
std::uint32_t* find(std::uint32_t* coupons, int lg_size, std::uint32_t coupon) {
  const std::uint32_t mask = (std::uint32_t{1} << lg_size) - 1;
  std::uint32_t at = home_of(coupon, lg_size);
  while (coupons[at] != 0 && coupons[at] != coupon) at = (at + 1) & mask;
  return coupons + at;
}

// Registers are bytes, which may stand for anything: without pointers of one's own, each store
// makes the compiler read the members anew.
void raise_to(std::uint8_t* registers, const std::uint8_t* others, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) registers[i] = std::max(registers[i], others[i]);
}

std::size_t bytes_of_coupons(int lg_size) {
  return lg_size == 0 ? 0 : sizeof(std::uint32_t) << lg_size;
}

}  // namespace

Hll::Hll(int lg_k) : lg_k_(static_cast<std::uint8_t>(lg_k)) {
  if (lg_k < kMinLgK || lg_k > kMaxLgK) {
    detail::fail<InvalidArgument>("lg_k must lie within 4 to 21", lg_k);
  }
}

Hll::Hll(const Hll& other) : Hll(other.lg_k_) {
  if (!assign(other)) throw std::bad_alloc();
}

Hll::Hll(Hll&& other) noexcept : lg_k_(other.lg_k_) { swap(other); }

Hll& Hll::operator=(const Hll& other) {
  if (!assign(other)) throw std::bad_alloc();
  return *this;
}

Hll& Hll::operator=(Hll&& other) noexcept {
  Hll moved(std::move(other));
  swap(moved);
  return *this;
}

Hll::~Hll() { release(); }

void Hll::swap(Hll& other) noexcept {
  std::swap(registers_, other.registers_);
  std::swap(coupons_, other.coupons_);
  std::swap(size_, other.size_);
  std::swap(lg_k_, other.lg_k_);
  std::swap(lg_registers_, other.lg_registers_);
  std::swap(lg_coupons_, other.lg_coupons_);
  std::swap(floor_, other.floor_);
  std::swap(dense_, other.dense_);
  std::swap(counts_complete_, other.counts_complete_);
  std::swap(counts_, other.counts_);
}

void Hll::release() noexcept {
  detail::bucket_memory.release(registers_);
  detail::bucket_memory.release(coupons_);
  registers_ = nullptr;
  coupons_ = nullptr;
  lg_registers_ = lg_coupons_ = 0;
}

// ---- the state -------------------------------------------------------------------------------

template <class F>
void Hll::for_each_coupon(F&& f) const {
  for (std::size_t i = 0; i < bytes_of_coupons(lg_coupons_) / sizeof(std::uint32_t); ++i) {
    if (coupons_[i] != 0) f(coupons_[i]);
  }
}

void Hll::find_floor() noexcept {
  constexpr std::size_t kLanes = 16;  // divides any number of registers
  std::uint8_t lowest[kLanes];
  std::memset(lowest, 0xFF, sizeof(lowest));
  const std::uint8_t* const registers = registers_;
  for (std::size_t i = 0; i < std::size_t{1} << lg_k_; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lowest[lane] = std::min(lowest[lane], registers[i + lane]);
    }
  }
  floor_ = *std::min_element(lowest, lowest + kLanes);
  size_ = 0;
}

// No branch on whether the register rises: that cannot be foreseen, and the store costs less. So
// the floor is not followed but looked for now and then; one that is too low does no harm.
void Hll::raise(const std::uint32_t* coupons, std::size_t size) noexcept {
  const std::uint32_t mask = (std::uint32_t{1} << lg_k_) - 1;
  std::uint8_t* const registers = registers_;
  for (std::size_t i = 0; i < size; ++i) {
    std::uint8_t& reg = registers[coupons[i] & mask];
    reg = std::max(reg, static_cast<std::uint8_t>(coupons[i] >> detail::kSlotBits));
  }
  size_ += static_cast<std::uint32_t>(size);
  if (size_ > mask) find_floor();
}

bool Hll::add(std::uint32_t coupon) noexcept {
  if (!dense_) return add_sparse(coupon);
  raise(&coupon, 1);
  return true;
}

bool Hll::add_sparse(std::uint32_t coupon) noexcept {
  if (lg_coupons_ == 0 && !grow()) return false;
  std::uint32_t* entry = find(coupons_, lg_coupons_, coupon);
  if (*entry == coupon) return true;
  if (size_ + 1 > detail::most_coupons(lg_k_)) return make_dense() && add(coupon);
  if (4 * (std::uint64_t{size_} + 1) > (std::uint64_t{3} << lg_coupons_)) {
    if (!grow()) return false;
    entry = find(coupons_, lg_coupons_, coupon);
  }
  *entry = coupon;
  ++size_;
  return true;
}

bool Hll::grow() noexcept {
  const int lg_size = lg_coupons_ == 0 ? kLgFirstCoupons : lg_coupons_ + 1;
  auto* wider = static_cast<std::uint32_t*>(
      detail::bucket_memory.allocate_zeroed(std::size_t{1} << lg_size, sizeof(std::uint32_t)));
  if (wider == nullptr) return false;
  for_each_coupon([&](std::uint32_t coupon) { *find(wider, lg_size, coupon) = coupon; });
  detail::bucket_memory.release(coupons_);
  coupons_ = wider;
  lg_coupons_ = static_cast<std::uint8_t>(lg_size);
  return true;
}

// Room for the registers of lg_k, with what a dense sketch has in them.
bool Hll::have_registers(int lg_k) noexcept {
  if (registers_ != nullptr && lg_registers_ >= lg_k) return true;
  void* memory = detail::bucket_memory.allocate_zeroed(std::size_t{1} << lg_k, 1);
  if (memory == nullptr) return false;
  detail::bucket_memory.release(registers_);
  registers_ = static_cast<std::uint8_t*>(memory);
  lg_registers_ = static_cast<std::uint8_t>(lg_k);
  return true;
}

bool Hll::make_dense() noexcept {
  if (!have_registers(lg_k_)) return false;
  std::memset(registers_, 0, std::size_t{1} << lg_k_);
  dense_ = true;
  floor_ = 0;
  size_ = 0;
  for_each_coupon([this](std::uint32_t coupon) { raise(&coupon, 1); });
  detail::bucket_memory.release(coupons_);
  coupons_ = nullptr;
  lg_coupons_ = 0;
  return true;
}

bool Hll::fold(int lg_k) noexcept {
  if (lg_k == lg_k_) return true;
  if (!dense_) {
    const std::uint8_t before = lg_k_;
    lg_k_ = static_cast<std::uint8_t>(lg_k);
    if (size_ <= detail::most_coupons(lg_k) || make_dense()) return true;
    lg_k_ = before;
    return false;
  }
  const std::size_t size = std::size_t{1} << lg_k;
  for (std::size_t part = size; part < std::size_t{1} << lg_k_; part += size) {
    raise_to(registers_, registers_ + part, size);
  }
  lg_k_ = static_cast<std::uint8_t>(lg_k);
  return true;
}

void Hll::fold_to(int lg_k) {
  if (lg_k < kMinLgK || lg_k > lg_k_) {
    detail::fail<InvalidArgument>(
        "lg_k must lie within 4 and the present one, " + std::to_string(lg_k_), lg_k);
  }
  if (!fold(lg_k)) throw std::bad_alloc();
}

bool Hll::merge(const Hll& other) noexcept {
  if (&other != this) {
    const int lg_k = std::min(lg_k_, other.lg_k_);
    if (!dense_ && !other.dense_) {
      Hll both(lg_k_);  // so that nothing is half added
      if (!both.assign(*this) || !both.fold(lg_k)) return false;
      bool complete = true;
      other.for_each_coupon([&](std::uint32_t coupon) { complete = complete && both.add(coupon); });
      if (!complete) return false;
      swap(both);
    } else {
      // Two steps can need memory, both of them the registers, so they come first.
      if (!have_registers(lg_k) || !fold(lg_k) || (!dense_ && !make_dense())) return false;
      if (other.dense_) {
        const std::size_t size = std::size_t{1} << lg_k;
        for (std::size_t part = 0; part < std::size_t{1} << other.lg_k_; part += size) {
          raise_to(registers_, other.registers_ + part, size);
        }
        floor_ = std::max(floor_, other.floor_);
      } else {
        other.for_each_coupon([this](std::uint32_t coupon) { raise(&coupon, 1); });
      }
    }
  }
  counts_complete_ = counts_complete_ && other.counts_complete_;
  counts_.items += other.counts_.items;
  counts_.nulls += other.counts_.nulls;
  counts_.nans += other.counts_.nans;
  counts_.pos_infs += other.counts_.pos_infs;
  counts_.neg_infs += other.counts_.neg_infs;
  return true;
}

bool Hll::assign(const Hll& other) noexcept {
  if (&other == this) return true;
  Hll copy(other.lg_k_);
  if (other.dense_) {
    if (!copy.have_registers(other.lg_k_)) return false;
    std::memcpy(copy.registers_, other.registers_, std::size_t{1} << other.lg_k_);
  } else if (other.size_ != 0) {
    const std::size_t entries = std::size_t{1} << other.lg_coupons_;
    copy.coupons_ = static_cast<std::uint32_t*>(
        detail::bucket_memory.allocate_zeroed(entries, sizeof(std::uint32_t)));
    if (copy.coupons_ == nullptr) return false;
    copy.lg_coupons_ = other.lg_coupons_;
    std::memcpy(copy.coupons_, other.coupons_, entries * sizeof(std::uint32_t));
  }
  copy.size_ = other.size_;
  copy.floor_ = other.floor_;
  copy.dense_ = other.dense_;
  copy.counts_complete_ = other.counts_complete_;
  copy.counts_ = other.counts_;
  swap(copy);
  return true;
}

void Hll::reset(bool keep_memory) noexcept {
  if (!keep_memory) {
    release();
  } else if (coupons_ != nullptr) {
    std::memset(coupons_, 0, bytes_of_coupons(lg_coupons_));
  }
  size_ = 0;
  floor_ = 0;
  dense_ = false;
  counts_complete_ = true;
  counts_ = Counts();
}

std::size_t Hll::memory_bytes() const noexcept {
  return sizeof(*this) + bytes_of_coupons(lg_coupons_) +
         (registers_ == nullptr ? 0 : std::size_t{1} << lg_registers_);
}

bool operator==(const Hll& a, const Hll& b) noexcept {
  if (a.lg_k_ != b.lg_k_ || a.dense_ != b.dense_) return false;
  if (a.dense_) return std::memcmp(a.registers_, b.registers_, std::size_t{1} << a.lg_k_) == 0;
  if (a.size_ != b.size_) return false;
  bool equal = true;
  a.for_each_coupon([&](std::uint32_t coupon) {
    equal = equal && *find(b.coupons_, b.lg_coupons_, coupon) == coupon;
  });
  return equal;
}

Hll Hll::from_registers(int lg_k, const std::uint8_t* registers, const Counts& counts) {
  Hll out(lg_k);
  if (!out.make_dense()) throw std::bad_alloc();
  for (std::size_t i = 0; i < std::size_t{1} << lg_k; ++i) {
    if (registers[i] > 63) detail::fail<InvalidArgument>("a register is 0 to 63", registers[i]);
    out.registers_[i] = registers[i];
  }
  out.find_floor();
  out.counts_ = counts;
  return out;
}

Hll Hll::from_coupons(int lg_k, const std::uint32_t* coupons, std::size_t size,
                      const Counts& counts) {
  Hll out(lg_k);
  for (std::size_t i = 0; i < size; ++i) {
    if (coupons[i] >> detail::kSlotBits == 0) {
      detail::fail<InvalidArgument>("a coupon has a value of 1 to 63", coupons[i]);
    }
    if (!out.add(coupons[i])) throw std::bad_alloc();
  }
  out.counts_ = counts;
  return out;
}

// ---- items -----------------------------------------------------------------------------------

bool Hll::update(std::int64_t item) noexcept {
  const detail::Hash128 hash = detail::murmur_of_word(static_cast<std::uint64_t>(item));
  if (!add(detail::coupon_of(hash))) return false;
  ++counts_.items;
  return true;
}

bool Hll::update(double item) noexcept {
  if (!std::isfinite(item)) {
    ++(item != item ? counts_.nans : item > 0 ? counts_.pos_infs : counts_.neg_infs);
    return true;
  }
  return update(std::bit_cast<std::int64_t>(item + 0.0));  // of both zeros the positive one
}

bool Hll::update(std::string_view item) noexcept {
  if (!add(detail::coupon_of(detail::murmur_of_bytes(item.data(), item.size())))) return false;
  ++counts_.items;
  return true;
}

// Returns how many found no memory.
std::size_t Hll::add_all(const std::uint32_t* coupons, std::size_t size) noexcept {
  std::size_t failed = 0;
  std::size_t i = 0;
  for (; i < size && !dense_; ++i) {
    const bool known = lg_coupons_ != 0 && *find(coupons_, lg_coupons_, coupons[i]) == coupons[i];
    if (!known) failed += add_sparse(coupons[i]) ? 0U : 1U;
  }
  if (i < size) raise(coupons + i, size - i);
  return failed;
}

std::size_t Hll::update_words(const std::uint64_t* words, std::size_t size) noexcept {
  const detail::CouponKernels& kernels = detail::coupon_kernels();
  std::uint32_t coupons[kBlock];
  std::size_t failed = 0;
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t n = std::min(kBlock, size - at);
    // Once no register is empty, most hashes can be passed over unseen.
    const std::size_t kept = kernels.coupons_of_words(words + at, n, dense_ ? floor_ : 0U, coupons);
    failed += add_all(coupons, kept);
  }
  counts_.items += size - failed;
  return size - failed;
}

std::size_t Hll::update(const std::int64_t* items, std::size_t size) noexcept {
  return update_words(reinterpret_cast<const std::uint64_t*>(items), size);
}

std::size_t Hll::update(const std::uint64_t* items, std::size_t size) noexcept {
  return update_words(items, size);
}

std::size_t Hll::update(const double* items, std::size_t size) noexcept {
  std::uint64_t words[kBlock];
  std::size_t counted = 0;
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t n = std::min(kBlock, size - at);
    constexpr std::uint64_t kExponent = std::uint64_t{0x7FF} << 52;
    std::uint64_t special = 0;
    for (std::size_t i = 0; i < n; ++i) {
      words[i] = std::bit_cast<std::uint64_t>(items[at + i] + 0.0);
      special |= (words[i] & kExponent) == kExponent ? 1U : 0U;
    }
    std::size_t finite = n;
    if (special != 0) [[unlikely]] {
      finite = 0;
      for (std::size_t i = 0; i < n; ++i) {
        if (std::isfinite(items[at + i])) {
          words[finite++] = words[i];
        } else {
          update(items[at + i]);
        }
      }
    }
    counted += n - finite + update_words(words, finite);
  }
  return counted;
}

std::size_t Hll::update(const bool* items, std::size_t size) noexcept {
  // All that counts is which of the two occur.
  const auto trues = static_cast<std::size_t>(std::count(items, items + size, true));
  std::size_t counted = 0;
  for (const bool item : {false, true}) {
    const std::size_t n = item ? trues : size - trues;
    if (n == 0 || !update(item)) continue;
    counts_.items += n - 1;
    counted += n;
  }
  return counted;
}

std::size_t Hll::update(const std::string_view* items, std::size_t size) noexcept {
  std::uint32_t coupons[kBlock];
  std::size_t failed = 0;
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t n = std::min(kBlock, size - at);
    const unsigned floor = dense_ ? floor_ : 0U;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::string_view item = items[at + i];
      const detail::Hash128 hash = detail::murmur_of_bytes(item.data(), item.size());
      coupons[kept] = detail::coupon_of(hash);
      kept += detail::exceeds(hash, floor) ? 1U : 0U;
    }
    failed += add_all(coupons, kept);
  }
  counts_.items += size - failed;
  return size - failed;
}

}  // namespace inlay
