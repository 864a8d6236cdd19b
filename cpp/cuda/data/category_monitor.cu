#include "data/category_monitor.hpp"

#include <algorithm>
#include <inlay/error.hpp>
#include <numeric>
#include <utility>

#include "data/category_counts.cuh"
#include "data/key_launch.hpp"
#include "runtime/kernel.hpp"

namespace inlay::cuda {
namespace {

__global__ void __launch_bounds__(1024)
    take_counts_kernel(const WindowControl* control, unsigned closed, unsigned long long* state,
                       unsigned counters, unsigned long long* result) {
  if (window_is_quiet(control, closed)) take_counts(state, counters, result);
}

// Checks before the base takes memory.
std::size_t counters_of(const std::vector<std::int64_t>& codes) {
  if (codes.size() > CategoryMonitor::kMaxCodes) {
    detail::fail<InvalidArgument>("there may be 1,000,000 codes", codes.size());
  }
  return CategoryLayout{static_cast<unsigned>(codes.size())}.counters();
}

}  // namespace

CategoryMonitor::CategoryMonitor(int device, std::vector<std::int64_t> codes,
                                 std::shared_ptr<Allocator> allocator)
    : Monitor(device, counters_of(codes) * sizeof(unsigned long long),
              counters_of(codes) * sizeof(unsigned long long), std::move(allocator)),
      layout_{static_cast<unsigned>(codes.size())},
      plan_(plan_counters(layout_.counters(), kKeySharedBytes)),
      blocks_(key_blocks(device)),
      order_(codes.size()) {
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(),
            [&](unsigned a, unsigned b) { return codes[a] < codes[b]; });
  std::vector<std::int64_t> sorted(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) sorted[i] = codes[order_[i]];
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) detail::fail<InvalidArgument>("codes must differ", *twice);
  const DeviceGuard guard(device);
  const BesideCaptures beside;
  list_.size = layout_.codes;
  list_.dense = true;
  if (!sorted.empty()) {
    list_.first = sorted.front();
    list_.dense =
        static_cast<std::uint64_t>(sorted.back()) - static_cast<std::uint64_t>(sorted.front()) ==
        sorted.size() - 1;
  }
  if (!list_.dense) {
    codes_ = upload(sorted.data(), sorted.size() * sizeof(std::int64_t));
    list_.codes = codes_.as<std::int64_t>();
  }
  counts_.codes.resize(codes.size());
  with_each_element_bits([&]<class Bits>() {
    load_kernel(count_codes_kernel<Bits>, static_cast<int>(plan_.shared_bytes()));
  });
  load_kernel(take_counts_kernel);
}

CategoryMonitor::~CategoryMonitor() { finish(); }

void CategoryMonitor::update(const Tensor& tensor, cudaStream_t stream) {
  const Elements elements = elements_of(tensor);
  if (elements.size == 0) return;
  enqueue(stream, [&](const Launch& launch) {
    with_element_bits(tensor.element, [&]<class Bits>() {
      count_codes_kernel<Bits>
          <<<key_blocks_for(elements.size, blocks_), kKeyThreads, plan_.shared_bytes(),
             launch.stream>>>(elements, list_, plan_, launch.control,
                              static_cast<unsigned long long*>(launch.states[0]),
                              static_cast<unsigned long long*>(launch.states[1]));
    });
    check(cudaGetLastError(), "counting codes");
  });
}

void CategoryMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                     cudaStream_t stream) {
  take_counts_kernel<<<1, 1024, 0, stream>>>(
      launch.control, closed, static_cast<unsigned long long*>(launch.states[closed]),
      layout_.counters(), static_cast<unsigned long long*>(result));
  check(cudaGetLastError(), "reading counts of codes");
}

void CategoryMonitor::arrived(const void* result) {
  const auto* const counts = static_cast<const unsigned long long*>(result);
  for (std::size_t i = 0; i < order_.size(); ++i) counts_.codes[order_[i]] += counts[i];
  counts_.other += counts[layout_.other()];
  counts_.nan += counts[layout_.nan()];
  counts_.falses += counts[layout_.truth()];
  counts_.trues += counts[layout_.truth() + 1];
}

CategoryMonitor::Counts CategoryMonitor::take() {
  const std::lock_guard lock(results_mutex());
  Counts out;
  out.codes.resize(counts_.codes.size());
  std::swap(out, counts_);
  return out;
}

}  // namespace inlay::cuda
