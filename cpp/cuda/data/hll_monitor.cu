#include "data/hll_monitor.hpp"

#include <inlay/error.hpp>
#include <new>
#include <utility>

#include "data/distinct.cuh"
#include "data/key_launch.hpp"
#include "runtime/kernel.hpp"

namespace inlay::cuda {
namespace {

__global__ void __launch_bounds__(1024)
    take_distinct_kernel(const WindowControl* control, unsigned closed, DistinctLayout layout,
                         void* state, void* result) {
  if (window_is_quiet(control, closed)) take_distinct(layout, state, result);
}

// Hll's constructor checks it, but the base comes first.
DistinctLayout checked(int lg_k) { return DistinctLayout::of(Hll(lg_k).lg_k()); }

// A block's registers, where they fit beside the coupons that it has seen.
int shared_bytes_of(const DistinctLayout& layout) {
  const std::size_t bytes = layout.registers() * sizeof(unsigned);
  const bool fits = bytes + (sizeof(unsigned) << kLgSeen) <= kKeySharedBytes;
  return fits ? static_cast<int>(bytes) : 0;
}

}  // namespace

HllMonitor::HllMonitor(int device, int lg_k, std::shared_ptr<Allocator> allocator)
    : Monitor(device, checked(lg_k).state_bytes(), checked(lg_k).result_bytes(),
              std::move(allocator)),
      layout_(DistinctLayout::of(lg_k)),
      shared_bytes_(shared_bytes_of(layout_)),
      blocks_(key_blocks(device)),
      sketch_(lg_k) {
  const DeviceGuard guard(device);
  const BesideCaptures beside;
  with_each_element_bits([&]<class Bits>() { load_kernel(distinct_kernel<Bits>, shared_bytes_); });
  load_kernel(take_distinct_kernel);
}

HllMonitor::~HllMonitor() = default;

void HllMonitor::update(const Tensor& tensor, cudaStream_t stream) {
  const Elements elements = elements_of(tensor);
  if (elements.size == 0) return;
  enqueue(stream, [&](const Launch& launch) {
    const unsigned blocks = key_blocks_for(elements.size, blocks_);
    with_element_bits(tensor.element, [&]<class Bits>() {
      distinct_kernel<Bits>
          <<<blocks, kKeyThreads, static_cast<std::size_t>(shared_bytes_), launch.stream>>>(
              elements, layout_, shared_bytes_ != 0, launch.control, launch.states[0],
              launch.states[1]);
    });
    check(cudaGetLastError(), "finding distinct items");
  });
}

void HllMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                cudaStream_t stream) {
  take_distinct_kernel<<<1, 1024, 0, stream>>>(launch.control, closed, layout_,
                                               launch.states[closed], result);
  check(cudaGetLastError(), "reading distinct items");
}

void HllMonitor::arrived(const void* result) {
  if (!sketch_.merge(hll_of_result(layout_, result))) throw std::bad_alloc();
}

Hll HllMonitor::take() {
  const std::lock_guard lock(results_mutex());
  Hll out(layout_.lg_k);
  out.swap(sketch_);
  return out;
}

}  // namespace inlay::cuda
