#include "recorded_runtime.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace inlay::recorded {

Runtime& runtime() {
  static auto* const instance = new Runtime;
  return *instance;
}

std::size_t Runtime::count(const std::string& name) const {
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), name));
}

cudaError_t Runtime::note(const char* name) {
  calls.emplace_back(name);
  if (const auto hook = within.find(name); hook != within.end()) hook->second();
  const auto found = failing.find(name);
  if (found == failing.end()) return cudaSuccess;
  last_error = found->second;
  return found->second;
}

namespace {

void* allocate(std::size_t bytes) {
  void* const memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  // What a kernel or a copy does not write must not look like a result.
  std::memset(memory, 0xCB, bytes);
  runtime().memory.insert(memory);
  return memory;
}

cudaError_t release(void* memory) {
  if (runtime().memory.erase(memory) != 1) return cudaErrorInvalidValue;
  std::free(memory);
  return cudaSuccess;
}

}  // namespace
}  // namespace inlay::recorded

using inlay::recorded::runtime;

#define NOTE(name)                                                          \
  if (const cudaError_t code = runtime().note(name); code != cudaSuccess) { \
    return code;                                                            \
  }

extern "C" {

// ---- kernels ----
void __real___cudaRegisterFunction(void**, const char*, char*, const char*, int, uint3*, uint3*,
                                   dim3*, dim3*, int*);
void __wrap___cudaRegisterFunction(void** handle, const char* host, char* device, const char* name,
                                   int limit, uint3* tid, uint3* bid, dim3* block, dim3* grid,
                                   int* warp) {
  runtime().kernel_names[host] = name;
  __real___cudaRegisterFunction(handle, host, device, name, limit, tid, bid, block, grid, warp);
}

cudaError_t __wrap___cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}

cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                                      size_t shared_bytes, cudaStream_t stream) {
  auto& all = runtime();
  const auto failing = all.failing.find("launch");
  if (failing != all.failing.end()) return all.last_error = failing->second;
  const unsigned threads = block.x * block.y * block.z;
  if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > 65535 || grid.z > 65535 || shared_bytes > 227 * 1024)
    return all.last_error = cudaErrorInvalidConfiguration;
  const std::string name = all.kernel_names[reinterpret_cast<const void*>(kernel)];
  all.launches.push_back({name, grid, block, shared_bytes, stream});
  for (const auto& [key, body] : all.kernels) {
    if (name.find(key) != std::string::npos) body(arguments);
  }
  return cudaSuccess;
}

cudaError_t __wrap_cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  NOTE("cudaFuncGetAttributes");
  *attributes = {};
  attributes->maxThreadsPerBlock = 1024;
  return cudaSuccess;
}
cudaError_t __wrap_cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
  NOTE("cudaFuncSetAttribute");
  return cudaSuccess;
}
cudaError_t __wrap_cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int,
                                                                 size_t) {
  NOTE("cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  *blocks = 2;
  return cudaSuccess;
}

// ---- devices: two like an H100 ----
cudaError_t __wrap_cudaGetDevice(int* device) {
  NOTE("cudaGetDevice");
  *device = runtime().device;
  return cudaSuccess;
}
cudaError_t __wrap_cudaSetDevice(int device) {
  NOTE("cudaSetDevice");
  if (device < 0 || device > 1) return runtime().last_error = cudaErrorInvalidDevice;
  runtime().device = device;
  return cudaSuccess;
}
cudaError_t __wrap_cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  NOTE("cudaDeviceGetAttribute");
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 132;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = 227 * 1024;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = 228 * 1024;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = 2048;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      break;
    default:
      return runtime().last_error = cudaErrorInvalidValue;
  }
  return cudaSuccess;
}
cudaError_t __wrap_cudaDeviceSynchronize() {
  NOTE("cudaDeviceSynchronize");
  return cudaSuccess;
}
cudaError_t __wrap_cudaGetLastError() {
  runtime().calls.emplace_back("cudaGetLastError");
  const cudaError_t code = runtime().last_error;
  runtime().last_error = cudaSuccess;
  return code;
}

// ---- memory ----
cudaError_t __wrap_cudaMallocAsync(void** memory, size_t bytes, cudaStream_t) {
  NOTE("cudaMallocAsync");
  *memory = inlay::recorded::allocate(bytes);
  return cudaSuccess;
}
cudaError_t __wrap_cudaFreeAsync(void* memory, cudaStream_t) {
  NOTE("cudaFreeAsync");
  return inlay::recorded::release(memory);
}
cudaError_t __wrap_cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  NOTE("cudaHostAlloc");
  *memory = inlay::recorded::allocate(bytes);
  return cudaSuccess;
}
cudaError_t __wrap_cudaFreeHost(void* memory) {
  NOTE("cudaFreeHost");
  return inlay::recorded::release(memory);
}
cudaError_t __wrap_cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t) {
  NOTE("cudaMemsetAsync");
  std::memset(memory, value, bytes);
  return cudaSuccess;
}
cudaError_t __wrap_cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                                   cudaStream_t) {
  NOTE("cudaMemcpyAsync");
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

// ---- streams and events ----
cudaError_t __wrap_cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  NOTE("cudaStreamCreateWithFlags");
  *stream = reinterpret_cast<cudaStream_t>(inlay::recorded::allocate(1));
  runtime().stream_devices[*stream] = runtime().device;
  return cudaSuccess;
}
cudaError_t __wrap_cudaStreamDestroy(cudaStream_t stream) {
  NOTE("cudaStreamDestroy");
  runtime().stream_devices.erase(stream);
  return inlay::recorded::release(stream);
}
cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t) {
  NOTE("cudaStreamSynchronize");
  return cudaSuccess;
}
cudaError_t __wrap_cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  NOTE("cudaStreamIsCapturing");
  auto& all = runtime();
  *status = all.capturing.count(stream) != 0 ? cudaStreamCaptureStatusActive
                                             : cudaStreamCaptureStatusNone;
  if (*status == cudaStreamCaptureStatusNone && stream == cudaStreamLegacy &&
      !all.capturing.empty())
    return all.last_error = cudaErrorStreamCaptureImplicit;
  return cudaSuccess;
}
cudaError_t __wrap_cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  NOTE("cudaStreamGetId");
  *id = reinterpret_cast<unsigned long long>(stream);
  return cudaSuccess;
}
cudaError_t __wrap_cudaStreamGetDevice(cudaStream_t stream, int* device) {
  NOTE("cudaStreamGetDevice");
  const auto found = runtime().stream_devices.find(stream);
  if (found == runtime().stream_devices.end())
    return runtime().last_error = cudaErrorInvalidResourceHandle;
  *device = found->second;
  return cudaSuccess;
}
cudaError_t __wrap_cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  NOTE("cudaStreamWaitEvent");
  return cudaSuccess;
}
cudaError_t __wrap_cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  NOTE("cudaEventCreateWithFlags");
  ++runtime().live_events;
  *event = reinterpret_cast<cudaEvent_t>(std::malloc(1));
  return cudaSuccess;
}
cudaError_t __wrap_cudaEventDestroy(cudaEvent_t event) {
  NOTE("cudaEventDestroy");
  --runtime().live_events;
  std::free(event);
  return cudaSuccess;
}
cudaError_t __wrap_cudaEventRecord(cudaEvent_t, cudaStream_t) {
  NOTE("cudaEventRecord");
  return cudaSuccess;
}
cudaError_t __wrap_cudaEventQuery(cudaEvent_t) {
  NOTE("cudaEventQuery");
  return cudaSuccess;
}
cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t) {
  NOTE("cudaEventSynchronize");
  return cudaSuccess;
}
cudaError_t __wrap_cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  static cudaStreamCaptureMode current = cudaStreamCaptureModeGlobal;
  std::swap(current, *mode);
  return cudaSuccess;
}

}  // extern "C"
