#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/moments.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Moments summary = inlay::Moments::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = summary.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    summary.update(1.5);
    summary.merge(summary);
    const inlay::Moments::Values values = summary.values();
    if (values.count != 0 && !(*values.mean >= *values.min && *values.mean <= *values.max)) {
      std::abort();
    }
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
