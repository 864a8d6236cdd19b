#include <algorithm>
#include <cstring>
#include <inlay/data/column_profile.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "data/column_access.hpp"
#include "utf8.hpp"

// A column of a profile of version 1. A text is its size (base 128) and its bytes; a section
// likewise.
//
// path, type, time zone (texts); kind, unit, whether floats are of 32 bits (one byte each);
// precision and scale (zigzag); rows, nulls, indices out of range, empty values, invalid UTF-8
// (base 128); a section for each summary that the kind has: moments, histogram, quantiles,
// distinct, frequent, lengths' moments and histogram, coverage. Then, for all kinds: one byte, 1 if
// there are exact values, 2 if their sum overflowed; minimum, maximum, sum; one byte, 1 if there
// are extreme texts; smallest and largest (text, one byte: whether cut); one byte, 1 if there are
// points; the first and the last (8 bytes each), steps back (base 128).
//
// Values between counts, quantiles and items are not written twice: what DataSketches' bytes leave
// out follows from the counts. Those of the quantiles are reordered, since sorted doubles compress
// badly as they are: the words from the end of the section on, as many as fit beyond 20 bytes, are
// replaced by their differences, and these by all their first bytes, then all second ones, ….

namespace inlay::detail {
namespace {

constexpr std::size_t kSketchHeader = 20;  // of DataSketches' quantiles, before its levels
constexpr int kMaxScale = 300;
constexpr int kMaxPrecision = 76;

std::uint64_t load(const std::uint8_t* from, std::size_t width) noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < width; ++i) word |= std::uint64_t{from[i]} << (8 * i);
  return word;
}

std::size_t words_in(std::size_t size, std::size_t width) noexcept {
  return size > kSketchHeader ? (size - kSketchHeader) / width : 0;
}

void spread_words(std::vector<std::uint8_t>& bytes, std::size_t width) {
  const std::size_t count = words_in(bytes.size(), width);
  std::uint8_t* const tail = bytes.data() + (bytes.size() - count * width);
  const std::vector<std::uint8_t> words(tail, tail + count * width);
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = load(words.data() + i * width, width);
    const std::uint64_t step = word - before;
    before = word;
    for (std::size_t b = 0; b < width; ++b) {
      tail[b * count + i] = static_cast<std::uint8_t>(step >> (8 * b));
    }
  }
}

std::vector<std::uint8_t> gathered_words(const std::uint8_t* bytes, std::size_t size,
                                         std::size_t width) {
  std::vector<std::uint8_t> out(bytes, bytes + size);
  const std::size_t count = words_in(size, width);
  std::uint8_t* const tail = out.data() + (size - count * width);
  const std::uint8_t* const from = bytes + (size - count * width);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t step = 0;
    for (std::size_t b = 0; b < width; ++b) step |= std::uint64_t{from[b * count + i]} << (8 * b);
    word += step;
    for (std::size_t b = 0; b < width; ++b) {
      tail[i * width + b] = static_cast<std::uint8_t>(word >> (8 * b));
    }
  }
  return out;
}

void write_section(const std::vector<std::uint8_t>& bytes, ByteWriter& out) {
  out.varint(bytes.size());
  out.raw(bytes.data(), bytes.size());
}

template <class Summary>
void write_summary(const std::optional<Summary>& summary, ByteWriter& out) {
  if (summary) write_section(summary->to_bytes(), out);
}

template <class T>
void write_quantiles(const std::optional<Kll<T>>& sketch, ByteWriter& out) {
  if (!sketch) return;
  std::vector<std::uint8_t> bytes = sketch->to_bytes();
  spread_words(bytes, sizeof(T));
  write_section(bytes, out);
}

// As few bytes as hold the number, its sign included; their number first.
void write_exact(const ExactInteger& value, ByteWriter& out) {
  std::uint8_t bytes[32];
  for (unsigned i = 0; i < 32; ++i) {
    bytes[i] = static_cast<std::uint8_t>(value.limb(i / 8) >> (8 * (i % 8)));
  }
  const std::uint8_t fill = value.is_negative() ? 0xFF : 0;
  unsigned size = 32;
  while (size > 1 && bytes[size - 1] == fill && (bytes[size - 2] & 0x80U) == (fill & 0x80U)) --size;
  out.u8(static_cast<std::uint8_t>(size));
  out.raw(bytes, size);
}

ExactInteger read_exact(ByteReader& in) {
  const std::uint8_t size = in.u8();
  if (size == 0 || size > 32) in.refuse("have an integer of bytes", size);
  const std::uint8_t* const from = in.raw(size);
  const std::uint8_t fill = (from[size - 1] & 0x80U) != 0 ? 0xFF : 0;
  if (size > 1 && from[size - 1] == fill && (from[size - 2] & 0x80U) == (fill & 0x80U)) {
    in.refuse("have an integer with a needless byte", from[size - 1]);
  }
  std::uint64_t limbs[4] = {};
  for (unsigned i = 0; i < 32; ++i) {
    limbs[i / 8] |= std::uint64_t{i < size ? from[i] : fill} << (8 * (i % 8));
  }
  return ExactInteger::of_limbs(limbs[0], limbs[1], limbs[2], limbs[3]);
}

std::uint8_t read_flag(ByteReader& in, std::uint8_t most = 1) {
  const std::uint8_t flag = in.u8();
  if (flag > most) in.refuse("have a flag", flag);
  return flag;
}

struct Section {
  const std::uint8_t* bytes;
  std::size_t size;
};

Section read_section(ByteReader& in) {
  const std::uint64_t size = in.varint();
  return {in.raw(size), static_cast<std::size_t>(size)};
}

template <class Summary>
void read_summary(std::optional<Summary>& summary, ByteReader& in) {
  if (!summary) return;
  const Section section = read_section(in);
  summary = Summary::from_bytes(section.bytes, section.size);
}

void expect_same(ByteReader& in, std::int64_t found, std::int64_t expected, const char* what) {
  if (found != expected) in.refuse(std::string("have a summary with another ") + what, found);
}

bool is_temporal(LeafKind kind) {
  return kind == LeafKind::kDate || kind == LeafKind::kTime || kind == LeafKind::kTimestamp ||
         kind == LeafKind::kDuration;
}

}  // namespace

void ColumnAccess::write(const ColumnProfile& c, ByteWriter& out) {
  out.text(c.path_);
  out.text(c.type_);
  out.text(c.timezone_);
  out.u8(static_cast<std::uint8_t>(c.kind_));
  out.u8(static_cast<std::uint8_t>(c.unit_));
  out.u8(c.single_ ? 1 : 0);
  out.zigzag(c.precision_);
  out.zigzag(c.scale_);
  for (const std::uint64_t count :
       {c.rows_, c.null_count_, c.invalid_index_count_, c.empty_count_, c.invalid_utf8_count_}) {
    out.varint(count);
  }
  write_summary(c.moments_, out);
  write_summary(c.histogram_, out);
  write_quantiles(c.float_quantiles_, out);
  write_quantiles(c.quantiles_, out);
  write_summary(c.cardinality_, out);
  write_summary(c.top_k_, out);
  write_summary(c.lengths_, out);
  write_summary(c.length_histogram_, out);
  write_summary(c.coverage_, out);
  out.u8(static_cast<std::uint8_t>((c.has_exact_ ? 1 : 0) | (c.sum_overflowed_ ? 2 : 0)));
  if (c.has_exact_) {
    write_exact(c.exact_min_, out);
    write_exact(c.exact_max_, out);
    write_exact(c.exact_sum_, out);
  }
  out.u8(c.min_text_ ? 1 : 0);
  if (c.min_text_) {
    for (const ColumnProfile::Extreme* extreme : {&*c.min_text_, &*c.max_text_}) {
      out.text(extreme->bytes);
      out.u8(extreme->truncated ? 1 : 0);
    }
  }
  out.u8(c.has_order_ ? 1 : 0);
  if (c.has_order_) {
    out.u64(static_cast<std::uint64_t>(c.first_point_));
    out.u64(static_cast<std::uint64_t>(c.last_point_));
    out.varint(c.steps_back_);
  }
}

namespace {

// Moments, histogram and quantiles agree on options and count no more than there is.
void check_counts(ByteReader& in, const ColumnProfile& c, const ProfileOptions& options) {
  const std::uint64_t there = c.rows() - c.null_count() - c.invalid_index_count();
  const auto at_most = [&](std::uint64_t count) {
    if (count > there) in.refuse("have a summary of more values than rows", count);
  };
  const auto nulls = [&](std::uint64_t count) {
    if (count != c.null_count()) in.refuse("have a summary with other nulls", count);
  };
  const auto scale = [&](const ExpHistogram* histogram) {
    if (histogram == nullptr) return;
    expect_same(in, histogram->scale() + histogram->downscales(), options.scale, "scale");
    at_most(histogram->count());
  };
  for (const Moments* moments : {c.moments(), c.lengths()}) {
    if (moments == nullptr) continue;
    nulls(moments->null_count());
    at_most(moments->count());
    at_most(moments->count() + moments->nan_count() + moments->pos_inf_count() +
            moments->neg_inf_count());
  }
  scale(c.histogram());
  scale(c.length_histogram());
  if (const Kll<float>* sketch = c.float_quantiles(); sketch != nullptr) {
    expect_same(in, sketch->k(), options.k, "k");
    at_most(sketch->count());
  }
  if (const Kll<double>* sketch = c.quantiles(); sketch != nullptr) {
    expect_same(in, sketch->k(), options.k, "k");
    at_most(sketch->count());
  }
  if (const Hll* cardinality = c.cardinality(); cardinality != nullptr) {
    expect_same(in, cardinality->lg_k(), options.lg_k, "lg_k");
  }
  if (const TopK* top_k = c.top_k(); top_k != nullptr) {
    const bool texts = c.kind() == LeafKind::kText;
    expect_same(in, top_k->capacity(), texts ? options.top : options.numeric_top, "capacity");
    nulls(top_k->null_count());
    at_most(top_k->total());
  }
  at_most(c.empty_count());
  at_most(c.invalid_utf8_count());
  at_most(c.steps_back());
}

}  // namespace

ColumnProfile ColumnAccess::read(ByteReader& in, const ProfileOptions& options) {
  ColumnProfile c;
  for (std::string* name : {&c.path_, &c.type_, &c.timezone_}) {
    *name = in.text();
    // They end up in messages.
    if (utf8_prefix(*name) != name->size())
      in.refuse("have a name that is not UTF-8, of bytes", name->size());
  }
  const std::uint8_t kind = in.u8();
  if (kind >= kLeafKinds) in.refuse("have a column of kind", kind);
  c.kind_ = static_cast<LeafKind>(kind);
  const std::uint8_t unit = in.u8();
  c.unit_ = static_cast<char>(unit);
  if ((unit_name(c.unit_) != nullptr) != is_temporal(c.kind_) ||
      (unit != 0 && !is_temporal(c.kind_))) {
    in.refuse("have a unit that does not fit its kind", unit);
  }
  c.single_ = read_flag(in) == 1;
  if (c.single_ && c.kind_ != LeafKind::kFloat) in.refuse("call no float a single", kind);
  const std::int64_t precision = in.zigzag();
  const std::int64_t scale = in.zigzag();
  const bool decimal = c.kind_ == LeafKind::kDecimal;
  if (precision < (decimal ? 1 : 0) || precision > (decimal ? kMaxPrecision : 0)) {
    in.refuse("have a precision", precision);
  }
  if (scale < -kMaxScale || scale > kMaxScale || (scale != 0 && !decimal)) {
    in.refuse("have a scale", scale);
  }
  c.precision_ = static_cast<int>(precision);
  c.scale_ = static_cast<int>(scale);
  for (std::uint64_t* count : {&c.rows_, &c.null_count_, &c.invalid_index_count_, &c.empty_count_,
                               &c.invalid_utf8_count_}) {
    *count = in.varint();
    if (*count > TopK::kMaxTotal) in.refuse("have too large a count", *count);
  }
  if (c.null_count_ > c.rows_ || c.invalid_index_count_ > c.rows_ - c.null_count_) {
    in.refuse("have fewer rows than rows without a value", c.rows_);
  }
  add_summaries(c, options);
  read_summary(c.moments_, in);
  read_summary(c.histogram_, in);
  const std::uint64_t nans = c.nan_count();
  const std::uint64_t pos_infs = c.pos_inf_count();
  const std::uint64_t neg_infs = c.neg_inf_count();
  const auto read_quantiles = [&](auto& sketch, std::size_t width) {
    if (!sketch) return;
    const Section section = read_section(in);
    const std::vector<std::uint8_t> bytes = gathered_words(section.bytes, section.size, width);
    sketch = std::decay_t<decltype(*sketch)>::from_bytes(bytes.data(), bytes.size());
    sketch->add_kept_apart({c.null_count_, nans, pos_infs, neg_infs});
  };
  read_quantiles(c.float_quantiles_, sizeof(float));
  read_quantiles(c.quantiles_, sizeof(double));
  if (c.cardinality_) {
    const std::uint64_t there = c.rows_ - c.null_count_ - c.invalid_index_count_;
    const std::uint64_t items = there - std::min(there, nans + pos_infs + neg_infs);
    const Section section = read_section(in);
    c.cardinality_ = Hll::from_bytes(section.bytes, section.size,
                                     {items, c.null_count_, nans, pos_infs, neg_infs});
  }
  read_summary(c.top_k_, in);
  read_summary(c.lengths_, in);
  read_summary(c.length_histogram_, in);
  read_summary(c.coverage_, in);
  check_counts(in, c, options);

  const std::uint8_t exact = read_flag(in, 3);
  c.has_exact_ = (exact & 1U) != 0;
  c.sum_overflowed_ = (exact & 2U) != 0;
  if (c.has_exact_) {
    c.exact_min_ = read_exact(in);
    c.exact_max_ = read_exact(in);
    c.exact_sum_ = read_exact(in);
    if (c.exact_max_ < c.exact_min_) in.refuse("have a maximum below the minimum", exact);
  }
  if (read_flag(in) == 1) {
    for (std::optional<ColumnProfile::Extreme>* extreme : {&c.min_text_, &c.max_text_}) {
      const std::string_view bytes = in.text();
      if (bytes.size() > ColumnProfile::kExtremeText) {
        in.refuse("have an extreme text of bytes", bytes.size());
      }
      *extreme = ColumnProfile::Extreme{std::string(bytes), read_flag(in) == 1};
    }
    if (*c.max_text_ < *c.min_text_)
      in.refuse("have a largest text below the smallest, of bytes", c.max_text_->bytes.size());
  }
  c.has_order_ = read_flag(in) == 1;
  if (c.has_order_) {
    c.first_point_ = static_cast<std::int64_t>(in.u64());
    c.last_point_ = static_cast<std::int64_t>(in.u64());
    c.steps_back_ = in.varint();
    if (c.steps_back_ > c.rows_) in.refuse("have more steps back than rows", c.steps_back_);
  }
  return c;
}

}  // namespace inlay::detail
