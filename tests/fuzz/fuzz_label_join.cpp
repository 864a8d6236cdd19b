#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <inlay/error.hpp>
#include <inlay/model/label_join.hpp>
#include <vector>

// Bytes either are refused or are the one form of a join that can be used.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    inlay::LabelJoin join = inlay::LabelJoin::from_bytes(data, size);
    if (join.to_bytes() != std::vector<std::uint8_t>(data, data + size)) std::abort();
    const std::uint64_t known = join.pending() + join.early() + join.remembered();
    if (known > join.capacity()) std::abort();
    std::uint64_t expired = 0;
    for (const auto& row : join.expire(std::int64_t{1} << 61)) expired += row.predictions;
    if (join.pending() + join.early() != 0 || expired > known) std::abort();
    join.reset();
    const std::uint64_t number = 7;
    inlay::IdHash id{};
    inlay::hash_ids(&number, 1, &id);
    const double value = 1.0;
    const std::int64_t pane = 3;
    const std::int64_t segment = 0;
    inlay::LabelRows rows;
    rows.ids = &id;
    rows.values = &value;
    rows.size = 1;
    rows.panes = &pane;
    rows.segments = &segment;
    inlay::JoinedLabels joined;
    join.check_panes(&pane, 1);
    join.predicted(rows, joined);
    join.labelled(rows, pane, joined);
    if (joined.rows.size() != 1) std::abort();
  } catch (const inlay::SerializationError&) {
    return 0;
  }
  return 0;
}
