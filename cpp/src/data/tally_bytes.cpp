#include <inlay/data/tally.hpp>
#include <inlay/error.hpp>
#include <string>
#include <unordered_set>

#include "data/tally_access.hpp"
#include "utf8.hpp"

// Version 1, after the magic "inTA" and the version byte: one byte, 1 with moments plus 2 with
// quantiles; k, unseen, rows and the number of columns (base 128); for each column its size in
// bytes (base 128) and: path, type and time zone (texts); kind, unit, whether floats are of 32
// bits, cells (0 none, 1 edges, 2 names; one byte each); scale (zigzag); rows, nulls, NaN, +inf,
// -inf (base 128); then, each after its size (base 128), the bytes of what there is of: cells,
// moments, quantiles, unseen names.

namespace inlay {
namespace detail {
namespace {

constexpr int kMaxScale = 300;

template <class Summary>
void write_summary(const std::optional<Summary>& summary, ByteWriter& out) {
  if (!summary) return;
  const std::vector<std::uint8_t> bytes = summary->to_bytes();
  out.varint(bytes.size());
  out.raw(bytes.data(), bytes.size());
}

template <class Summary>
Summary read_summary(ByteReader& in) {
  const std::uint64_t size = in.varint();
  return Summary::from_bytes(in.raw(size), static_cast<std::size_t>(size));
}

bool is_temporal(LeafKind kind) {
  return kind == LeafKind::kDate || kind == LeafKind::kTime || kind == LeafKind::kTimestamp ||
         kind == LeafKind::kDuration;
}

void expect_counts(ByteReader& in, const TallyColumn& c) {
  const auto same = [&in](std::uint64_t found, std::uint64_t expected) {
    if (found != expected) in.refuse("have a column whose counts differ", found);
  };
  if (const EdgeHistogram* edges = c.edges(); edges != nullptr) {
    same(INT64_MAX - edges->room(), c.rows());
    same(edges->null_count(), c.null_count());
    same(edges->nan_count(), c.nan_count());
    same(edges->pos_inf_count(), c.pos_inf_count());
    same(edges->neg_inf_count(), c.neg_inf_count());
  }
  if (const Categories* categories = c.categories(); categories != nullptr) {
    same(INT64_MAX - categories->room(), c.rows());
    same(categories->null_count(), c.null_count());
    same(categories->nan_count(), c.nan_count());
  }
  if (const Moments* moments = c.moments(); moments != nullptr) {
    same(moments->null_count(), c.null_count());
    same(moments->nan_count(), c.nan_count());
    same(moments->pos_inf_count(), c.pos_inf_count());
    same(moments->neg_inf_count(), c.neg_inf_count());
    same(moments->count() + moments->nan_count() + moments->pos_inf_count() +
             moments->neg_inf_count() + moments->null_count(),
         c.rows());
  }
}

}  // namespace

void TallyAccess::write(const TallyColumn& c, ByteWriter& out) {
  out.text(c.path_);
  out.text(c.type_);
  out.text(c.timezone_);
  out.u8(static_cast<std::uint8_t>(c.kind_));
  out.u8(static_cast<std::uint8_t>(c.unit_));
  out.u8(c.single_ ? 1 : 0);
  out.u8(static_cast<std::uint8_t>(c.edges_ ? 1 : c.categories_ ? 2 : 0));
  out.zigzag(c.scale_);
  for (const std::uint64_t count :
       {c.rows_, c.null_count_, c.nan_count_, c.pos_inf_count_, c.neg_inf_count_}) {
    out.varint(count);
  }
  write_summary(c.edges_, out);
  write_summary(c.categories_, out);
  write_summary(c.moments_, out);
  write_summary(c.float_quantiles_, out);
  write_summary(c.quantiles_, out);
  write_summary(c.unseen_, out);
}

TallyColumn TallyAccess::read(ByteReader& in, const TallyOptions& options) {
  TallyColumn c;
  for (std::string* name : {&c.path_, &c.type_, &c.timezone_}) {
    *name = in.text();
    // They end up in messages.
    if (utf8_prefix(*name) != name->size()) {
      in.refuse("have a name that is not UTF-8, of bytes", name->size());
    }
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
  const std::uint8_t single = in.u8();
  if (single > 1 || (single == 1 && c.kind_ != LeafKind::kFloat)) in.refuse("have a flag", single);
  c.single_ = single == 1;
  const std::uint8_t cells = in.u8();
  if (cells > 2) in.refuse("have cells of kind", cells);
  const std::int64_t scale = in.zigzag();
  if (scale < -kMaxScale || scale > kMaxScale || (scale != 0 && c.kind_ != LeafKind::kDecimal)) {
    in.refuse("have a scale", scale);
  }
  c.scale_ = static_cast<int>(scale);
  std::uint64_t apart = 0;
  for (std::uint64_t* count :
       {&c.rows_, &c.null_count_, &c.nan_count_, &c.pos_inf_count_, &c.neg_inf_count_}) {
    *count = in.varint();
    if (*count > static_cast<std::uint64_t>(INT64_MAX)) in.refuse("have too large a count", *count);
    if (count == &c.rows_) continue;
    if (*count > c.rows_ - apart) in.refuse("have more rows apart than rows", *count);
    apart += *count;
  }
  if (!is_number(c.kind_) && c.kind_ != LeafKind::kNull && apart != c.null_count_) {
    in.refuse("count NaN or infinities of a column of kind", kind);
  }
  add_summaries(c, options);
  try {
    if (cells == 1) set_cells(c, read_summary<EdgeHistogram>(in), options);
    if (cells == 2) set_cells(c, read_summary<Categories>(in), options);
  } catch (const InvalidArgument&) {
    in.refuse("have cells that a column cannot have, of kind", kind);
  }
  if (c.moments_) c.moments_ = read_summary<Moments>(in);
  const auto read_quantiles = [&](auto& sketch) {
    if (!sketch) return;
    sketch = read_summary<std::decay_t<decltype(*sketch)>>(in);
    if (sketch->k() != options.k) in.refuse("have quantiles with k", sketch->k());
    if (sketch->count() != c.rows_ - apart) {
      in.refuse("have quantiles of another number of values", sketch->count());
    }
    sketch->add_kept_apart({c.null_count_, c.nan_count_, c.pos_inf_count_, c.neg_inf_count_});
  };
  read_quantiles(c.float_quantiles_);
  read_quantiles(c.quantiles_);
  if (c.unseen_) {
    c.unseen_ = read_summary<TopK>(in);
    if (c.unseen_->capacity() != options.unseen) {
      in.refuse("have counters of unseen names", c.unseen_->capacity());
    }
    if (c.unseen_->total() != c.categories_->other()) {
      in.refuse("have another number of unseen names", c.unseen_->total());
    }
  }
  expect_counts(in, c);
  return c;
}

}  // namespace detail

namespace {

constexpr std::string_view kMagic = "inTA";
constexpr std::uint8_t kVersion = 1;

}  // namespace

std::vector<std::uint8_t> Tally::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.u8(static_cast<std::uint8_t>((options_.moments ? 1 : 0) | (options_.quantiles ? 2 : 0)));
  out.varint(options_.k);
  out.varint(options_.unseen);
  out.varint(rows_);
  out.varint(columns_.size());
  for (const TallyColumn& column : columns_) {
    detail::ByteWriter of_column;
    detail::TallyAccess::write(column, of_column);
    const std::vector<std::uint8_t> bytes = of_column.take();
    out.varint(bytes.size());
    out.raw(bytes.data(), bytes.size());
  }
  return out.take();
}

Tally Tally::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a Tally");
  in.expect(kMagic, kVersion);
  Tally out;
  const std::uint8_t flags = in.u8();
  if (flags > 3) in.refuse("have a flag", flags);
  out.options_.moments = (flags & 1U) != 0;
  out.options_.quantiles = (flags & 2U) != 0;
  const std::uint64_t k = in.varint();
  if (k < Kll<double>::kMinK || k > Kll<double>::kMaxK) in.refuse("have k", k);
  out.options_.k = static_cast<unsigned>(k);
  const std::uint64_t unseen = in.varint();
  if (unseen > TopK::kMaxCapacity) in.refuse("have counters of unseen names", unseen);
  out.options_.unseen = static_cast<std::uint32_t>(unseen);
  out.rows_ = in.varint();
  if (out.rows_ > static_cast<std::uint64_t>(INT64_MAX)) in.refuse("have too many rows", out.rows_);
  const std::uint64_t columns = in.varint();
  std::unordered_set<std::string> paths;
  for (std::uint64_t i = 0; i < columns; ++i) {
    const std::uint64_t length = in.varint();
    detail::ByteReader of_column(in.raw(length), static_cast<std::size_t>(length),
                                 "a column of a Tally");
    out.columns_.push_back(detail::TallyAccess::read(of_column, out.options_));
    of_column.expect_end();
    if (!paths.insert(out.columns_.back().path()).second) {
      in.refuse("have two columns named", out.columns_.back().path());
    }
  }
  in.expect_end();
  return out;
}
}  // namespace inlay
