#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/top_k.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::TopK summary = inlay::TopK::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = summary.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    for (const inlay::TopK::Entry& entry : summary.top(summary.size())) {
      if (summary.bounds(entry.item()).high != entry.high) std::abort();
    }
    if (summary.total() > inlay::TopK::kMaxTotal / 4) return 0;  // would not double
    const inlay::TopK before = summary;
    if (!summary.merge(before) || summary.total() != 2 * before.total()) std::abort();
    for (std::int64_t i = 0; i < 300; ++i) {
      if (!summary.update(i % 50) || !summary.update("text")) std::abort();
    }
    if (summary.max_error() > summary.total() / (summary.capacity() / 2 + 1)) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  } catch (const inlay::InvalidArgument&) {
    return 0;  // counts of nulls and NaN that would not double
  }
  return 0;
}
