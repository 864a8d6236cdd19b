#include <cmath>
#include <inlay/summary/edge_histogram.hpp>
#include <utility>

#include "summary/bytes.hpp"

// Version 1, after the magic "inED" and the version byte: the number of edges as a base-128
// integer, each edge as a double of eight bytes (zero without a sign); then base-128 integers:
// null, NaN, +inf and -inf counts and the count of each cell.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inED";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxTotal = INT64_MAX;  // counts become int64 columns

}  // namespace

std::vector<std::uint8_t> EdgeHistogram::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(edges().size());
  for (const double edge : edges()) out.f64(edge);
  out.varint(null_count_);
  out.varint(nan_count_);
  out.varint(pos_inf_count_);
  out.varint(neg_inf_count_);
  for (const std::uint64_t count : counts_) out.varint(count);
  return out.take();
}

EdgeHistogram EdgeHistogram::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "an EdgeHistogram");
  in.expect(kMagic, kVersion);
  const std::uint64_t num_edges = in.varint();
  if (num_edges == 0 || num_edges > kMaxEdges) in.refuse("have a wrong number of edges", num_edges);
  if (num_edges > in.left() / sizeof(double)) in.refuse("are cut short; edges", num_edges);
  std::vector<double> edges;
  edges.reserve(num_edges);
  for (std::uint64_t i = 0; i < num_edges; ++i) {
    const double edge = in.f64();
    if (!std::isfinite(edge)) in.refuse("have an edge that is not finite", edge);
    if (edge == 0 && std::signbit(edge)) in.refuse("have an edge of negative zero", edge);
    if (i != 0 && !(edges.back() < edge)) {
      in.refuse("have an edge that is not above the one before", edge);
    }
    edges.push_back(edge);
  }
  EdgeHistogram out(std::move(edges));
  std::uint64_t total = 0;
  const auto read_count = [&in, &total] {
    const std::uint64_t count = in.varint();
    if (count > kMaxTotal - total) in.refuse("have too large a total; with count", count);
    total += count;
    return count;
  };
  out.null_count_ = read_count();
  out.nan_count_ = read_count();
  out.pos_inf_count_ = read_count();
  out.neg_inf_count_ = read_count();
  for (std::uint64_t& count : out.counts_) count = read_count();
  in.expect_end();
  return out;
}

EdgeHistogram EdgeHistogram::from_fields(Fields fields) {
  EdgeHistogram out(std::move(fields.edges));
  if (fields.counts.size() != out.counts_.size()) {
    detail::fail<InvalidArgument>("there must be one count more than edges (" +
                                      std::to_string(out.edges().size()) + "); counts",
                                  fields.counts.size());
  }
  std::uint64_t total = 0;
  const auto add = [&total](std::uint64_t count) {
    if (count > kMaxTotal - total) {
      detail::fail<InvalidArgument>("counts must add up to less than 2^63; count", count);
    }
    total += count;
  };
  for (const std::uint64_t count : fields.counts) add(count);
  for (const std::uint64_t count :
       {fields.null_count, fields.nan_count, fields.pos_inf_count, fields.neg_inf_count}) {
    add(count);
  }
  out.counts_ = std::move(fields.counts);
  out.null_count_ = fields.null_count;
  out.nan_count_ = fields.nan_count;
  out.pos_inf_count_ = fields.pos_inf_count;
  out.neg_inf_count_ = fields.neg_inf_count;
  return out;
}

}  // namespace inlay
