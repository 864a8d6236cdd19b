#include "data/top_k_monitor.hpp"

#include <inlay/error.hpp>
#include <new>
#include <utility>

#include "data/key_launch.hpp"
#include "data/top_ids.cuh"
#include "runtime/kernel.hpp"

namespace inlay::cuda {
namespace {

__global__ void __launch_bounds__(1024)
    take_top_ids_kernel(const WindowControl* control, unsigned closed, TopIdsLayout layout,
                        void* state, void* result) {
  if (window_is_quiet(control, closed)) take_top_ids(layout, state, result);
}

TopIdsLayout layout_of(std::uint32_t capacity, std::uint64_t vocabulary) {
  if (vocabulary > TopKMonitor::kMaxVocabulary) {
    detail::fail<InvalidArgument>("a vocabulary has at most 16,777,216 ids", vocabulary);
  }
  // With a vocabulary the table is for what marks padding or is a mistake.
  const unsigned table = vocabulary == 0 ? 1U << 18 : 1U << 12;
  return {static_cast<unsigned>(vocabulary), table, TopK(capacity).capacity()};
}

}  // namespace

TopKMonitor::TopKMonitor(int device, std::uint32_t capacity, std::uint64_t vocabulary,
                         std::shared_ptr<Allocator> allocator)
    : Monitor(device, layout_of(capacity, vocabulary).state_bytes(),
              layout_of(capacity, vocabulary).result_bytes(), std::move(allocator)),
      layout_(layout_of(capacity, vocabulary)),
      plan_(plan_counters(layout_.vocabulary, kKeySharedBytes)),
      blocks_(key_blocks(device)),
      top_(capacity) {
  const DeviceGuard guard(device);
  const BesideCaptures beside;
  with_each_element_bits([&]<class Bits>() {
    load_kernel(count_ids_kernel<Bits>, static_cast<int>(plan_.shared_bytes()));
  });
  load_kernel(take_top_ids_kernel);
}

TopKMonitor::~TopKMonitor() = default;

void TopKMonitor::update(const Tensor& tensor, cudaStream_t stream) {
  if (is_float(tensor.element)) {
    detail::fail<InvalidArgument>("ids on a device are integers; bytes of a float element",
                                  size_of(tensor.element));
  }
  const Elements elements = elements_of(tensor);
  if (elements.size == 0) return;
  enqueue(stream, [&](const Launch& launch) {
    with_element_bits(tensor.element, [&]<class Bits>() {
      count_ids_kernel<Bits><<<key_blocks_for(elements.size, blocks_), kKeyThreads,
                               plan_.shared_bytes(), launch.stream>>>(
          elements, layout_, plan_, launch.control, launch.states[0], launch.states[1]);
    });
    check(cudaGetLastError(), "counting ids");
  });
}

void TopKMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                 cudaStream_t stream) {
  take_top_ids_kernel<<<1, 1024, 0, stream>>>(launch.control, closed, layout_,
                                              launch.states[closed], result);
  check(cudaGetLastError(), "reading the top ids");
}

void TopKMonitor::arrived(const void* result) {
  if (!top_.merge(top_k_of_result(layout_, result))) throw std::bad_alloc();
}

TopK TopKMonitor::take() {
  const std::lock_guard lock(results_mutex());
  TopK out(layout_.capacity);
  out.swap(top_);
  return out;
}

}  // namespace inlay::cuda
