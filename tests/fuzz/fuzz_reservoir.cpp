#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/reservoir.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Reservoir summary = inlay::Reservoir::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = summary.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    const std::vector<double> values(3000, 1.5);
    if (summary.update(values.data(), values.size()) != values.size()) std::abort();
    if (!summary.merge(inlay::Reservoir(summary)) || !summary.update(2.5)) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  } catch (const inlay::InvalidArgument&) {
    return 0;  // a count that would not double
  }
  return 0;
}
