#pragma once

// A CUDA runtime that runs nothing: calls are noted, launches too, memory is the host's. The linker
// puts it in the place of the real one (--wrap, see CMakeLists.txt), so a monitor's host code can
// be watched without a driver. Calls it does not know go to the real runtime, which reports that
// there is none.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace inlay::recorded {

struct LaunchRecord {
  std::string kernel;  // the mangled name holds the readable one
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes;
  cudaStream_t stream;
  bool is(const char* name) const { return kernel.find(name) != std::string::npos; }
};

class Runtime {
 public:
  /// Names of the runtime's functions in the order of the calls, launches left out.
  std::vector<std::string> calls;
  std::vector<LaunchRecord> launches;
  /// Runs in the place of a kernel whose name holds the key; gets its arguments.
  std::map<std::string, std::function<void(void** arguments)>> kernels;
  /// What a function returns instead of doing anything, by name; "launch" is what a launch leaves
  /// for cudaGetLastError().
  std::map<std::string, cudaError_t> failing;
  /// Runs within a function, by name.
  std::map<std::string, std::function<void()>> within;
  std::set<cudaStream_t> capturing;
  std::map<cudaStream_t, int> stream_devices;  // of streams that exist; others are refused
  int device = 0;

  void clear() {
    calls.clear();
    launches.clear();
  }
  std::size_t count(const std::string& name) const;

  std::map<const void*, std::string> kernel_names;
  cudaError_t last_error = cudaSuccess;
  std::set<void*> memory;
  std::size_t live_events = 0;

  cudaError_t note(const char* name);
};

Runtime& runtime();

}  // namespace inlay::recorded
