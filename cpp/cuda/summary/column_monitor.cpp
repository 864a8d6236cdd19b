#include "summary/column_monitor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/error.hpp>
#include <mutex>
#include <utility>

#include "runtime/guards.hpp"
#include "runtime/window_control.hpp"
#include "summary/bucket_cells.hpp"
#include "summary/column_plan.hpp"
#include "summary/column_results.hpp"

namespace inlay::cuda {
namespace {

/// One column of float64 has them all: at scale 5 a page is an octave, of which either sign has
/// 2,046 and those below the smallest normal number; and half the pool stays free.
constexpr std::size_t kLeastPages = 8192;

// The largest float that is not above a finite value; minus infinity if there is none.
float float_not_above(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value ? std::nextafter(nearest, -HUGE_VALF) : nearest;
}

std::size_t rounded(std::size_t bytes) { return (bytes + 255) & ~std::size_t{255}; }

}  // namespace

/// What is known before the base is made: sizes, and where things lie behind each state. Scratch
/// and tables are part of the states, so that they live and end with them.
struct ColumnMonitor::Plan {
  ColumnLayout layout;
  int table_scale = 5;
  std::uint32_t edge_steps = 0;
  ColumnBlock block;
  std::uint32_t shared_bytes = 0;
  std::uint32_t target_blocks = 0;
  std::size_t parts_at = 0, arrived_at = 0, cells_at[2] = {}, edges_at[2] = {}, bytes = 0;

  Plan(int device, const Options& options) {
    if (options.columns == 0 || options.columns > (1U << 20)) {
      inlay::detail::fail<InvalidArgument>("columns must lie within 1 to 1048576", options.columns);
    }
    static_cast<void>(ExpHistogram(options.scale));  // throws if it is out of range
    std::size_t most = 0;
    if (!options.edges.empty() && options.edges.size() != options.columns) {
      inlay::detail::fail<InvalidArgument>("edges must be given for each of the columns, or none",
                                           options.edges.size());
    }
    for (const auto& edges : options.edges) {
      static_cast<void>(EdgeHistogram(edges));  // throws if they do not increase
      most = std::max(most, edges.size());
    }
    const DeviceGuard guard(device);
    int processors = 0;
    int shared = 0;
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
          "asking for the processors of the device");
    check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
          "asking for the shared memory of a block");
    shared_bytes = static_cast<std::uint32_t>(shared);
    block = column_block(shared_bytes);
    target_blocks = static_cast<std::uint32_t>(processors);  // one block fills a processor

    const int scale = std::max(options.scale, 0);
    table_scale = std::max(scale, 5);
    layout.columns = static_cast<std::uint32_t>(options.columns);
    if (most != 0) {
      layout.cells = std::bit_ceil(static_cast<std::uint32_t>(most) + 1);
      edge_steps = static_cast<std::uint32_t>(std::countr_zero(layout.cells));
    }
    const std::size_t steps = std::size_t{1} << std::max(0, scale - 5);
    const std::size_t pages = options.pages != 0 ? options.pages
                              : !options.histogram
                                  ? 64
                                  : std::max(options.columns * 40, kLeastPages) * steps;
    layout.pages = std::bit_ceil(static_cast<std::uint32_t>(
        std::min<std::size_t>(std::max<std::size_t>(pages, 64), 1U << 28)));

    std::size_t at = rounded(layout.bytes());
    const auto take = [&at](std::size_t size) {
      const std::size_t begin = at;
      at += rounded(size);
      return begin;
    };
    parts_at = take(column_parts(layout.columns, target_blocks) * sizeof(ColumnPart));
    arrived_at = take((options.columns + 1) * sizeof(std::uint32_t));
    const std::size_t cells = std::size_t{2} << table_scale;
    cells_at[0] = take(cells * sizeof(std::uint32_t));
    cells_at[1] = take(cells * sizeof(std::uint64_t));
    const std::size_t edges =
        layout.cells == 0 ? 0 : options.columns * (std::size_t{layout.cells} - 1);
    edges_at[0] = take(edges * sizeof(float));
    edges_at[1] = take(edges * sizeof(double));
    bytes = at;
  }
};

ColumnMonitor::ColumnMonitor(int device, Options options, std::shared_ptr<Allocator> allocator)
    : ColumnMonitor(device, options, Plan(device, options), std::move(allocator)) {}

ColumnMonitor::ColumnMonitor(int device, Options options, const Plan& plan,
                             std::shared_ptr<Allocator> allocator)
    : Monitor(device, plan.bytes, column_result_bytes(plan.layout), std::move(allocator)),
      options_(std::move(options)),
      target_blocks_(plan.target_blocks),
      moments_(options_.moments ? options_.columns : 0),
      histograms_(options_.histogram ? options_.columns : 0, ExpHistogram(options_.scale)) {
  const BesideCaptures beside;
  const DeviceGuard guard(device);
  edges_.reserve(options_.edges.size());
  for (const auto& edges : options_.edges) edges_.emplace_back(edges);
  args_.layout = plan.layout;
  args_.scale = std::max(options_.scale, 0);
  args_.table_scale = plan.table_scale;
  args_.edge_steps = plan.edge_steps;
  args_.block = plan.block;
  args_.edges_shared = edges_fit(plan.block, plan.edge_steps, sizeof(double), plan.shared_bytes);
  load_columns(args_);
  load_extract_columns();

  const auto cells32 = make_bucket_cells<std::uint32_t>(plan.table_scale);
  const auto cells64 = make_bucket_cells<std::uint64_t>(plan.table_scale);
  std::vector<float> edges32;
  std::vector<double> edges64;
  for (const auto& edges : options_.edges) {
    for (std::uint32_t i = 0; i + 1 < plan.layout.cells; ++i) {
      const bool given = i < edges.size();
      edges64.push_back(given ? edges[i] : HUGE_VAL);
      edges32.push_back(given ? float_not_above(edges[i]) : HUGE_VALF);
    }
  }
  std::string error;
  const bool done = enqueue(own_stream(), [&](const Launch& launch) {
    auto* const state = static_cast<unsigned char*>(launch.states[0]);
    args_.control = launch.control;
    for (int i = 0; i < 2; ++i) args_.states[i] = static_cast<unsigned char*>(launch.states[i]);
    args_.parts = reinterpret_cast<ColumnPart*>(state + plan.parts_at);
    args_.arrived = reinterpret_cast<std::uint32_t*>(state + plan.arrived_at);
    const auto upload = [&](const void*& place, std::size_t at, const auto& values) {
      place = state + at;
      if (values.empty()) return;
      check(cudaMemcpyAsync(state + at, values.data(), values.size() * sizeof(values[0]),
                            cudaMemcpyHostToDevice, launch.stream),
            "copying tables");
    };
    upload(cells_[0], plan.cells_at[0], cells32);
    upload(cells_[1], plan.cells_at[1], cells64);
    upload(edges_at_[0], plan.edges_at[0], edges32);
    upload(edges_at_[1], plan.edges_at[1], edges64);
  });
  check(cudaStreamSynchronize(own_stream()), "copying tables");
  if (!done) inlay::detail::fail<Error>("the monitor cannot be made", status().error);
}

void ColumnMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                   cudaStream_t stream) {
  launch_extract_columns(launch.control, closed, args_.states[closed], args_.layout,
                         static_cast<unsigned char*>(result), stream);
}

void ColumnMonitor::arrived(const void* result) {
  const ColumnResults results(result, args_.layout);
  for (std::uint32_t column = 0; column < args_.layout.columns; ++column) {
    if (options_.moments) moments_[column].merge(results.moments(column));
    if (options_.histogram) {
      if (!histograms_[column].merge(results.histogram(column, options_.scale))) {
        lost_ += results.record(column).count;
      }
      lost_ += results.record(column).lost;
    }
    if (!edges_.empty()) edges_[column].merge(results.cells(column, edges_[column]));
  }
}

void ColumnMonitor::check_column(std::size_t column) const {
  if (column >= options_.columns) {
    inlay::detail::fail<InvalidArgument>(
        "there are " + std::to_string(options_.columns) + " columns, none of number", column);
  }
}

Moments ColumnMonitor::moments(std::size_t column) const {
  check_column(column);
  if (!options_.moments) inlay::detail::fail<InvalidArgument>("moments were not asked for", column);
  const std::lock_guard lock(results_mutex());
  return moments_[column];
}

ExpHistogram ColumnMonitor::histogram(std::size_t column) const {
  check_column(column);
  if (!options_.histogram) {
    inlay::detail::fail<InvalidArgument>("histograms were not asked for", column);
  }
  const std::lock_guard lock(results_mutex());
  return histograms_[column];
}

EdgeHistogram ColumnMonitor::edges(std::size_t column) const {
  check_column(column);
  if (edges_.empty()) inlay::detail::fail<InvalidArgument>("no edges were given", column);
  const std::lock_guard lock(results_mutex());
  return edges_[column];
}

std::uint64_t ColumnMonitor::lost() const {
  const std::lock_guard lock(results_mutex());
  return lost_;
}

void ColumnMonitor::reset() {
  const std::lock_guard lock(results_mutex());
  for (Moments& m : moments_) m.reset();
  for (ExpHistogram& h : histograms_) h.reset();
  for (EdgeHistogram& e : edges_) e.reset();
  lost_ = 0;
}

}  // namespace inlay::cuda
