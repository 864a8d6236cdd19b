#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/summary/kll.hpp>
#include <vector>

namespace {

// Bytes either are refused or are a sketch that can be used, and that its own bytes hold again.
template <class T>
void check(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Kll<T> sketch = inlay::Kll<T>::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = sketch.to_bytes();
    const inlay::Kll<T> again = inlay::Kll<T>::from_bytes(bytes.data(), bytes.size());
    if (again.count() != sketch.count() || again.to_bytes() != bytes) std::abort();
    if (!sketch.update(1.5)) std::abort();
    if (sketch.count() <= inlay::Kll<T>::kMaxCount / 2) {
      if (!sketch.merge(sketch)) std::abort();
    }
    const std::vector<float> more(5000, 0.5F);
    if (sketch.update(more.data(), more.size()) != more.size()) std::abort();
    if (!sketch.quantile(0.99).has_value()) std::abort();
    if (*sketch.rank(1e300) < *sketch.rank(0.5)) std::abort();
    static_cast<void>(sketch.to_bytes());
  } catch (const inlay::SerializationError&) {
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(inlay::kll_item_size(data, size));
  check<float>(data, size);
  check<double>(data, size);
  return 0;
}
