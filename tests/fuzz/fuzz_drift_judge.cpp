#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/drift/drift_judge.hpp>
#include <inlay/error.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used, but for their version:
// what an earlier one wrote is written by the newest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::DriftJudge judge = inlay::DriftJudge::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = judge.to_bytes();
    std::vector<std::uint8_t> given(data, data + size);
    given[4] = bytes[4];
    if (bytes != given) std::abort();
    const inlay::Table nothing = inlay::Table::empty(inlay::table_schema("points"));
    if (judge.judge(nothing).num_rows() != 0) std::abort();
    if (judge.to_bytes() != bytes) std::abort();
    if (judge.num_series() * 8 > judge.memory_bytes()) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
