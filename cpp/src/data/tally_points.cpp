// A tally as rows of the table points.

#include <algorithm>
#include <bit>
#include <charconv>
#include <inlay/data/tally.hpp>
#include <inlay/error.hpp>
#include <inlay/names.hpp>
#include <span>
#include <string>
#include <string_view>

#include "arrow/points_builder.hpp"
#include "summary/item_name.hpp"
#include "utf8.hpp"

namespace inlay {
namespace {

std::vector<std::int64_t> signed_counts(const std::vector<std::uint64_t>& counts) {
  return {counts.begin(), counts.end()};
}

std::string_view view_of(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Bytes that are no UTF-8 become "\xNN".
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t valid = detail::utf8_prefix(text);
    out += text.substr(0, valid);
    if (valid == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[valid]);
    out += "\\x";
    out += "0123456789abcdef"[byte >> 4U];
    out += "0123456789abcdef"[byte & 0xFU];
    text.remove_prefix(valid + 1);
  }
  return out;
}

std::string text_of(const TopK::Entry& entry) {
  if (entry.kind == TopK::Kind::kText) return printable(entry.text);
  if (entry.kind == TopK::Kind::kReal) {
    detail::ItemName name;
    return std::string(name.of(std::bit_cast<double>(entry.bits)));
  }
  if (entry.kind == TopK::Kind::kUint) return std::to_string(entry.bits);
  return std::to_string(static_cast<std::int64_t>(entry.bits));
}

// One column's rows, on their way into a builder.
class ColumnPoints {
 public:
  ColumnPoints(PointsBuilder& builder, const TallyStamp& stamp, const TallyColumn& column,
               const std::string& attrs, bool pane_is_empty)
      : builder_(builder), stamp_(stamp), column_(column) {
    row_.layer = "data";
    row_.metric = stamp.metric;
    row_.attrs = attrs;
    row_.series_id = series_id(stamp.metric, attrs, stamp.service_name);
    if (pane_is_empty) {
      row_.status = "insufficient";
    } else if (column.rows() == 0) {
      row_.status = "absent";
    }
  }

  void append_cells() {
    if (const EdgeHistogram* edges = column_.edges(); edges != nullptr) {
      PointRow row = with_counts("edges");
      row.unit = unit();
      const std::vector<std::int64_t> counts = signed_counts(edges->counts());
      row.count = static_cast<std::int64_t>(edges->count());
      row.bounds = std::span(edges->edges());
      row.counts = counts;
      row.reference_id = column_.reference_id();
      builder_.append(row);
    }
    if (const Categories* categories = column_.categories(); categories != nullptr) {
      PointRow row = row_;
      row.kind = "categories";
      row.count = static_cast<std::int64_t>(categories->count());
      row.null_count = static_cast<std::int64_t>(categories->null_count());
      row.nan_count = static_cast<std::int64_t>(categories->nan_count());
      std::vector<std::int64_t> counts = signed_counts(categories->counts());
      counts.push_back(static_cast<std::int64_t>(categories->other()));
      const std::vector<std::string_view> names(categories->names().begin(),
                                                categories->names().end());
      row.categories = names;
      row.counts = counts;
      row.reference_id = column_.reference_id();
      builder_.append(row);
    }
    if (column_.edges() == nullptr && column_.categories() == nullptr) append_presence();
  }

  void append_summaries() {
    if (const Moments* moments = column_.moments(); moments != nullptr) {
      const Moments::Values values = moments->values();
      PointRow row = with_counts("moments");
      row.unit = unit();
      row.count = static_cast<std::int64_t>(values.count);
      row.zero_count = static_cast<std::int64_t>(moments->zero_count());
      row.sum = values.sum;
      row.min = values.min;
      row.max = values.max;
      row.mean = values.mean;
      row.m2 = values.m2;
      row.m3 = values.m3;
      row.m4 = values.m4;
      builder_.append(row);
    }
    append_quantiles(column_.float_quantiles(), "kll_floats_datasketches");
    append_quantiles(column_.quantiles(), "kll_doubles_datasketches");
    append_unseen();
  }

 private:
  PointRow with_counts(std::string_view kind) const {
    PointRow row = row_;
    row.kind = kind;
    row.null_count = static_cast<std::int64_t>(column_.null_count());
    row.nan_count = static_cast<std::int64_t>(column_.nan_count());
    row.pos_inf_count = static_cast<std::int64_t>(column_.pos_inf_count());
    row.neg_inf_count = static_cast<std::int64_t>(column_.neg_inf_count());
    return row;
  }

  // Whether values are there is known of every column.
  void append_presence() {
    PointRow row = with_counts("presence");
    const std::vector<std::int64_t> counts = {
        static_cast<std::int64_t>(column_.rows() - column_.null_count() - column_.nan_count() -
                                  column_.pos_inf_count() - column_.neg_inf_count())};
    row.count = counts.front();
    row.counts = counts;
    builder_.append(row);
  }

  std::optional<std::string_view> unit() const {
    const char* const unit = column_.unit();
    if (unit == nullptr) return std::nullopt;
    return std::string_view(unit) == "D" ? "d" : unit;  // as UCUM has it
  }

  template <class T>
  void append_quantiles(const Kll<T>* sketch, std::string_view type) {
    if (sketch == nullptr) return;
    const std::vector<std::uint8_t> bytes = sketch->to_bytes();
    PointRow row = with_counts("quantiles");
    row.unit = unit();
    row.count = static_cast<std::int64_t>(sketch->count());
    row.min = sketch->min();
    row.max = sketch->max();
    row.summary = view_of(bytes);
    row.summary_type = type;
    builder_.append(row);
  }

  void append_unseen() {
    const TopK* const unseen = column_.unseen();
    if (unseen == nullptr || unseen->total() == 0) return;
    const std::string metric = stamp_.metric + ".unseen";
    std::vector<std::string> texts;
    std::vector<std::int64_t> counts;
    for (const TopK::Entry& entry : unseen->top(unseen->size())) {
      texts.push_back(text_of(entry));
      counts.push_back(static_cast<std::int64_t>(entry.low));
    }
    const std::vector<std::string_view> names(texts.begin(), texts.end());
    const std::vector<std::uint8_t> bytes = unseen->to_bytes();
    PointRow row = row_;
    row.metric = metric;
    row.series_id = series_id(metric, row.attrs, stamp_.service_name);
    row.kind = "top_k";
    row.count = static_cast<std::int64_t>(unseen->total());
    row.null_count = row.nan_count = row.pos_inf_count = row.neg_inf_count = 0;
    row.categories = names;
    row.counts = counts;
    row.summary = view_of(bytes);
    row.summary_type = "top_k_inlay";
    builder_.append(row);
  }

  PointsBuilder& builder_;
  const TallyStamp& stamp_;
  const TallyColumn& column_;
  PointRow row_;
};

}  // namespace

Table Tally::points(const TallyStamp& stamp, const std::vector<std::string>& attrs) const {
  if (attrs.size() != columns_.size()) {
    detail::fail<InvalidArgument>(
        "attrs must be one a column (" + std::to_string(columns_.size()) + "); there are",
        attrs.size());
  }
  PointsHeader header;
  header.time = stamp.time;
  header.start_time = stamp.start_time;
  header.observed_time = stamp.observed_time;
  header.origin = stamp.origin;
  header.window_seq = stamp.window_seq;
  header.revision = stamp.revision;
  header.derived = stamp.derived;
  header.resource = stamp.resource;
  PointsBuilder builder(header, columns_.size() * 3);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool nothing = columns_[i].rows() == 0;
    // A late part says nothing of columns that it has not: the pane itself may have had them.
    if (nothing && rows_ != 0 && stamp.revision != 0) continue;
    ColumnPoints column(builder, stamp, columns_[i], attrs[i], rows_ == 0);
    column.append_cells();
    if (!nothing) column.append_summaries();
  }
  return std::move(builder).finish();
}

}  // namespace inlay
