#include <algorithm>
#include <cmath>
#include <inlay/summary/reservoir.hpp>
#include <new>

#include "summary/bytes.hpp"

// Version 1, after the magic "inRS" and the version byte, base-128 integers: k, finite, null, NaN,
// +inf and -inf counts; 8 bytes each: seed and state of the random numbers; if there were k values
// or more: the place of the next value to take, less the count (base-128), and the log of the
// threshold (8 bytes); the sample, 8 bytes a value.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inRS";
constexpr std::uint8_t kVersion = 1;

}  // namespace

std::vector<std::uint8_t> Reservoir::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(k_);
  out.varint(count_);
  out.varint(null_count_);
  out.varint(nan_count_);
  out.varint(pos_inf_count_);
  out.varint(neg_inf_count_);
  out.u64(seed_);
  out.u64(random_);
  if (count_ >= k_) {
    out.varint(next_ - count_);
    out.f64(log_threshold_);
  }
  for (std::uint32_t i = 0; i < size(); ++i) out.f64(sample_[i]);
  return out.take();
}

Reservoir Reservoir::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a Reservoir");
  in.expect(kMagic, kVersion);
  const std::uint64_t k = in.varint();
  if (k == 0 || k > kMaxSize) in.refuse("have k", k);
  Reservoir out(static_cast<std::uint32_t>(k));
  std::uint64_t count = 0;
  for (std::uint64_t* read :
       {&count, &out.null_count_, &out.nan_count_, &out.pos_inf_count_, &out.neg_inf_count_}) {
    *read = in.varint();
    if (*read > INT64_MAX) in.refuse("have too large a count", *read);
  }
  out.seed_ = in.u64();
  out.random_ = in.u64();
  if (count >= k) {
    const std::uint64_t passed = in.varint();
    if (passed > UINT64_MAX - count) in.refuse("pass over too many values", passed);
    out.next_ = count + passed;
    out.log_threshold_ = in.f64();
    if (!std::isfinite(out.log_threshold_) || out.log_threshold_ >= 0) {
      in.refuse("have, where a negative logarithm belongs,", out.log_threshold_);
    }
  }
  const std::uint64_t held = std::min(count, k);
  if (in.left() / sizeof(double) < held) in.refuse("are cut short; values", held);
  if (!out.reserve(held)) throw std::bad_alloc();
  out.count_ = count;
  for (std::uint64_t i = 0; i < held; ++i) {
    out.sample_[i] = in.f64();
    if (!std::isfinite(out.sample_[i])) in.refuse("have, in the sample,", out.sample_[i]);
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
