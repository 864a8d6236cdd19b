#include "detect/device_two_sample.hpp"

#include <algorithm>
#include <utility>

#include "detect/device_rows.hpp"
#include "detect/sorts.hpp"
#include "detect/two_sample.cuh"
#include "detect/two_sample_sums.hpp"
#include "detect/workspace.hpp"

namespace inlay::cuda {
namespace {

Column column_of(const Tensor& tensor, std::int64_t number) {
  Column column;
  column.element = tensor.element;
  column.size = tensor.shape[0];
  column.stride = tensor.strides[0];
  column.data = tensor.data;
  if (tensor.dims == 2) {
    const std::int64_t bytes = static_cast<std::int64_t>(size_of(tensor.element));
    column.data =
        static_cast<const unsigned char*>(tensor.data) + number * tensor.strides[1] * bytes;
  }
  return column;
}

template <class Key>
std::vector<ComparedColumns> compare(const Tensor& x, const Tensor& y, cudaStream_t stream,
                                     std::shared_ptr<Allocator> allocator) {
  const std::int64_t columns = x.dims == 2 ? x.shape[1] : 1;
  const std::int64_t n = x.shape[0];
  const std::int64_t m = y.shape[0];
  const std::int64_t total = n + m;
  const auto size = static_cast<std::size_t>(total);
  const auto tiles = static_cast<std::int32_t>((total + kWalkTile - 1) / kWalkTile);
  const std::size_t temporary_bytes = total > 0 ? sort_sided_keys_bytes<Key>(total) : 0;

  Workspace space(std::move(allocator), stream);
  const auto keys_a = space.take<Key>(size);
  const auto keys_b = space.take<Key>(size);
  const auto sides_a = space.take<std::uint8_t>(size);
  const auto sides_b = space.take<std::uint8_t>(size);
  const auto temporary = space.take<unsigned char>(temporary_bytes);
  const auto counts = space.take<SampleCounts>(static_cast<std::size_t>(columns));
  const auto progress = space.take<Progress>(static_cast<std::size_t>(tiles));
  const auto sums = space.take<WalkSums>(static_cast<std::size_t>(tiles));
  const auto results = space.take<TwoSampleResult>(static_cast<std::size_t>(columns));
  space.make();
  clear(counts.get(space), static_cast<std::size_t>(columns), stream);

  for (std::int64_t c = 0; c < columns; ++c) {
    SampleCounts* const counted = counts.get(space) + c;
    SidedKeys<Key> sorted{keys_a.get(space), sides_a.get(space), keys_b.get(space),
                          sides_b.get(space)};
    if (total > 0) {
      constexpr unsigned kThreads = 256;
      const unsigned blocks = std::min(blocks_for(total, kThreads * 4), 4096U);
      sample_keys_kernel<Key><<<blocks, kThreads, 0, stream>>>(column_of(x, c), column_of(y, c),
                                                               sorted.keys, sorted.sides, counted);
      sort_sided_keys(temporary.get(space), temporary_bytes, sorted, total, stream);
      const auto grid = static_cast<unsigned>(tiles);
      tile_progress_kernel<Key><<<grid, kWalkThreads, 0, stream>>>(
          sorted.keys, sorted.sides, counted, n, m, progress.get(space));
      tile_starts_kernel<<<1, kWalkThreads, 0, stream>>>(progress.get(space), tiles);
      tile_sums_kernel<Key><<<grid, kWalkThreads, 0, stream>>>(
          sorted.keys, sorted.sides, counted, n, m, progress.get(space), sums.get(space));
    }
    finish_two_sample_kernel<Key><<<1, kWalkThreads, 0, stream>>>(
        sorted.keys, counted, n, m, sums.get(space), tiles, results.get(space) + c);
    check(cudaGetLastError(), "comparing samples");
  }

  std::vector<TwoSampleResult> found(static_cast<std::size_t>(columns));
  download(found.data(), results.get(space), found.size(), stream);
  synchronise(stream);
  std::vector<ComparedColumns> out;
  out.reserve(found.size());
  for (const TwoSampleResult& each : found) {
    ComparedColumns compared;
    compared.result = two_sample_of(sums_of(each, n, m));
    for (int side = 0; side < 2; ++side) compared.nan[side] = each.counts.nan[side];
    compared.rounded = each.counts.rounded;
    out.push_back(std::move(compared));
  }
  return out;
}

}  // namespace

std::vector<ComparedColumns> compare_columns(const Tensor& x, const Tensor& y, cudaStream_t stream,
                                             std::shared_ptr<Allocator> allocator) {
  check_sides(DeviceRows{x}, DeviceRows{y});
  const BesideCaptures beside;
  const DeviceGuard guard(x.device);
  refuse_capture(stream);
  const bool narrow = fits_float(x.element) && fits_float(y.element);
  return narrow ? compare<std::uint32_t>(x, y, stream, std::move(allocator))
                : compare<std::uint64_t>(x, y, stream, std::move(allocator));
}

}  // namespace inlay::cuda
