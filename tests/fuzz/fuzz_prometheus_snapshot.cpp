// Feeds hostile bytes to the readers of the files that workers leave for each other: first as a
// whole file, then as the state inside one. Whatever is accepted must be fit to be shown.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <inlay/error.hpp>
#include <string>
#include <string_view>

#include "prometheus/expose.hpp"
#include "prometheus/snapshot.hpp"
#include "prometheus/snapshot_file.hpp"

namespace {

using namespace inlay::prometheus;

void show(std::string_view state) {
  Catalog catalog;
  try {
    const Snapshot first = decode_snapshot(state, catalog, 160);
    const Snapshot second = decode_snapshot(state, catalog, 160);
    MergedView view(catalog);
    view.add(first.totals, 0);
    view.add(second.totals, 1);
    for (const Format format : {Format::kText, Format::kOpenMetrics, Format::kProtobuf}) {
      std::string out;
      expose(out, format, catalog, view, {"1", "2"}, nullptr, ExpositionOptions());
    }
    MergedView again(catalog);
    again.add(first.totals, 0);
    encode_snapshot(catalog, again, first.resource, first.latest_us, first.folded,
                    ExpositionOptions());
  } catch (const inlay::SerializationError&) {
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ReadAt read = [bytes](std::uint64_t offset, char* out, std::size_t wanted) {
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t there = std::min(wanted, bytes.size() - static_cast<std::size_t>(offset));
    std::memcpy(out, bytes.data() + offset, there);
    return there;
  };
  SnapshotHeader header;
  if (const auto state = read_snapshot_state(read, size, header)) show(*state);
  show(bytes);
  return 0;
}
