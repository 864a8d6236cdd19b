// Layout, all integers little-endian, "varint" as in protobuf, "signed" a zigzag varint, "bytes" a
// varint length and as many bytes:
//
//   varint version = 1, bytes resource, signed latest_us
//   varint n, n × 8 bytes: ids of folded workers
//   varint n, n × family:  bytes metric, bytes unit, 1 byte kind, bytes description
//   varint n, n × series:  varint family, 8 bytes id, bytes labels, 1 byte flags,
//                          signed created_us, signed updated_us, then by kind
//     counter    sum
//     gauge      8 bytes double
//     histogram  sum, signed scale, varint zero_count, double zero_threshold, side, side
//       sum      signed whole, and if kHasParts two doubles
//       side     signed offset, varint n, n × varint
//     if kHasExcluded 4 varints; if kHasExemplars varint n, n × (double, signed time, bytes labels)

#include "prometheus/snapshot.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <inlay/error.hpp>

namespace inlay::prometheus {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kMaxFolded = 1U << 16;
constexpr std::size_t kMaxExemplars = 64;

constexpr std::uint8_t kHasValue = 1;
constexpr std::uint8_t kHasParts = 2;
constexpr std::uint8_t kHasExcluded = 4;
constexpr std::uint8_t kHasExemplars = 8;
constexpr std::uint8_t kKnownFlags = 15;

/// Appends to a string. Used by one thread.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}
  void byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  void varint(std::uint64_t value) {
    char buffer[10];
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) buffer[size++] = static_cast<char>(value | 0x80U);
    buffer[size++] = static_cast<char>(value);
    out_.append(buffer, size);
  }
  void count(std::int64_t value) { varint(static_cast<std::uint64_t>(value)); }
  void zigzag(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void fixed(std::uint64_t value) {
    char buffer[8];
    for (int i = 0; i < 8; ++i) buffer[i] = static_cast<char>(value >> (8 * i));
    out_.append(buffer, sizeof buffer);
  }
  void real(double value) { fixed(std::bit_cast<std::uint64_t>(value)); }
  void bytes(std::string_view value) {
    varint(value.size());
    out_ += value;
  }

 private:
  std::string& out_;
};

/// Reads hostile bytes. Used by one thread, while the bytes live.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  [[noreturn]] void refuse(const char* what) const {
    detail::fail<SerializationError>(std::string("snapshot: ") + what + ", bytes left",
                                     rest_.size());
  }
  bool at_end() const { return rest_.empty(); }
  std::string_view take(std::size_t size) {
    if (rest_.size() < size) refuse("cut short");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = byte();
      if (shift == 63 && part > 1) refuse("a varint beyond 64 bits");
      value |= static_cast<std::uint64_t>(part & 0x7FU) << shift;
      if (part < 0x80) return value;
    }
    refuse("a varint beyond 64 bits");
  }
  std::int64_t count() {
    const std::uint64_t value = varint();
    if (value > static_cast<std::uint64_t>(INT64_MAX)) refuse("a count beyond 63 bits");
    return static_cast<std::int64_t>(value);
  }
  std::int64_t zigzag() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1U);
  }
  std::int32_t zigzag32() {
    const std::int64_t value = zigzag();
    if (value < INT32_MIN || value > INT32_MAX) refuse("an index beyond 32 bits");
    return static_cast<std::int32_t>(value);
  }
  std::uint64_t fixed() {
    const std::string_view bytes = take(8);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    }
    return value;
  }
  double real() { return std::bit_cast<double>(fixed()); }
  double finite() {
    const double value = real();
    if (!std::isfinite(value)) refuse("a sum that is no finite number");
    return value;
  }
  std::string_view bytes() {
    const std::uint64_t size = varint();
    if (size > rest_.size()) refuse("a length beyond the end");
    return take(static_cast<std::size_t>(size));
  }
  /// A number of things that take at least `least` bytes each: more than fit is a lie.
  std::size_t number(std::size_t least) {
    const std::uint64_t value = varint();
    if (value > rest_.size() / least) refuse("more items than bytes");
    return static_cast<std::size_t>(value);
  }

 private:
  std::string_view rest_;
};

void write_side(ByteWriter& writer, const BucketSide& side) {
  writer.zigzag(side.offset());
  writer.varint(side.counts().size());
  for (const std::int64_t count : side.counts()) writer.count(count);
}

void write_series(ByteWriter& writer, std::uint32_t family, const Series& series,
                  const SeriesTotals& totals) {
  writer.varint(family);
  writer.fixed(static_cast<std::uint64_t>(series.id));
  writer.bytes(series.labels.bytes());
  std::uint8_t flags = 0;
  if (totals.has_value()) flags |= kHasValue;
  if (!totals.sum().is_whole()) flags |= kHasParts;
  if (totals.excluded().any()) flags |= kHasExcluded;
  if (!totals.exemplars().empty()) flags |= kHasExemplars;
  writer.byte(flags);
  writer.zigzag(totals.created_us());
  writer.zigzag(totals.updated_us());
  if (totals.kind() == Kind::kGauge) {
    writer.real(totals.gauge());
  } else {
    writer.zigzag(totals.sum().whole());
    if ((flags & kHasParts) != 0) {
      writer.real(totals.sum().part());
      writer.real(totals.sum().correction());
    }
  }
  if (totals.kind() == Kind::kHistogram) {
    const BucketTotals& buckets = totals.buckets();
    writer.zigzag(buckets.scale());
    writer.count(buckets.zero_count());
    writer.real(buckets.zero_threshold());
    write_side(writer, buckets.positive());
    write_side(writer, buckets.negative());
  }
  if ((flags & kHasExcluded) != 0) {
    writer.count(totals.excluded().nan);
    writer.count(totals.excluded().pos_inf);
    writer.count(totals.excluded().neg_inf);
    writer.count(totals.excluded().null);
  }
  if ((flags & kHasExemplars) != 0) {
    writer.varint(totals.exemplars().size());
    for (const Exemplar& exemplar : totals.exemplars()) {
      writer.real(exemplar.value);
      writer.zigzag(exemplar.time_us);
      writer.bytes(exemplar.labels.bytes());
    }
  }
}

BucketRun read_side(ByteReader& reader, std::vector<std::int64_t>& counts) {
  const std::int32_t offset = reader.zigzag32();
  const std::size_t size = reader.number(1);
  counts.resize(size);
  for (std::int64_t& count : counts) count = reader.count();
  return {offset, counts.data(), size};
}

void read_buckets(ByteReader& reader, SeriesTotals& totals) {
  // Not thread-local storage: a snapshot is decoded rarely and its buffers should go with it.
  std::vector<std::int64_t> positive;
  std::vector<std::int64_t> negative;
  BucketsView view;
  view.scale = reader.zigzag32();
  view.zero_count = reader.count();
  view.zero_threshold = reader.real();
  view.positive = read_side(reader, positive);
  view.negative = read_side(reader, negative);
  if (!plausible(view)) reader.refuse("impossible buckets");
  totals.add_buckets(view);
}

void read_exemplars(ByteReader& reader, SeriesTotals& totals) {
  const std::size_t number = reader.number(10);
  if (number > kMaxExemplars) reader.refuse("too many exemplars");
  for (std::size_t i = 0; i < number; ++i) {
    Exemplar exemplar;
    exemplar.value = reader.finite();
    exemplar.time_us = reader.zigzag();
    const std::string_view labels = reader.bytes();
    if (!LabelSet::valid(labels, false)) reader.refuse("malformed exemplar labels");
    exemplar.labels = LabelSet(std::string(labels));
    totals.add_exemplar(exemplar, kMaxExemplars);
  }
}

SeriesTotals read_totals(ByteReader& reader, Kind kind, std::uint8_t flags,
                         std::size_t max_buckets) {
  SeriesTotals totals(kind, max_buckets);
  const std::int64_t created = reader.zigzag();
  const std::int64_t updated = reader.zigzag();
  totals.restore_times(created, updated);
  if (kind == Kind::kGauge) {
    totals.restore_gauge(reader.real(), (flags & kHasValue) != 0);
  } else {
    const std::int64_t whole = reader.zigzag();
    double part = 0;
    double correction = 0;
    if ((flags & kHasParts) != 0) {
      part = reader.finite();
      correction = reader.finite();
    }
    const RunningSum sum = RunningSum::from_parts(whole, part, correction);
    if (kind == Kind::kCounter && sum.value() < 0) reader.refuse("a counter below zero");
    totals.restore_sum(sum);
    totals.restore_gauge(0, (flags & kHasValue) != 0);
  }
  if (kind == Kind::kHistogram) read_buckets(reader, totals);
  if ((flags & kHasExcluded) != 0) {
    Excluded excluded;
    excluded.nan = reader.count();
    excluded.pos_inf = reader.count();
    excluded.neg_inf = reader.count();
    excluded.null = reader.count();
    totals.restore_excluded(excluded);
  }
  if ((flags & kHasExemplars) != 0) read_exemplars(reader, totals);
  return totals;
}

}  // namespace

std::string encode_snapshot(const Catalog& catalog, MergedView& view, std::string_view resource,
                            std::int64_t latest_us, const std::vector<std::uint64_t>& folded,
                            const ExpositionOptions& options) {
  std::string out;
  out.reserve(128 * catalog.num_series() + 1024);
  ByteWriter writer(out);
  writer.varint(kVersion);
  writer.bytes(resource);
  writer.zigzag(latest_us);
  writer.varint(folded.size());
  for (const std::uint64_t id : folded) writer.fixed(id);
  writer.varint(catalog.num_families());
  for (std::uint32_t i = 0; i < catalog.num_families(); ++i) {
    const Family& family = catalog.family_at(i);
    writer.bytes(family.metric);
    writer.bytes(family.unit);
    writer.byte(static_cast<std::uint8_t>(family.kind));
    writer.bytes(family.description);
  }
  std::uint64_t number = 0;
  for (std::uint32_t i = 0; i < catalog.num_series(); ++i) number += view.has(i) ? 1U : 0U;
  writer.varint(number);
  for (std::uint32_t i = 0; i < catalog.num_series(); ++i) {
    if (!view.has(i)) continue;
    const Series& series = catalog.series_at(i);
    const Family& family = catalog.family_at(series.family);
    write_series(writer, series.family, series,
                 view.merged(i, family.kind, GaugeMerge::kLast, options));
  }
  return out;
}

Snapshot decode_snapshot(std::string_view bytes, Catalog& catalog, std::size_t max_buckets) {
  ByteReader reader(bytes);
  const std::uint64_t version = reader.varint();
  if (version != kVersion) {
    detail::fail<SerializationError>("snapshot: unknown version", version);
  }
  Snapshot snapshot;
  snapshot.resource = to_valid_utf8(reader.bytes());
  snapshot.latest_us = reader.zigzag();
  const std::size_t folded = reader.number(8);
  if (folded > kMaxFolded) reader.refuse("too many folded workers");
  for (std::size_t i = 0; i < folded; ++i) snapshot.folded.push_back(reader.fixed());
  std::vector<std::uint32_t> families(reader.number(4));
  for (std::uint32_t& family : families) {
    const std::string metric = to_valid_utf8(reader.bytes());
    const std::string unit = to_valid_utf8(reader.bytes());
    const std::uint8_t kind = reader.byte();
    if (kind > static_cast<std::uint8_t>(Kind::kHistogram)) reader.refuse("an unknown kind");
    family = catalog.family(metric, unit, static_cast<Kind>(kind));
    const std::string description = to_valid_utf8(reader.bytes());
    if (catalog.family_at(family).description.empty()) catalog.describe(family, description);
  }
  const std::size_t number = reader.number(13);
  snapshot.totals.entries.reserve(number);
  for (std::size_t i = 0; i < number; ++i) {
    const std::uint64_t family_index = reader.varint();
    if (family_index >= families.size()) reader.refuse("a series of no family");
    const std::uint32_t family = families[static_cast<std::size_t>(family_index)];
    const auto id = static_cast<std::int64_t>(reader.fixed());
    const std::string_view labels = reader.bytes();
    const std::uint8_t flags = reader.byte();
    if ((flags & ~kKnownFlags) != 0) reader.refuse("unknown flags");
    std::uint32_t series = catalog.find(family, id);
    if (series == Catalog::kNone) {
      if (!LabelSet::valid(labels, true)) reader.refuse("malformed labels");
      series = catalog.series(family, id, LabelSet(std::string(labels)));
    }
    snapshot.totals.entries.push_back(
        {series, read_totals(reader, catalog.family_at(family).kind, flags, max_buckets)});
  }
  if (!reader.at_end()) reader.refuse("more bytes than items");
  return snapshot;
}

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  // Four independent lanes of multiply and rotate: the multiplications overlap.
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  std::uint64_t lanes[4] = {seed ^ kOdd, seed + kOdd, ~seed, seed * kOdd + 1};
  const auto mix = [](std::uint64_t lane, std::uint64_t word) {
    return std::rotl((lane ^ word) * kOdd, 29);
  };
  std::size_t i = 0;
  for (; i + 32 <= bytes.size(); i += 32) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i + 8 * lane, 8);
      lanes[lane] = mix(lanes[lane], word);
    }
  }
  for (; i < bytes.size(); ++i) lanes[0] = mix(lanes[0], static_cast<unsigned char>(bytes[i]));
  std::uint64_t hash = bytes.size();
  for (const std::uint64_t lane : lanes) hash = mix(hash, lane);
  return hash ^ (hash >> 32);
}

}  // namespace inlay::prometheus
