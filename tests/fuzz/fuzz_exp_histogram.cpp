#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::ExpHistogram summary = inlay::ExpHistogram::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = summary.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    if (!summary.update(1.5) || !summary.merge(inlay::ExpHistogram(summary))) std::abort();
    if (!summary.quantile(0.99).has_value()) std::abort();
    summary.downscale_to(inlay::ExpHistogram::kMinScale);
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
