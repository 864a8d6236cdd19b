#include "detect/device_kernel_statistic.hpp"

#include <algorithm>
#include <utility>

#include "detect/median_distance.cuh"
#include "detect/row_sums.hpp"
#include "detect/sorts.hpp"
#include "detect/workspace.hpp"
#include "detect/workspace_rows.hpp"
#include "runtime/kernel.hpp"

namespace inlay::cuda {
namespace {

static_assert(kSplitsOfGroup == kTile - 1 && kMostChosen == kSampleMost);

/// The buffers and launches of the median distance.
class Median {
 public:
  Median(Workspace& space, std::int64_t dims, std::int32_t count)
      : dims_(dims), count_(count), pairs_(std::int64_t{count} * (count - 1) / 2) {
    const auto rows = static_cast<std::size_t>(count);
    const auto pairs = static_cast<std::size_t>(pairs_);
    chosen_ = space.take<std::int32_t>(rows);
    sample_ = space.take<double>(rows * static_cast<std::size_t>(dims));
    middle_ = space.take<double>(static_cast<std::size_t>(dims));
    sizes_ = space.take<double>(rows);
    unit_ = space.take<double>(1);
    squares_ = space.take<double>(rows);
    for (auto& buffer : distances_) buffer = space.take<double>(pairs);
    if (pairs_ > 0) sort_bytes_ = sort_keys_bytes(pairs_);
    temporary_ = space.take<unsigned char>(sort_bytes_);
    scale_ = space.take<KernelScale>(1);
  }

  void enqueue(const Workspace& space, const Rows& x, const Rows& y, const std::int32_t* chosen,
               ScaleChoice choice, cudaStream_t stream) const {
    upload(chosen_.get(space), chosen, static_cast<std::size_t>(count_), stream);
    const Sample sample{chosen_.get(space), count_, sample_.get(space)};
    double* const middle = middle_.get(space);
    double* const unit = unit_.get(space);
    const auto rows = static_cast<unsigned>(count_);
    constexpr unsigned kThreads = 256;
    gather_sample_kernel<<<dim3(blocks_for(dims_, kThreads), rows), kThreads, 0, stream>>>(x, y,
                                                                                           sample);
    column_medians_kernel<<<static_cast<unsigned>(dims_), kSortThreads, 0, stream>>>(sample, dims_,
                                                                                     middle);
    sample_sizes_kernel<<<rows, kWarp, 0, stream>>>(sample, dims_, middle, sizes_.get(space));
    sample_unit_kernel<<<1, kSortThreads, 0, stream>>>(sizes_.get(space), count_, unit);
    scale_sample_kernel<<<rows, kWarp, 0, stream>>>(sample, dims_, middle, unit,
                                                    squares_.get(space));
    double* const sorted = distances_[1].get(space);
    if (pairs_ > 0) {
      const unsigned along = blocks_for(count_, kPairTile);
      pair_distances_kernel<<<dim3(along, along), kPairTile * kPairTile, 0, stream>>>(
          sample, dims_, squares_.get(space), distances_[0].get(space));
      // They are not negative, so that sorting their bits is sorting them.
      sort_keys(temporary_.get(space), sort_bytes_,
                reinterpret_cast<const std::uint64_t*>(distances_[0].get(space)),
                reinterpret_cast<std::uint64_t*>(sorted), pairs_, stream);
    }
    choose_scale_kernel<<<1, 1, 0, stream>>>(sorted, pairs_, unit, choice, scale_.get(space));
    check(cudaGetLastError(), "taking a median distance");
  }

  double* middle(const Workspace& space) const { return middle_.get(space); }
  KernelScale* scale(const Workspace& space) const { return scale_.get(space); }

 private:
  std::int64_t dims_;
  std::int32_t count_;
  std::int64_t pairs_;
  std::size_t sort_bytes_ = 0;
  Workspace::Buffer<std::int32_t> chosen_;
  Workspace::Buffer<double> sample_, middle_, sizes_, unit_, squares_, distances_[2];
  Workspace::Buffer<unsigned char> temporary_;
  Workspace::Buffer<KernelScale> scale_;
};

template <int kHeld, int kStages>
void launch_tiles(unsigned blocks, const Panels& panels, const Splits& splits,
                  const KernelScale* scale, bool gaussian, double* partial, cudaStream_t stream) {
  constexpr int kBytes = tile_shared_bytes<kHeld, kStages>();
  load_kernel(kernel_tiles_kernel<kHeld, kStages>, kBytes);
  kernel_tiles_kernel<kHeld, kStages>
      <<<blocks, kTileThreads, kBytes, stream>>>(panels, splits, scale, gaussian, partial);
}

int most_shared_bytes() {
  int device = 0;
  int bytes = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "asking how much shared memory a block may have");
  return bytes;
}

}  // namespace

KernelForms kernel_forms(const KernelProblem& problem, cudaStream_t stream,
                         std::shared_ptr<Allocator> allocator) {
  check_sides(problem.x, problem.y);
  const BesideCaptures beside;
  const DeviceGuard guard(problem.x.tensor.device);
  refuse_capture(stream);
  const std::int64_t n = problem.x.count();
  const std::int64_t m = problem.y.count();
  const std::int64_t total = n + m;
  if (n < 1 || m < 1 || problem.splits < 1 || problem.chosen_count < 1 ||
      problem.chosen_count > kMostChosen) {
    throw InvalidArgument("a side without rows, no split, or no sample");
  }
  const std::int64_t dims = problem.x.dims();
  Panels panels{};
  panels.rows = total;
  panels.panels = static_cast<std::int32_t>((total + kTile - 1) / kTile);
  panels.depth = static_cast<std::int32_t>((dims + kDepth - 1) / kDepth * kDepth);
  const std::int64_t padded = std::int64_t{panels.panels} * kTile;
  const std::int32_t groups = (problem.splits + kSplitsOfGroup - 1) / kSplitsOfGroup;
  const std::int64_t blocks = tile_blocks(panels.panels);
  const std::int64_t numbers = std::int64_t{groups} * 2 * kTile;

  Workspace space(std::move(allocator), stream);
  RowsBuffer rows_x(space, problem.x);
  RowsBuffer rows_y(space, problem.y);
  const Median median(space, dims, problem.chosen_count);
  const auto values = space.take<float>(static_cast<std::size_t>(padded * panels.depth));
  const auto squares = space.take<float>(static_cast<std::size_t>(padded));
  const auto bad = space.take<std::uint8_t>(static_cast<std::size_t>(total));
  const auto given = space.take<std::int8_t>(static_cast<std::size_t>(total * problem.splits));
  const auto signs = space.take<std::int8_t>(static_cast<std::size_t>(groups * padded * kTile));
  const auto partial = space.take<double>(static_cast<std::size_t>(blocks * numbers));
  const auto sums = space.take<double>(static_cast<std::size_t>(numbers));
  const auto left_out = space.take<unsigned long long>(2);
  space.make();
  panels.values = values.get(space);
  panels.squares = squares.get(space);
  const Rows x = rows_x.enqueue(space, stream);
  const Rows y = rows_y.enqueue(space, stream);

  upload(given.get(space), problem.signs, static_cast<std::size_t>(total * problem.splits), stream);
  clear(bad.get(space), static_cast<std::size_t>(total), stream);
  clear(left_out.get(space), 2, stream);
  clear(partial.get(space), static_cast<std::size_t>(blocks * numbers), stream);
  spread_signs_kernel<<<std::min(blocks_for(groups * padded * kTile, 1024), 1024U), 256, 0,
                        stream>>>(given.get(space), total, problem.splits, padded, groups,
                                  signs.get(space));
  median.enqueue(space, x, y, problem.chosen, {problem.bandwidth, problem.gaussian}, stream);
  const dim3 pool_grid(static_cast<unsigned>(padded / kPoolWidth),
                       blocks_for(panels.depth, kPoolWidth));
  pool_rows_kernel<<<pool_grid, kPoolWidth * kPoolRows, 0, stream>>>(
      x, y, median.middle(space), median.scale(space), panels, bad.get(space));
  squares_kernel<<<static_cast<unsigned>(panels.panels), kTile * kSquareParts, 0, stream>>>(
      panels, bad.get(space), n, left_out.get(space));
  check(cudaGetLastError(), "pooling rows");
  const Splits splits{signs.get(space), groups};
  const auto grid = static_cast<unsigned>(blocks);
  // Where a block may not have 80 KiB (7.5), a quarter of a tile is held at a time.
  const bool whole = most_shared_bytes() >= tile_shared_bytes<kTile, 3>();
  const auto launch = whole ? launch_tiles<kTile, 3> : launch_tiles<kSignRows, 2>;
  launch(grid, panels, splits, median.scale(space), problem.gaussian, partial.get(space), stream);
  check(cudaGetLastError(), "computing kernels");
  sum_partials_kernel<<<blocks_for(numbers, 8), 8 * kWarp, 0, stream>>>(partial.get(space), blocks,
                                                                        numbers, sums.get(space));
  check(cudaGetLastError(), "adding up kernels");

  std::vector<double> found(static_cast<std::size_t>(numbers));
  KernelScale scale{};
  unsigned long long odd[2] = {};
  download(found.data(), sums.get(space), found.size(), stream);
  download(&scale, median.scale(space), 1, stream);
  download(odd, left_out.get(space), 2, stream);
  synchronise(stream);

  KernelForms out;
  out.bytes = space.bytes();
  out.total = found[0];
  out.median = scale.median;
  out.scale = scale.scale;
  out.offset = static_cast<double>(scale.offset);
  for (std::int32_t split = 0; split < problem.splits; ++split) {
    const std::int32_t place = split / kSplitsOfGroup * kTile + split % kSplitsOfGroup + 1;
    out.forms.push_back(found[2 * static_cast<std::size_t>(place)]);
    out.linear.push_back(found[2 * static_cast<std::size_t>(place) + 1]);
  }
  read_marks(out.odd, odd, bad.get(space), n, m, stream);
  return out;
}

MedianDistance median_distance(const DeviceRows& rows, const std::int32_t* chosen,
                               std::int32_t chosen_count, cudaStream_t stream,
                               std::shared_ptr<Allocator> allocator) {
  check_sides(rows, rows);
  const BesideCaptures beside;
  const DeviceGuard guard(rows.tensor.device);
  refuse_capture(stream);
  if (chosen_count < 1 || chosen_count > kMostChosen) throw InvalidArgument("no sample of rows");
  const std::int64_t count = rows.count();
  Workspace space(std::move(allocator), stream);
  RowsBuffer buffer(space, rows);
  const Median median(space, rows.dims(), chosen_count);
  const auto bad = space.take<std::uint8_t>(static_cast<std::size_t>(count));
  const auto marked = space.take<unsigned long long>(1);
  space.make();
  const Rows all = buffer.enqueue(space, stream);
  Rows none = all;
  none.count = 0;
  clear(marked.get(space), 1, stream);
  enqueue_marks(all, bad.get(space), marked.get(space), stream);
  median.enqueue(space, all, none, chosen, {0.0, true}, stream);
  KernelScale scale{};
  unsigned long long odd[2] = {};
  download(&scale, median.scale(space), 1, stream);
  download(odd, marked.get(space), 1, stream);
  synchronise(stream);
  MedianDistance out;
  out.median = scale.median;
  read_marks(out.odd, odd, bad.get(space), count, 0, stream);
  return out;
}

}  // namespace inlay::cuda
