#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/data/profile.hpp>
#include <inlay/error.hpp>
#include <vector>

// Bytes either are refused or are a state that can be written, merged and read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Profile profile = inlay::Profile::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = profile.to_bytes();
    const inlay::Profile again = inlay::Profile::from_bytes(bytes.data(), bytes.size());
    if (again.to_bytes() != bytes) std::abort();
    for (const inlay::ColumnProfile& column : profile.columns()) {
      if (column.coverage() != nullptr && !column.coverage()->empty()) {
        if (column.coverage()->runs().empty()) std::abort();
        column.coverage()->largest_gap();
      }
      if (column.exact_max() && *column.exact_max() < *column.exact_min()) std::abort();
    }
    const std::uint64_t rows = profile.rows();
    profile.merge(again);
    if (profile.rows() != 2 * rows) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  } catch (const inlay::InvalidArgument&) {
    return 0;  // counts that would not double
  }
  return 0;
}
