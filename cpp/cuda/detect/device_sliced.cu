#include "detect/device_sliced.hpp"

#include <algorithm>
#include <utility>

#include "detect/projections.cuh"
#include "detect/sorts.hpp"
#include "detect/workspace.hpp"
#include "detect/workspace_rows.hpp"

namespace inlay::cuda {

SlicedDistances sliced_distances(const DeviceRows& x, const DeviceRows& y, const double* directions,
                                 std::int32_t count, int p, cudaStream_t stream,
                                 std::shared_ptr<Allocator> allocator) {
  check_sides(x, y);
  const BesideCaptures beside;
  const DeviceGuard guard(x.tensor.device);
  refuse_capture(stream);
  const std::int64_t n = x.count();
  const std::int64_t m = y.count();
  if (n < 1 || m < 1 || count < 1) throw InvalidArgument("a side without rows, or no direction");
  const std::int64_t dims = x.dims();
  constexpr std::int64_t kMostBytes = std::int64_t{256} << 20;
  const auto at_once = static_cast<std::int32_t>(std::clamp<std::int64_t>(
      kMostBytes / (8 * (n + m)), 1, std::min<std::int64_t>(count, kDoubleTile)));
  const std::int64_t longer = std::max(n, m);
  const std::size_t sort_bytes = sort_keys_bytes(longer);

  Workspace space(std::move(allocator), stream);
  RowsBuffer buffer_x(space, x);
  RowsBuffer buffer_y(space, y);
  const auto seen_from = space.take<double>(static_cast<std::size_t>(count * dims));
  const auto seen_x = space.take<std::uint64_t>(static_cast<std::size_t>(at_once * n));
  const auto seen_y = space.take<std::uint64_t>(static_cast<std::size_t>(at_once * m));
  const auto sorted_x = space.take<std::uint64_t>(static_cast<std::size_t>(n));
  const auto sorted_y = space.take<std::uint64_t>(static_cast<std::size_t>(m));
  const auto temporary = space.take<unsigned char>(sort_bytes);
  const auto bad = space.take<std::uint8_t>(static_cast<std::size_t>(n + m));
  const auto marked = space.take<unsigned long long>(2);
  const auto partial = space.take<double>(static_cast<std::size_t>(count) * kQuantileBlocks);
  const auto powers = space.take<double>(static_cast<std::size_t>(count));
  space.make();
  const Rows rows_x = buffer_x.enqueue(space, stream);
  const Rows rows_y = buffer_y.enqueue(space, stream);
  upload(seen_from.get(space), directions, static_cast<std::size_t>(count * dims), stream);
  clear(bad.get(space), static_cast<std::size_t>(n + m), stream);
  clear(marked.get(space), 2, stream);
  std::uint8_t* const bad_y = bad.get(space) + n;

  const auto sort = [&](const std::uint64_t* from, std::uint64_t* to, std::int64_t size) {
    sort_keys(temporary.get(space), sort_bytes, from, to, size, stream);
  };
  for (std::int32_t first = 0; first < count; first += at_once) {
    const std::int32_t some = std::min(at_once, count - first);
    const double* const from = seen_from.get(space) + first * dims;
    project_rows_kernel<<<blocks_for(n, kDoubleTile), kDoubleThreads, 0, stream>>>(
        rows_x, from, some, seen_x.get(space), bad.get(space));
    project_rows_kernel<<<blocks_for(m, kDoubleTile), kDoubleThreads, 0, stream>>>(
        rows_y, from, some, seen_y.get(space), bad_y);
    for (std::int32_t i = 0; i < some; ++i) {
      sort(seen_x.get(space) + i * n, sorted_x.get(space), n);
      sort(seen_y.get(space) + i * m, sorted_y.get(space), m);
      quantile_distance_kernel<<<kQuantileBlocks, kQuantileThreads, 0, stream>>>(
          sorted_x.get(space), n, sorted_y.get(space), m, p,
          partial.get(space) + std::int64_t{first + i} * kQuantileBlocks);
    }
    check(cudaGetLastError(), "comparing projections");
  }
  finish_quantiles_kernel<<<blocks_for(count, 64), 64, 0, stream>>>(
      partial.get(space), count, static_cast<double>(n) * static_cast<double>(m),
      powers.get(space));
  count_marked_kernel<<<64, 256, 0, stream>>>(bad.get(space), n, marked.get(space));
  count_marked_kernel<<<64, 256, 0, stream>>>(bad_y, m, marked.get(space) + 1);
  check(cudaGetLastError(), "adding up projections");

  SlicedDistances out;
  out.powers.resize(static_cast<std::size_t>(count));
  unsigned long long odd[2] = {};
  download(out.powers.data(), powers.get(space), out.powers.size(), stream);
  download(odd, marked.get(space), 2, stream);
  synchronise(stream);
  read_marks(out.odd, odd, bad.get(space), n, m, stream);
  return out;
}

}  // namespace inlay::cuda
