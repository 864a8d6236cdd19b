#include <algorithm>
#include <array>
#include <inlay/model/logits.hpp>

#include "summary/bytes.hpp"

// Version 1, after the magic "inLG" and the version byte: the scale (zigzag); base-128 integers:
// rows, those all masked, those not finite, entries, those not finite, those masked, rows with a
// chosen token, rows whose token was out of range; for each statistic the sizes and bytes of its
// Moments and its ExpHistogram.

namespace inlay {
namespace detail {

struct LogitsAccess {
  static std::array<std::uint64_t*, 8> counts(Logits& of) {
    return {&of.rows_,        &of.masked_rows_,      &of.nonfinite_rows_,
            &of.entries_,     &of.nonfinite_count_,  &of.masked_count_,
            &of.chosen_rows_, &of.out_of_range_rows_};
  }
  static void read(Logits& of, std::size_t statistic, ByteReader& in) {
    const std::string_view moments = in.text();
    of.moments_[statistic] =
        Moments::from_bytes(reinterpret_cast<const std::uint8_t*>(moments.data()), moments.size());
    const std::string_view histogram = in.text();
    of.histograms_[statistic] = ExpHistogram::from_bytes(
        reinterpret_cast<const std::uint8_t*>(histogram.data()), histogram.size());
  }
};

}  // namespace detail

namespace {

constexpr std::string_view kMagic = "inLG";
constexpr std::uint8_t kVersion = 1;

void write(detail::ByteWriter& out, const std::vector<std::uint8_t>& bytes) {
  out.varint(bytes.size());
  out.raw(bytes.data(), bytes.size());
}

// Both summaries of a statistic counted the same values, of which there may be at most `most`.
void check(const detail::ByteReader& in, const Moments& moments, const ExpHistogram& histogram,
           int scale, std::uint64_t most) {
  if (histogram.scale() + histogram.downscales() < scale) {
    in.refuse("hold a histogram made at scale", histogram.scale() + histogram.downscales());
  }
  if (moments.count() != histogram.count() || moments.zero_count() != histogram.zero_count() ||
      moments.nan_count() != histogram.nan_count() ||
      moments.pos_inf_count() != histogram.pos_inf_count() ||
      moments.neg_inf_count() != histogram.neg_inf_count()) {
    in.refuse("count differently in moments and histogram; moments", moments.count());
  }
  if (moments.nan_count() != 0 || moments.pos_inf_count() != 0 || moments.null_count() != 0) {
    in.refuse("hold what no row gives; NaN", moments.nan_count());
  }
  if (moments.count() > most || moments.neg_inf_count() > most - moments.count()) {
    in.refuse("count more values than rows", moments.count());
  }
}

}  // namespace

std::vector<std::uint8_t> Logits::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.zigzag(scale_);
  Logits& self = const_cast<Logits&>(*this);  // only read
  for (const std::uint64_t* count : detail::LogitsAccess::counts(self)) out.varint(*count);
  for (std::size_t s = 0; s < kStatistics; ++s) {
    write(out, moments_[s].to_bytes());
    write(out, histograms_[s].to_bytes());
  }
  return out.take();
}

Logits Logits::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a Logits");
  in.expect(kMagic, kVersion);
  const std::int64_t scale = in.zigzag();
  if (scale < ExpHistogram::kMinScale || scale > ExpHistogram::kMaxScale) {
    in.refuse("have scale", scale);
  }
  Logits out(static_cast<int>(scale));
  for (std::uint64_t* count : detail::LogitsAccess::counts(out)) {
    *count = in.varint();
    if (*count > INT64_MAX) in.refuse("have too large a count", *count);
  }
  const std::uint64_t rows = out.rows_;
  if (out.masked_rows_ > rows || out.nonfinite_rows_ > rows - out.masked_rows_) {
    in.refuse("have more undefined rows than rows", out.undefined_rows());
  }
  if (out.chosen_rows_ > rows || out.out_of_range_rows_ > rows - out.chosen_rows_) {
    in.refuse("have more chosen tokens than rows", out.chosen_rows_);
  }
  if (out.masked_count_ > out.entries_ || out.nonfinite_count_ > out.entries_ - out.masked_count_) {
    in.refuse("have more masked and not finite entries than entries", out.masked_count_);
  }
  if (out.nonfinite_count_ < out.nonfinite_rows_) {
    in.refuse("have fewer not finite entries than rows with one", out.nonfinite_count_);
  }
  for (std::size_t s = 0; s < kStatistics; ++s) {
    detail::LogitsAccess::read(out, s, in);
    const std::uint64_t defined = rows - out.undefined_rows();
    check(in, out.moments_[s], out.histograms_[s], out.scale_,
          s < kLogProb ? defined : std::min(defined, out.chosen_rows_));
    if (s < kLogProb && out.moments_[s].count() != defined) {
      in.refuse("count another number of values than defined rows", out.moments_[s].count());
    }
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
