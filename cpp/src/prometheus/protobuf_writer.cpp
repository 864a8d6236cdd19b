// Fields of io.prometheus.client (metrics.proto), by number.
//
//   MetricFamily  1 name  2 help  3 type  4 metric  5 unit
//   Metric        1 label  2 gauge  3 counter  7 histogram
//   LabelPair     1 name  2 value
//   Gauge         1 value
//   Counter       1 value  2 exemplar  3 created_timestamp
//   Histogram     1 sample_count  2 sample_sum  3 bucket  5 schema (sint32)  6 zero_threshold
//                 7 zero_count  9 negative_span  10 negative_delta (sint64)  12 positive_span
//                 13 positive_delta (sint64)  15 created_timestamp  16 exemplars
//   Bucket        1 cumulative_count  2 upper_bound  3 exemplar
//   BucketSpan    1 offset (sint32)  2 length
//   Exemplar      1 label  2 value  3 timestamp
//   Timestamp     1 seconds  2 nanos

#include <bit>
#include <cstring>
#include <limits>

#include "prometheus/exposition_writer.hpp"

namespace inlay::prometheus {
namespace {

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2 };

// MetricType of the schema.
constexpr std::uint64_t kCounterType = 0;
constexpr std::uint64_t kGaugeType = 1;
constexpr std::uint64_t kHistogramType = 4;

/// A gap of at most this many empty buckets is cheaper written as zeros than as a new span.
constexpr std::size_t kMaxGapInSpan = 2;

constexpr std::size_t kMaxVarint = 10;

std::size_t write_varint(char* out, std::uint64_t value) {
  std::size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<char>(value | 0x80U);
    value >>= 7;
  }
  out[size++] = static_cast<char>(value);
  return size;
}

void put_varint(std::string& out, std::uint64_t value) {
  if (value < 0x80) {
    out += static_cast<char>(value);
    return;
  }
  char buffer[kMaxVarint];
  out.append(buffer, write_varint(buffer, value));
}

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

void put_tag(std::string& out, std::uint32_t field, WireType type) {
  put_varint(out, (field << 3) | type);
}

void put_uint(std::string& out, std::uint32_t field, std::uint64_t value) {
  put_tag(out, field, kVarint);
  put_varint(out, value);
}

std::size_t write_double(char* out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(bits >> (8 * i));
  return sizeof bits;
}

void put_double(std::string& out, std::uint32_t field, double value) {
  put_tag(out, field, kFixed64);
  char bytes[8];
  out.append(bytes, write_double(bytes, value));
}

void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_tag(out, field, kLengthDelimited);
  put_varint(out, bytes.size());
  out += bytes;
}

/// Starts a nested message and returns where its content begins.
std::size_t open_message(std::string& out, std::uint32_t field) {
  put_tag(out, field, kLengthDelimited);
  out += '\0';  // room for the length, enough for most
  return out.size();
}

/// Puts the length before the content that began at `start`.
void close_message(std::string& out, std::size_t start) {
  const std::size_t size = out.size() - start;
  char buffer[kMaxVarint];
  const std::size_t length = write_varint(buffer, size);
  if (length > 1) out.insert(start, length - 1, '\0');
  std::memcpy(out.data() + start - 1, buffer, length);
}

void put_label(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t start = open_message(out, 1);
  put_bytes(out, 1, name);
  put_bytes(out, 2, value);
  close_message(out, start);
}

void put_timestamp(std::string& out, std::uint32_t field, std::int64_t time_us) {
  const std::size_t start = open_message(out, field);
  std::int64_t seconds = time_us / 1'000'000;
  std::int64_t rest = time_us % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  put_uint(out, 1, static_cast<std::uint64_t>(seconds));
  if (rest != 0) put_uint(out, 2, static_cast<std::uint64_t>(rest * 1000));
  close_message(out, start);
}

void put_exemplar(std::string& out, std::uint32_t field, const Exemplar& exemplar) {
  const std::size_t start = open_message(out, field);
  exemplar.labels.for_each(
      [&](std::string_view name, std::string_view value) { put_label(out, name, value); });
  put_double(out, 2, exemplar.value);
  put_timestamp(out, 3, exemplar.time_us);
  close_message(out, start);
}

/// Writes one side as spans of buckets and the differences between neighbouring counts.
void put_side(std::string& out, const BucketSide& side, std::uint32_t span_field,
              std::uint32_t delta_field, std::string& packed) {
  if (side.empty()) return;
  const auto& counts = side.counts();
  packed.resize(counts.size() * kMaxVarint);
  char* end = packed.data();
  // Prometheus numbers a bucket by its upper edge, OTLP by its lower one.
  std::int64_t span_offset = static_cast<std::int64_t>(side.offset()) + 1;
  std::size_t span_length = 0;
  std::int64_t previous = 0;
  const auto put_span = [&] {
    const std::size_t start = open_message(out, span_field);
    if (span_offset != 0) put_uint(out, 1, zigzag(span_offset));
    put_uint(out, 2, span_length);
    close_message(out, start);
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) {
      std::size_t gap = 1;
      while (counts[i + gap] == 0) ++gap;  // the last bucket is never empty
      if (gap > kMaxGapInSpan) {
        put_span();
        span_offset = static_cast<std::int64_t>(gap);
        span_length = 0;
        i += gap;
      }
    }
    end += write_varint(end, zigzag(counts[i] - previous));
    previous = counts[i];
    ++span_length;
  }
  put_span();
  put_bytes(out, delta_field, {packed.data(), static_cast<std::size_t>(end - packed.data())});
}

/// The latest exemplar with a value above `low` and at most `high`, or null.
const Exemplar* exemplar_between(const std::vector<Exemplar>& exemplars, double low, double high) {
  for (auto it = exemplars.rbegin(); it != exemplars.rend(); ++it) {
    if (it->value > low && it->value <= high) return &*it;
  }
  return nullptr;
}

void put_classic(std::string& out, const SeriesTotals& totals, const EdgeGrid& edges) {
  double low = -std::numeric_limits<double>::infinity();
  const auto bucket = [&](double high, std::int64_t count) {
    // One append: there are some twenty of these in each histogram.
    char fields[2 + 1 + kMaxVarint + 9];
    char* end = fields + 2;
    *end++ = (1 << 3) | kVarint;
    end += write_varint(end, static_cast<std::uint64_t>(count));
    *end++ = (2 << 3) | kFixed64;
    end += write_double(end, high);
    const Exemplar* exemplar = exemplar_between(totals.exemplars(), low, high);
    low = high;
    if (exemplar == nullptr) {
      fields[0] = (3 << 3) | kLengthDelimited;
      fields[1] = static_cast<char>(end - fields - 2);
      out.append(fields, end);
      return;
    }
    const std::size_t start = open_message(out, 3);
    out.append(fields + 2, end);
    put_exemplar(out, 3, *exemplar);
    close_message(out, start);
  };
  CumulativeCounts counts(totals.buckets());
  for (int j = edges.low; j <= edges.high; ++j) {
    if (!totals.buckets().is_edge(j, edges.resolution)) continue;
    bucket(bucket_edge(j, edges.resolution), counts.at_most(j, edges.resolution));
  }
  bucket(std::numeric_limits<double>::infinity(), totals.buckets().count());
}

std::uint64_t type_number(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return kCounterType;
    case Kind::kGauge:
      return kGaugeType;
    case Kind::kHistogram:
      return kHistogramType;
  }
  return kGaugeType;
}

}  // namespace

void ProtobufWriter::begin_family(std::string_view name, std::string_view unit, Kind kind,
                                  std::string_view help) {
  family_.clear();
  std::string full(name);
  if (kind == Kind::kCounter) full += "_total";
  put_bytes(family_, 1, full);
  put_bytes(family_, 2, help);
  put_uint(family_, 3, type_number(kind));
  if (!unit.empty()) put_bytes(family_, 5, unit);
}

std::size_t ProtobufWriter::begin_metric(const SampleLabels& labels) {
  const std::size_t start = open_message(family_, 4);
  labels.own->for_each(
      [&](std::string_view name, std::string_view value) { put_label(family_, name, value); });
  if (!labels.extra_name.empty()) put_label(family_, labels.extra_name, labels.extra_value);
  return start;
}

void ProtobufWriter::counter(const SampleLabels& labels, const SeriesTotals& totals) {
  const std::size_t metric = begin_metric(labels);
  const std::size_t start = open_message(family_, 3);
  put_double(family_, 1, totals.sum().value());
  if (!totals.exemplars().empty()) put_exemplar(family_, 2, totals.exemplars().back());
  if (totals.created_us() != 0) put_timestamp(family_, 3, totals.created_us());
  close_message(family_, start);
  close_message(family_, metric);
}

void ProtobufWriter::counter(const SampleLabels& labels, std::int64_t value) {
  const std::size_t metric = begin_metric(labels);
  const std::size_t start = open_message(family_, 3);
  put_double(family_, 1, static_cast<double>(value));
  close_message(family_, start);
  close_message(family_, metric);
}

void ProtobufWriter::gauge(const SampleLabels& labels, double value) {
  const std::size_t metric = begin_metric(labels);
  const std::size_t start = open_message(family_, 2);
  put_double(family_, 1, value);
  close_message(family_, start);
  close_message(family_, metric);
}

void ProtobufWriter::histogram(const SampleLabels& labels, const SeriesTotals& totals,
                               const EdgeGrid& edges) {
  const BucketTotals& buckets = totals.buckets();
  const std::size_t metric = begin_metric(labels);
  const std::size_t start = open_message(family_, 7);
  put_uint(family_, 1, static_cast<std::uint64_t>(buckets.count()));
  put_double(family_, 2, totals.sum().value());
  // A scale below Prometheus' lowest schema has no native form; classic buckets remain.
  const bool native = buckets.scale() >= kMinSchema;
  if (options_.classic_in_protobuf || !native) {
    put_classic(family_, totals, edges);
  } else if (!totals.exemplars().empty()) {
    // Servers before 2.50 read exemplars from classic buckets only.
    put_classic(family_, totals, {0, -1, 0});
  }
  if (native) {
    put_uint(family_, 5, zigzag(buckets.scale()));
    put_double(family_, 6, buckets.zero_threshold());
    put_uint(family_, 7, static_cast<std::uint64_t>(buckets.zero_count()));
    put_side(family_, buckets.negative(), 9, 10, packed_);
    put_side(family_, buckets.positive(), 12, 13, packed_);
  }
  if (totals.created_us() != 0) put_timestamp(family_, 15, totals.created_us());
  for (const Exemplar& exemplar : totals.exemplars()) put_exemplar(family_, 16, exemplar);
  close_message(family_, start);
  close_message(family_, metric);
}

void ProtobufWriter::end_family() {
  put_varint(out_, family_.size());
  out_ += family_;
}

void ProtobufWriter::target_info(const LabelSet& labels) {
  begin_family("target_info", "", Kind::kGauge, "Target metadata");
  gauge({&labels}, 1);
  end_family();
}

}  // namespace inlay::prometheus
