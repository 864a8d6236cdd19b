#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <string>
#include <string_view>

namespace inlay::prometheus {

/// What a scrape may answer with.
enum class Format : std::uint8_t {
  kText = 0,         ///< Prometheus text 0.0.4, classic histograms
  kOpenMetrics = 1,  ///< OpenMetrics 1.0.0, classic histograms, exemplars
  kProtobuf = 2,     ///< io.prometheus.client.MetricFamily, delimited: native histograms, exemplars
};

/// A format and the Content-Type that goes with it. A plain value.
struct Negotiation {
  Format format = Format::kText;
  std::string content_type;
};

/// Chooses the format an HTTP Accept header prefers among those we have. Whatever cannot be read is
/// passed over; if nothing remains, the text format is the answer, so no header fails a scrape.
INLAY_API Negotiation negotiate(std::string_view accept);

/// The edges of classic buckets: 2^(j · 2^-resolution) for j from `low` to `high`. Such edges are
/// edges of the exponential histogram too, so the counts are exact. A plain value.
struct EdgeGrid {
  int low = -10;
  int high = 20;
  int resolution = 0;
};

/// The edges used for a unit unless others are set. They depend on nothing else, so that series of
/// one metric can be summed by `le` across a fleet.
INLAY_API EdgeGrid default_edges(std::string_view unit);

/// What an exposition contains. A plain value.
struct ExpositionOptions {
  /// A side of a histogram spanning more buckets is shown at half the resolution, and so on.
  std::size_t max_buckets = 160;
  /// The latest exemplars kept for each series.
  std::size_t max_exemplars = 4;
  /// Whether protobuf carries classic buckets beside the native ones.
  bool classic_in_protobuf = true;
  /// Whether OpenMetrics text has `_created` samples (protobuf always carries created timestamps).
  bool created_samples = false;
  /// Seconds after which a series that got no data is dropped; 0 or less: never.
  double expire_s = 3600;
};

}  // namespace inlay::prometheus
