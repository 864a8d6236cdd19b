#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/categories.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Categories summary = inlay::Categories::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = summary.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    inlay::Categories counted(summary.names());
    summary.merge(counted);
    if (summary.to_bytes() != bytes) std::abort();
    // Every name is found, and it alone.
    for (const std::string& name : summary.names()) counted.update(name);
    for (const std::uint64_t count : counted.counts()) {
      if (count != 1) std::abort();
    }
    const double number = 0.5;
    counted.update(&number, 1);
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
