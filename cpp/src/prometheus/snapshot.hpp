#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/catalog.hpp"
#include "prometheus/merged_view.hpp"

namespace inlay::prometheus {

/// A process' totals as its siblings read them.
struct Snapshot {
  std::string resource;               ///< canonical JSON
  std::int64_t latest_us = 0;         ///< the newest row it knew
  std::vector<std::uint64_t> folded;  ///< workers whose totals are already in here, newest last
  TotalsTable totals;
};

/// Writes the joint totals of everything a view holds.
std::string encode_snapshot(const Catalog& catalog, MergedView& view, std::string_view resource,
                            std::int64_t latest_us, const std::vector<std::uint64_t>& folded,
                            const ExpositionOptions& options);

/// Reads what `encode_snapshot` wrote. The bytes may be anything: nothing is believed before it was
/// checked. Families and series that are new are added to the catalog.
/// @throws SerializationError if the bytes are no snapshot of this version
Snapshot decode_snapshot(std::string_view bytes, Catalog& catalog, std::size_t max_buckets);

/// A 64-bit hash to notice torn or damaged bytes with; no defence against forgery.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed);

}  // namespace inlay::prometheus
