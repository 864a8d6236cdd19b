#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/model/binary_states.hpp>
#include <vector>

// Bytes either are refused or are the one form of a state that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::BinaryStates states = inlay::BinaryStates::from_bytes(data, size);
    const std::vector<std::uint8_t> bytes = states.to_bytes();
    if (bytes != std::vector<std::uint8_t>(data, data + size)) std::abort();
    const std::uint64_t rows = states.rows(0);
    states.merge(inlay::BinaryStates::from_bytes(data, size));
    if (states.rows(0) != 2 * rows) std::abort();
    const float score = 1.0F;
    const std::uint8_t label = 1;
    inlay::BinaryRows row;
    row.scores_f32 = &score;
    row.labels_u8 = &label;
    row.size = 1;
    states.update(row);
    if (states.rows(0) != 2 * rows + 1) std::abort();
    const inlay::BinaryFigures figures = states.figures(0);
    if (figures.confusions.size() != states.settings().thresholds.size()) std::abort();
    const inlay::ScoreHistogram histogram = states.histogram(0);
    histogram.ranks();
    histogram.spreads(15);
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
