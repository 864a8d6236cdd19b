#include "model/logits_monitor.hpp"

#include <inlay/error.hpp>
#include <utility>

#include "model/logits_result.hpp"
#include "model/logits_state.hpp"

namespace inlay::cuda {
namespace {

int checked(int scale) { return Logits(scale).scale(); }

// The scratch lies behind the first state, so that it lives as long as launches may use it.
std::size_t state_bytes(int scale) { return logits_state_bytes(scale) + logits_scratch_bytes(); }

LogitsState* state_of(void* memory) { return static_cast<LogitsState*>(memory); }

}  // namespace

LogitsMonitor::LogitsMonitor(int device, int scale, std::shared_ptr<Allocator> allocator)
    : Monitor(device, state_bytes(checked(scale)), logits_state_bytes(scale), std::move(allocator)),
      scale_(scale),
      logits_(scale) {
  const BesideCaptures beside;
  const DeviceGuard guard(device);
  check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, device),
        "asking for the multiprocessors");
  load_logits_kernels();
}

void LogitsMonitor::update(const LogitsInput& input, cudaStream_t stream, unsigned parts) {
  if (input.logits.device != device()) {
    throw InvalidArgument("logits of a monitor on device " + std::to_string(device()) +
                          " are on that device, not on " + std::to_string(input.logits.device));
  }
  enqueue(stream, [&](const Launch& launch) {
    LogitsState* const states[2] = {state_of(launch.states[0]), state_of(launch.states[1])};
    void* const scratch =
        static_cast<unsigned char*>(launch.states[0]) + logits_state_bytes(scale_);
    update_logits_async(input, scale_, launch.control, states, scratch, multiprocessors_, parts,
                        launch.stream);
  });
}

void LogitsMonitor::launch_extract(const Launch& launch, unsigned closed, void* result,
                                   cudaStream_t stream) {
  extract_logits_async(launch.control, closed, state_of(launch.states[closed]), result, scale_,
                       stream);
}

void LogitsMonitor::arrived(const void* result) {
  logits_.merge(logits_of(*static_cast<const LogitsState*>(result), scale_));
}

Logits LogitsMonitor::arrived_logits() const {
  const std::lock_guard lock(results_mutex());
  return logits_;
}

Logits LogitsMonitor::take() {
  const std::lock_guard lock(results_mutex());
  Logits out(scale_);
  std::swap(out, logits_);
  return out;
}

}  // namespace inlay::cuda
