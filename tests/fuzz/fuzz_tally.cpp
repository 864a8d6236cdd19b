#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/data/tally.hpp>
#include <inlay/error.hpp>
#include <string>
#include <vector>

// Bytes either are refused or are a state that can be written, merged and made rows of points.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Tally tally = inlay::Tally::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = tally.to_bytes();
    const inlay::Tally again = inlay::Tally::from_bytes(bytes.data(), bytes.size());
    if (again.to_bytes() != bytes) std::abort();
    const std::vector<std::string> attrs(tally.columns().size(), "{}");
    tally.points(inlay::TallyStamp(), attrs);
    const std::uint64_t rows = tally.rows();
    tally.merge(again);
    if (tally.rows() != 2 * rows) std::abort();
    tally.reset();
    if (tally.rows() != 0) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  } catch (const inlay::InvalidArgument&) {
    return 0;  // counts that would not double
  }
  return 0;
}
