#include <algorithm>
#include <bit>
#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <new>
#include <string>

#include "summary/hll_limits.hpp"
#include "summary/hll_registers.hpp"
#include "summary/murmur3.hpp"

// Apache DataSketches' HLL image, serial version 1, all little-endian:
//
// | byte | holds                                                                     |
// |------|---------------------------------------------------------------------------|
// | 0    | words of four bytes before the data: 2 list, 3 set, 10 registers          |
// | 1, 2 | serial version 1, family 7                                                |
// | 3    | lg_k                                                                      |
// | 4    | lg of the entries of the coupon table (or of HLL_4's exceptions)          |
// | 5    | flags: 4 empty, 8 compact, 16 out of order                                |
// | 6    | coupons of a list; the value that HLL_4's nibbles count from              |
// | 7    | 0 list, 1 set, 2 registers, plus 4 times the type: 0 HLL_4, 1 HLL_6, 2 HLL_8 |
//
// A list has its coupons (4 bytes each) from byte 8 on. A set has their number at 8 and them from
// 12 on. Registers have at 8 the historic estimate, at 16 and 24 the sums of 2^-value over values
// below 32 and from 32 on, at 32 the number of registers at byte 6's value, at 36 that of the
// exceptions, and from 40 on the registers: one byte each, 6 bits (and one byte more), or 4 bits,
// of which 15 stands for an exception. These follow as coupons. What is not compact holds its whole
// table, with zeros in free entries.

namespace inlay {
namespace {

constexpr std::size_t kListHead = 8;
constexpr std::size_t kSetHead = 12;
constexpr std::size_t kRegistersHead = 40;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kFamily = 7;
constexpr unsigned kEmpty = 4;
constexpr unsigned kCompact = 8;
constexpr unsigned kOutOfOrder = 16;
enum Mode : std::uint8_t { kList = 0, kSet = 1, kRegisters = 2 };
enum Type : std::uint8_t { kHll4 = 0, kHll6 = 1, kHll8 = 2 };
constexpr unsigned kException = 15;

/// Bytes that may be anything at all.
class Image {
 public:
  Image(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  std::size_t size() const { return size_; }
  void need(std::size_t size) const {
    if (size_ < size) refuse(size_, "are cut short; bytes missing", size - size_);
  }
  void expect_end(std::size_t end) const {
    need(end);
    if (size_ > end) refuse(end, "go on after their end; bytes left over", size_ - end);
  }
  // need() comes first.
  std::uint8_t u8(std::size_t at) const { return bytes_[at]; }
  std::uint32_t u32(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{bytes_[at + i]} << (8 * i);
    return value;
  }
  template <class Value>
  [[noreturn]] void refuse(std::size_t at, const char* why, const Value& value) const {
    detail::fail<SerializationError>(
        "the bytes of an Hll, at byte " + std::to_string(at) + ", " + why, value);
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t size_;
};

struct Head {
  int lg_k;
  unsigned flags;
  Mode mode;
  Type type;
};

Head read_head(const Image& image) {
  image.need(kListHead);
  if (image.u8(1) != kVersion) image.refuse(1, "are of serial version", image.u8(1));
  if (image.u8(2) != kFamily) image.refuse(2, "are of another family of sketches", image.u8(2));
  const int lg_k = image.u8(3);
  if (lg_k < Hll::kMinLgK || lg_k > Hll::kMaxLgK) image.refuse(3, "have lg_k", lg_k);
  const unsigned mode = image.u8(7) & 3U;
  const unsigned type = image.u8(7) >> 2 & 3U;
  if (mode > kRegisters) image.refuse(7, "have mode", mode);
  if (type > kHll8) image.refuse(7, "have type", type);
  constexpr unsigned kWords[] = {2, 3, 10};
  if (image.u8(0) != kWords[mode]) {
    image.refuse(0, "have, for their mode, a head of words", image.u8(0));
  }
  return {lg_k, image.u8(5), static_cast<Mode>(mode), static_cast<Type>(type)};
}

// Calls f(coupon) for `count` coupons, which end the image: all entries from `at` on, or those of
// a table that are not free.
template <class F>
void read_coupons(const Image& image, std::size_t at, std::size_t count, bool compact, F&& f) {
  if (count > (image.size() - at) / 4) {
    image.refuse(at, "are cut short; coupons", count);
  }
  if (compact) image.expect_end(at + 4 * count);
  if ((image.size() - at) % 4 != 0) image.refuse(at, "end inside a coupon; bytes", image.size());
  std::size_t found = 0;
  for (; at < image.size(); at += 4) {
    const std::uint32_t coupon = image.u32(at);
    if (coupon == 0 && !compact) continue;
    if (coupon >> detail::kSlotBits == 0) image.refuse(at, "hold a coupon without a value", coupon);
    if (++found > count) image.refuse(at, "hold more coupons than they say", count);
    f(at, coupon);
  }
  if (found != count) image.refuse(image.size(), "hold fewer coupons than they say", found);
}

void read_registers(const Image& image, const Head& head, std::uint8_t* registers) {
  const std::size_t size = std::size_t{1} << head.lg_k;
  const bool compact = (head.flags & kCompact) != 0;
  const std::size_t exceptions = image.u32(36);
  if (head.type != kHll4) {
    if (exceptions != 0) image.refuse(36, "have exceptions though not of HLL_4", exceptions);
    if (image.u8(6) != 0) image.refuse(6, "have a base value though not of HLL_4", image.u8(6));
  }
  if (head.type == kHll8) {
    image.expect_end(kRegistersHead + size);
    for (std::size_t i = 0; i < size; ++i) {
      registers[i] = image.u8(kRegistersHead + i);
      if (registers[i] > 63) {
        image.refuse(kRegistersHead + i, "have a register above 63", registers[i]);
      }
    }
    return;
  }
  if (head.type == kHll6) {
    image.expect_end(kRegistersHead + size / 4 * 3 + 1);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t at = kRegistersHead + i * 6 / 8;
      const unsigned pair = image.u8(at) | unsigned{image.u8(at + 1)} << 8;
      registers[i] = static_cast<std::uint8_t>(pair >> (i * 6 % 8) & 63U);
    }
    return;
  }
  const std::size_t end = kRegistersHead + size / 2;
  image.need(end);
  const unsigned base = image.u8(6);
  if (base > 63) image.refuse(6, "have a base value above 63", base);
  std::size_t open = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = kRegistersHead + i / 2;
    const unsigned nibble = i % 2 == 0 ? image.u8(at) & 15U : image.u8(at) >> 4;
    if (nibble == kException) {
      registers[i] = 0xFF;
      ++open;
    } else if (base + nibble > 63) {
      image.refuse(at, "have a register above 63", base + nibble);
    } else {
      registers[i] = static_cast<std::uint8_t>(base + nibble);
    }
  }
  if (open != exceptions) {
    image.refuse(36, "have another number of exceptions than they say", exceptions);
  }
  // Each exception once: filling what is filled, or missing one, leaves the count off.
  read_coupons(image, end, exceptions, compact, [&](std::size_t at, std::uint32_t coupon) {
    const std::size_t slot = coupon & detail::kSlotMask;
    const unsigned value = coupon >> detail::kSlotBits;
    if (slot >= size || registers[slot] != 0xFF) {
      image.refuse(at, "have an exception for a register that is none", slot);
    }
    if (value < base + kException) image.refuse(at, "have an exception that is none", value);
    registers[slot] = static_cast<std::uint8_t>(value);
  });
}

class Writer {
 public:
  Writer(std::size_t size, int lg_k, unsigned words, unsigned lg_entries, unsigned flags, Mode mode)
      : bytes_(size) {
    bytes_[0] = static_cast<std::uint8_t>(words);
    bytes_[1] = kVersion;
    bytes_[2] = kFamily;
    bytes_[3] = static_cast<std::uint8_t>(lg_k);
    bytes_[4] = static_cast<std::uint8_t>(lg_entries);
    bytes_[5] = static_cast<std::uint8_t>(flags);
    bytes_[7] = static_cast<std::uint8_t>(mode | kHll8 << 2);
  }
  std::uint8_t& operator[](std::size_t at) { return bytes_[at]; }
  void number(std::size_t at, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      bytes_[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
  }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

// Exact: at most 2^21 terms of at least 2^-31, or of at least 2^-63 and below 2^-31.
double sum_of_powers(const detail::RegisterCounts& counts, int first, int end) {
  double sum = 0;
  for (int value = end - 1; value >= first; --value) {
    const auto terms = static_cast<double>(counts[static_cast<std::size_t>(value)]);
    sum += terms / static_cast<double>(std::uint64_t{1} << value);
  }
  return sum;
}

}  // namespace

std::vector<std::uint8_t> Hll::to_bytes() const {
  if (dense_) {
    const std::size_t size = std::size_t{1} << lg_k_;
    const detail::RegisterCounts counts = detail::count_registers(registers_, size);
    // No historic estimate: out of order, it stays 0.
    Writer out(kRegistersHead + size, lg_k_, 10, 0, kCompact | kOutOfOrder, kRegisters);
    out.number(16, std::bit_cast<std::uint64_t>(sum_of_powers(counts, 0, 32)), 8);
    out.number(24, std::bit_cast<std::uint64_t>(sum_of_powers(counts, 32, 64)), 8);
    out.number(32, counts[0], 4);
    std::copy(registers_, registers_ + size, &out[kRegistersHead]);
    return out.take();
  }
  std::vector<std::uint32_t> coupons;
  coupons.reserve(size_);
  for (std::size_t i = 0; i < (std::size_t{1} << lg_coupons_) && coupons_ != nullptr; ++i) {
    if (coupons_[i] != 0) coupons.push_back(coupons_[i]);
  }
  std::sort(coupons.begin(), coupons.end());
  const bool list = coupons.size() < 8;
  unsigned lg_entries = list ? 3 : 5;
  while (!list && 4 * coupons.size() > std::size_t{3} << lg_entries) ++lg_entries;
  std::size_t at = list ? kListHead : kSetHead;
  Writer out(at + 4 * coupons.size(), lg_k_, list ? 2 : 3, lg_entries,
             kCompact | (coupons.empty() ? kEmpty : 0), list ? kList : kSet);
  if (list) {
    out[6] = static_cast<std::uint8_t>(coupons.size());
  } else {
    out.number(8, coupons.size(), 4);
  }
  for (const std::uint32_t coupon : coupons) {
    out.number(at, coupon, 4);
    at += 4;
  }
  return out.take();
}

Hll Hll::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  const Image image(bytes, size);
  const Head head = read_head(image);
  Hll out(head.lg_k);
  if (head.mode == kRegisters) {
    image.need(kRegistersHead + (std::size_t{1} << head.lg_k) / 2);  // before memory is taken
    if (!out.make_dense()) throw std::bad_alloc();
    read_registers(image, head, out.registers_);
    out.find_floor();
  } else {
    const bool list = head.mode == kList;
    const std::size_t at = list ? kListHead : kSetHead;
    image.need(at);
    const std::size_t count = list ? image.u8(6) : image.u32(8);
    if (((head.flags & kEmpty) != 0) != (count == 0)) {
      image.refuse(5, "say of empty what their coupons do not; flags", head.flags);
    }
    const bool compact = (head.flags & kCompact) != 0;
    std::size_t before = 0;
    read_coupons(image, at, count, compact, [&](std::size_t place, std::uint32_t coupon) {
      if (!out.add(coupon)) throw std::bad_alloc();
      if (out.dense_) return;  // more than a writer keeps; what is twice cannot be told
      if (out.size_ == before) image.refuse(place, "hold a coupon twice", coupon);
      before = out.size_;
    });
  }
  out.counts_complete_ = out.empty();
  return out;
}

Hll Hll::from_bytes(const std::uint8_t* bytes, std::size_t size, const Counts& counts) {
  for (const std::uint64_t count :
       {counts.items, counts.nulls, counts.nans, counts.pos_infs, counts.neg_infs}) {
    if (count > INT64_MAX) detail::fail<InvalidArgument>("a count must be below 2^63", count);
  }
  Hll out = from_bytes(bytes, size);
  out.counts_ = counts;
  out.counts_complete_ = true;
  return out;
}

}  // namespace inlay
