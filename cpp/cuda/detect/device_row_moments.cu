#include "detect/device_row_moments.hpp"

#include <algorithm>
#include <utility>

#include "detect/row_moments.cuh"
#include "detect/row_sums.hpp"
#include "detect/workspace.hpp"
#include "detect/workspace_rows.hpp"

namespace inlay::cuda {

RowMoments row_moments(const DeviceRows& rows, bool fourth, cudaStream_t stream,
                       std::shared_ptr<Allocator> allocator) {
  check_sides(rows, rows);
  const BesideCaptures beside;
  const DeviceGuard guard(rows.tensor.device);
  refuse_capture(stream);
  const std::int64_t count = rows.count();
  const std::int64_t dims = rows.dims();
  const std::int64_t tiles = triangle_tiles(dims);
  // Parts enough to fill a large device, each of rows enough to be worth its tile.
  constexpr std::int64_t kBlocks = 512;
  constexpr std::int64_t kLeastRows = 128;
  const std::int64_t most = std::max<std::int64_t>(1, (count + kLeastRows - 1) / kLeastRows);
  const std::int64_t parts = std::clamp<std::int64_t>(kBlocks / tiles, 1, most);
  const std::int64_t part_rows = std::max<std::int64_t>(1, (count + parts - 1) / parts);
  const std::int64_t sum_parts = std::clamp<std::int64_t>(kBlocks * kSumWidth / dims, 1, most);
  const std::int64_t sum_rows = std::max<std::int64_t>(1, (count + sum_parts - 1) / sum_parts);

  Workspace space(std::move(allocator), stream);
  RowsBuffer buffer(space, rows);
  const auto bad = space.take<std::uint8_t>(static_cast<std::size_t>(count));
  const auto marked = space.take<unsigned long long>(1);
  const auto sums = space.take<double>(static_cast<std::size_t>(sum_parts * dims));
  const auto mean = space.take<double>(static_cast<std::size_t>(dims));
  const auto products =
      space.take<double>(static_cast<std::size_t>(parts * tiles * kDoubleTile * kDoubleTile));
  const auto scatter = space.take<double>(static_cast<std::size_t>(dims * dims));
  const auto lengths = space.take<double>(kFourthBlocks);
  space.make();
  RowsSummed summed{buffer.enqueue(space, stream), bad.get(space)};
  clear(marked.get(space), 1, stream);
  enqueue_marks(summed.rows, bad.get(space), marked.get(space), stream);
  enqueue_means(summed, sum_rows, marked.get(space), sums.get(space), mean.get(space), stream);
  const std::int32_t summed_parts =
      enqueue_scatter(summed, mean.get(space), part_rows, products.get(space), stream);
  finish_scatter_kernel<<<static_cast<unsigned>(tiles), 256, 0, stream>>>(
      products.get(space), summed_parts, dims, scatter.get(space));
  if (fourth) {
    fourth_kernel<<<kFourthBlocks, kFourthThreads, 0, stream>>>(summed, mean.get(space),
                                                                lengths.get(space));
  }
  check(cudaGetLastError(), "taking mean and covariance");

  RowMoments out;
  out.mean.resize(static_cast<std::size_t>(dims));
  out.scatter.resize(static_cast<std::size_t>(dims * dims));
  unsigned long long odd[2] = {};
  download(out.mean.data(), mean.get(space), out.mean.size(), stream);
  download(out.scatter.data(), scatter.get(space), out.scatter.size(), stream);
  download(odd, marked.get(space), 1, stream);
  double fourths[kFourthBlocks] = {};
  if (fourth) download(fourths, lengths.get(space), kFourthBlocks, stream);
  synchronise(stream);
  for (const double each : fourths) out.fourth += each;
  out.odd.left_out[0] = odd[0];
  return out;
}

}  // namespace inlay::cuda
