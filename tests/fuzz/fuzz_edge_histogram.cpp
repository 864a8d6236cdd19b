#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/edge_histogram.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::EdgeHistogram summary = inlay::EdgeHistogram::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = summary.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    const inlay::EdgeHistogram empty(summary.edges());
    summary.merge(empty);
    if (summary.to_bytes() != bytes) std::abort();
    // Each edge and a value beyond it, through the loops and one by one.
    std::vector<double> values;
    for (const double edge : summary.edges()) {
      values.insert(values.end(), {edge, edge + 1, edge / 2});
    }
    inlay::EdgeHistogram bulk = empty;
    inlay::EdgeHistogram single = empty;
    bulk.update(values.data(), values.size());
    for (const double value : values) single.update(value);
    if (bulk != single) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
