#include <algorithm>
#include <array>
#include <inlay/error.hpp>
#include <inlay/model/logits.hpp>
#include <string>
#include <utility>

#include "summary/bytes.hpp"

// Version 1, after the magic "inLG" and the version byte: the scale (zigzag); base-128 integers:
// rows, those all masked, those not finite, entries, those not finite, those masked, rows with a
// chosen token, rows whose token was out of range; for each statistic the sizes and bytes of its
// Moments and its ExpHistogram.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inLG";
constexpr std::uint8_t kVersion = 1;

template <class Fields>
auto counts_of(Fields& of) {
  return std::array{&of.rows,        &of.masked_rows,      &of.nonfinite_rows,
                    &of.entries,     &of.nonfinite_count,  &of.masked_count,
                    &of.chosen_rows, &of.out_of_range_rows};
}

void write(detail::ByteWriter& out, const std::vector<std::uint8_t>& bytes) {
  out.varint(bytes.size());
  out.raw(bytes.data(), bytes.size());
}

template <class Summary>
Summary read(detail::ByteReader& in) {
  const std::string_view bytes = in.text();
  return Summary::from_bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

// Calls refuse(why, value) for the first contradiction.
template <class Refuse>
void check(const Logits::Fields& f, const Refuse& refuse) {
  if (f.scale < ExpHistogram::kMinScale || f.scale > ExpHistogram::kMaxScale) {
    refuse("have scale", f.scale);
  }
  for (const std::uint64_t* count : counts_of(f)) {
    if (*count > INT64_MAX) refuse("have too large a count", *count);
  }
  if (f.masked_rows > f.rows || f.nonfinite_rows > f.rows - f.masked_rows) {
    refuse("have fewer rows than undefined ones, rows", f.rows);
  }
  if (f.chosen_rows > f.rows || f.out_of_range_rows > f.rows - f.chosen_rows) {
    refuse("have fewer rows than chosen tokens, rows", f.rows);
  }
  if (f.masked_count > f.entries || f.nonfinite_count > f.entries - f.masked_count) {
    refuse("have fewer entries than masked and not finite ones, entries", f.entries);
  }
  if (f.nonfinite_count < f.nonfinite_rows) {
    refuse("have fewer entries that are not finite than rows with one, entries", f.nonfinite_count);
  }
  const std::uint64_t defined = f.rows - f.masked_rows - f.nonfinite_rows;
  const std::uint64_t chosen = std::min(defined, f.chosen_rows);
  for (std::size_t s = 0; s < Logits::kStatistics; ++s) {
    const Moments& moments = f.moments[s];
    const ExpHistogram& histogram = f.histograms[s];
    const int base = histogram.scale() + histogram.downscales();
    if (base < f.scale) refuse("hold a histogram made at scale", base);
    if (moments.count() != histogram.count() || moments.zero_count() != histogram.zero_count() ||
        moments.neg_inf_count() != histogram.neg_inf_count()) {
      refuse("count differently in moments and histogram; moments", moments.count());
    }
    for (const std::uint64_t none :
         {moments.null_count(), moments.nan_count(), moments.pos_inf_count(), histogram.nan_count(),
          histogram.pos_inf_count()}) {
      if (none != 0) refuse("hold values that no row gives, of which", none);
    }
    const std::uint64_t most = s < Logits::kLogProb ? defined : chosen;
    const bool too_many =
        moments.count() > most || moments.neg_inf_count() > most - moments.count();
    if (too_many || (s < Logits::kLogProb && moments.count() != most)) {
      refuse("have another number of values than rows, values", moments.count());
    }
  }
}

}  // namespace

Logits Logits::from_fields(Fields fields) {
  check(fields, [](std::string_view why, auto value) {
    detail::fail<InvalidArgument>("the fields of a Logits " + std::string(why), value);
  });
  Logits out(fields.scale);
  out.rows_ = fields.rows;
  out.masked_rows_ = fields.masked_rows;
  out.nonfinite_rows_ = fields.nonfinite_rows;
  out.entries_ = fields.entries;
  out.nonfinite_count_ = fields.nonfinite_count;
  out.masked_count_ = fields.masked_count;
  out.chosen_rows_ = fields.chosen_rows;
  out.out_of_range_rows_ = fields.out_of_range_rows;
  out.moments_ = fields.moments;
  out.histograms_ = std::move(fields.histograms);
  return out;
}

std::vector<std::uint8_t> Logits::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.zigzag(scale_);
  for (const std::uint64_t count :
       {rows_, masked_rows_, nonfinite_rows_, entries_, nonfinite_count_, masked_count_,
        chosen_rows_, out_of_range_rows_}) {
    out.varint(count);
  }
  for (std::size_t s = 0; s < kStatistics; ++s) {
    write(out, moments_[s].to_bytes());
    write(out, histograms_[s].to_bytes());
  }
  return out.take();
}

Logits Logits::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a Logits");
  in.expect(kMagic, kVersion);
  Fields fields;
  const std::int64_t scale = in.zigzag();
  if (scale < ExpHistogram::kMinScale || scale > ExpHistogram::kMaxScale) {
    in.refuse("have scale", scale);
  }
  fields.scale = static_cast<int>(scale);
  for (std::uint64_t* count : counts_of(fields)) *count = in.varint();
  for (std::size_t s = 0; s < kStatistics; ++s) {
    fields.moments[s] = read<Moments>(in);
    fields.histograms[s] = read<ExpHistogram>(in);
  }
  in.expect_end();
  check(fields, [&in](std::string_view why, auto value) { in.refuse(why, value); });
  return from_fields(std::move(fields));
}

}  // namespace inlay
