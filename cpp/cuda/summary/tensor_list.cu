#include "summary/tensor_list.hpp"

#include <algorithm>
#include <inlay/error.hpp>
#include <mutex>
#include <string>

#include "runtime/guards.hpp"
#include "runtime/kernel.hpp"
#include "summary/tensor_list_plan.hpp"

namespace inlay::cuda {
namespace {

__global__ void __launch_bounds__(kListThreads, 3)
    tensor_list_kernel(const __grid_constant__ TensorListArgs args) {
  count_tensor_list(args);
}

__global__ void extract_list_kernel(const WindowControl* control, unsigned closed,
                                    TensorRecord* state, std::size_t count, TensorRecord* result) {
  if (!window_is_quiet(control, closed)) return;
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= count) return;
  result[i] = state[i];
  state[i] = TensorRecord{};
}

std::uint32_t blocks_of(int device) {
  int processors = 0;
  check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
        "asking for the processors of the device");
  return static_cast<std::uint32_t>(processors) * kListBlocksPerProcessor;
}

std::size_t checked(std::size_t count) {
  if (count == 0 || count > (1U << 20)) {
    inlay::detail::fail<InvalidArgument>("a list must have 1 to 1048576 tensors", count);
  }
  return count;
}

// The slots of the blocks lie behind the records, of the first state alone.
std::size_t state_bytes(int device, std::size_t count) {
  return (count + blocks_of(device) + std::min<std::size_t>(count, kListTensors)) *
         sizeof(TensorRecord);
}

}  // namespace

TensorList::TensorList(int device, std::size_t count, std::shared_ptr<Allocator> allocator)
    : Monitor(device, state_bytes(device, checked(count)), count * sizeof(TensorRecord),
              std::move(allocator)),
      count_(count),
      blocks_(blocks_of(device)),
      sums_(count) {
  const BesideCaptures beside;
  const DeviceGuard guard(device);
  load_kernel(tensor_list_kernel);
  load_kernel(extract_list_kernel);
}

bool TensorList::update(const std::vector<Tensor>& tensors, cudaStream_t stream) {
  if (tensors.size() != count_) {
    inlay::detail::fail<InvalidArgument>(
        "the list has " + std::to_string(count_) + " tensors, but given were", tensors.size());
  }
  for (std::size_t i = 0; i < count_; ++i) {
    if (tensors[i].device != device()) {
      inlay::detail::fail<InvalidArgument>("tensor " + std::to_string(i) + " must be on device " +
                                               std::to_string(device()) + ", but is on",
                                           tensors[i].device);
    }
  }
  const std::size_t launches = (count_ + kListTensors - 1) / kListTensors;
  std::vector<TensorListArgs> lists(launches);
  for (std::size_t i = 0; i < count_; ++i) {
    if (!append_tensor(lists[i / kListTensors], tensors[i])) {
      inlay::detail::fail<InvalidArgument>("a tensor must have no gaps between its values; number",
                                           i);
    }
  }
  return enqueue(stream, [&](const Launch& launch) {
    for (std::size_t i = 0; i < launches; ++i) {
      TensorListArgs& args = lists[i];
      if (args.chunks == 0) continue;
      args.control = launch.control;
      for (int s = 0; s < 2; ++s)
        args.states[s] = static_cast<TensorRecord*>(launch.states[s]) + i * kListTensors;
      args.slots = static_cast<TensorRecord*>(launch.states[0]) + count_;
      tensor_list_kernel<<<std::min(blocks_, args.chunks), kListThreads, 0, launch.stream>>>(args);
      check(cudaGetLastError(), "launching the tensors' kernel");
    }
  });
}

void TensorList::launch_extract(const Launch& launch, unsigned closed, void* result,
                                cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((count_ + kListThreads - 1) / kListThreads);
  extract_list_kernel<<<blocks, kListThreads, 0, stream>>>(
      launch.control, closed, static_cast<TensorRecord*>(launch.states[closed]), count_,
      static_cast<TensorRecord*>(result));
  check(cudaGetLastError(), "reading a window of tensors");
}

void TensorList::arrived(const void* result) {
  const auto* const records = static_cast<const TensorRecord*>(result);
  for (std::size_t i = 0; i < count_; ++i) {
    TensorSums& to = sums_[i];
    const TensorRecord& from = records[i];
    to.count += from.count;
    to.nan_count += from.nan;
    to.pos_inf_count += from.pos_inf;
    to.neg_inf_count += from.neg_inf;
    to.zero_count += from.zero;
    to.sum_of_squares += from.squares;
    to.max_abs = std::max(to.max_abs, from.largest);
  }
}

std::vector<TensorSums> TensorList::sums() const {
  const std::lock_guard lock(results_mutex());
  return sums_;
}

void TensorList::reset() {
  const std::lock_guard lock(results_mutex());
  std::fill(sums_.begin(), sums_.end(), TensorSums());
}

}  // namespace inlay::cuda
