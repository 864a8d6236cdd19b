#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/hll.hpp>
#include <vector>

namespace {

void require(bool right) {
  if (!right) std::abort();
}

}  // namespace

// Bytes either are refused or are an image of a state that can be used, whose own image is the one
// form of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Hll sketch = inlay::Hll::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = sketch.to_bytes();
    const inlay::Hll again = inlay::Hll::from_bytes(bytes.data(), bytes.size());
    require(again == sketch && again.to_bytes() == bytes);
    require(sketch.lower_bound(2) <= sketch.estimate());
    require(sketch.estimate() <= sketch.upper_bound(2));
    const inlay::Hll before = sketch;
    require(sketch.merge(again) && sketch == before);
    require(sketch.update(std::int64_t{7}) && sketch.update("seven"));
    inlay::Hll folded = before;
    folded.fold_to(inlay::Hll::kMinLgK);
    require(folded.update(std::int64_t{7}) && folded.update("seven"));
    sketch.fold_to(inlay::Hll::kMinLgK);
    require(sketch == folded);
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
