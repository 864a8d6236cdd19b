#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/model/logits.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::Logits logits = inlay::Logits::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = logits.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    const std::uint64_t rows = logits.rows();
    logits.merge(inlay::Logits::from_bytes(data, size));
    if (logits.rows() != 2 * rows) std::abort();
    const float row[3] = {1.0F, 0.0F, -1.0F};
    const std::int64_t chosen = 1;
    inlay::LogitsBatch batch;
    batch.data = row;
    batch.rows = 1;
    batch.columns = 3;
    batch.row_stride = 3;
    batch.chosen = &chosen;
    logits.update(batch);
    if (logits.rows() != 2 * rows + 1) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
