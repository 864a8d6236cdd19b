#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/summary/edge_histogram.hpp>
#include <inlay/summary/exp_histogram.hpp>
#include <inlay/summary/moments.hpp>
#include <memory>
#include <vector>

#include "runtime/monitor.hpp"
#include "runtime/tensor.hpp"
#include "summary/column_args.hpp"
#include "summary/column_launch.hpp"

namespace inlay::cuda {

/// Moments, missing and infinite counts, exponential histograms and the cells between fixed edges
/// of the columns of tensors on a device, in one read of each.
///
/// Counts, extremes and buckets equal the CPU's. Sums and moments of floats and narrower types are
/// taken of distances from a value of the column in float, up to 32 at a time, then in double:
/// their error stays below 1e-6 of the sum of the absolute distances' powers. Doubles and 32 and 64
/// bit integers are summed in double. The same launches give the same bits.
class ColumnMonitor : public Monitor {
 public:
  struct Options {
    std::size_t columns = 1;
    int scale = ExpHistogram::kDefaultScale;
    bool moments = true;
    bool histogram = true;
    std::vector<std::vector<double>> edges = {};  // of each column, or none at all
    /// Pages of 32 buckets that all columns share; 0: 40 per column and scale step, at least 8,192.
    std::size_t pages = 0;
  };

  /// @throws InvalidArgument if the options contradict each other, CudaError if the device or its
  /// memory cannot be had.
  ColumnMonitor(int device, Options options, std::shared_ptr<Allocator> allocator = nullptr);

  /// Enqueues the count of a tensor's values. `axis` is the dimension of the columns (negative:
  /// from the end); a monitor of one column takes all values of any shape.
  /// @returns false where nothing was enqueued, see Monitor::enqueue().
  /// @throws InvalidArgument if the tensor has another number of columns or is on another device.
  bool update(const Tensor& tensor, cudaStream_t stream, int axis = -1);

  std::size_t columns() const noexcept { return options_.columns; }
  const Options& options() const noexcept { return options_; }

  // What windows that have arrived held.
  /// @throws InvalidArgument if there is no such column or it was not asked for.
  Moments moments(std::size_t column) const;
  ExpHistogram histogram(std::size_t column) const;
  EdgeHistogram edges(std::size_t column) const;
  /// Values that are in the moments but in no bucket, for want of pages.
  std::uint64_t lost() const;
  /// Forgets what has arrived.
  void reset();

 protected:
  void launch_extract(const Launch& launch, unsigned closed, void* result,
                      cudaStream_t stream) override;
  void arrived(const void* result) override;

 private:
  struct Plan;
  ColumnMonitor(int device, Options options, const Plan& plan,
                std::shared_ptr<Allocator> allocator);
  void check_column(std::size_t column) const;

  Options options_;
  ColumnArgs args_;
  std::uint32_t target_blocks_ = 0;
  const void* cells_[2] = {nullptr, nullptr};  // for float and double
  const void* edges_at_[2] = {nullptr, nullptr};

  std::vector<Moments> moments_;
  std::vector<ExpHistogram> histograms_;
  std::vector<EdgeHistogram> edges_;
  std::uint64_t lost_ = 0;
};

}  // namespace inlay::cuda
