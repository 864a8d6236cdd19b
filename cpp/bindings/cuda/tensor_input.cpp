#include "tensor_input.hpp"

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/error.hpp"
#include "runtime/fork.hpp"
#include "runtime/guards.hpp"

namespace py = pybind11;

namespace inlay::python {
namespace {

using cuda::check;

// Lent memory that a kernel may still read, until the event has passed.
struct Held {
  cudaEvent_t done;
  int device;
  py::object owner;
};

// Shared by all inputs of the process; never destroyed, as the driver may go first.
struct Shared {
  std::mutex mutex;
  std::uint64_t fork_generation = cuda::fork_generation();
  std::map<int, cudaStream_t> streams;
  std::vector<Held> held;
};

Shared& shared() {
  static auto* const instance = new Shared;
  return *instance;
}

// What a forked child inherits belongs to the parent's driver: forgotten, not destroyed.
void forget_after_fork(Shared& all) {
  if (all.fork_generation == cuda::fork_generation()) return;
  all.fork_generation = cuda::fork_generation();
  all.streams.clear();
  for (Held& held : all.held) held.owner.release();
  all.held.clear();
}

class CudaDriver final : public IntakeDriver {
 public:
  cudaStream_t own_stream(int device) override {
    Shared& all = shared();
    const std::lock_guard lock(all.mutex);
    forget_after_fork(all);
    cudaStream_t& stream = all.streams[device];
    if (stream == nullptr) {
      const cuda::BesideCaptures beside;
      const cuda::DeviceGuard guard(device);
      // It waits for the legacy default stream, and that one for it: that is what a producer that
      // names no stream works on.
      check(cudaStreamCreateWithFlags(&stream, cudaStreamDefault), "making a stream");
    }
    return stream;
  }

  bool capturing(cudaStream_t stream) override {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    if (cudaStreamIsCapturing(stream, &status) != cudaSuccess) {
      // Nothing may be enqueued on it now, which is what the caller asks.
      static_cast<void>(cudaGetLastError());
      return true;
    }
    return status != cudaStreamCaptureStatusNone;
  }

  int device_of(const void* memory) override {
    cudaPointerAttributes attributes{};
    check(cudaPointerGetAttributes(&attributes, memory), "asking where memory is");
    if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged)
      throw py::type_error("a tensor in host memory, not on a CUDA device");
    return attributes.device;
  }
};

CudaDriver& driver() {
  static CudaDriver instance;
  return instance;
}

void order(cudaStream_t stream, cudaStream_t after, int device) {
  if (driver().capturing(stream) || driver().capturing(after)) return;
  const cuda::DeviceGuard guard(device);
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  cudaError_t code = cudaEventRecord(event, after);
  if (code == cudaSuccess) code = cudaStreamWaitEvent(stream, event, 0);
  // What waits for it goes on to do so.
  static_cast<void>(cudaEventDestroy(event));
  check(code, "following the producer's stream");
}

// Lets go of what no kernel reads any more. The owners end outside the lock: that runs Python code.
void let_go() {
  std::vector<py::object> done;
  Shared& all = shared();
  {
    const std::lock_guard lock(all.mutex);
    forget_after_fork(all);
    std::size_t kept = 0;
    for (Held& held : all.held) {
      if (cudaEventQuery(held.done) == cudaErrorNotReady) {
        std::swap(all.held[kept++], held);
        continue;
      }
      static_cast<void>(cudaEventDestroy(held.done));
      done.push_back(std::move(held.owner));
    }
    all.held.resize(kept);
    static_cast<void>(cudaGetLastError());
  }
}

void hold(py::object owner, cudaStream_t stream, int device) {
  const cuda::DeviceGuard guard(device);
  cudaEvent_t done = nullptr;
  check(cudaEventCreateWithFlags(&done, cudaEventDisableTiming), "making an event");
  if (const cudaError_t code = cudaEventRecord(done, stream); code != cudaSuccess) {
    static_cast<void>(cudaEventDestroy(done));
    check(code, "marking a read");
  }
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  all.held.push_back(Held{done, device, std::move(owner)});
}

}  // namespace

TensorInput::TensorInput(py::handle object, py::handle stream, int device)
    : read_(read_tensor(object, stream, device, driver())) {
  if (read_.after) order(read_.stream, *read_.after, read_.tensor.device);
  if (read_.hold) {
    const cuda::BesideCaptures beside;
    let_go();
  }
}

TensorInput::~TensorInput() {
  if (!read_.hold) return;
  try {
    const cuda::BesideCaptures beside;
    // A captured read happens when its graph is replayed: the caller keeps that memory.
    if (!driver().capturing(read_.stream))
      hold(std::move(read_.owner), read_.stream, read_.tensor.device);
  } catch (const std::exception&) {
    // The device failed, so no kernel reads it.
  }
}

}  // namespace inlay::python
