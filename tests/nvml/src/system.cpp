// Loading, initialising, and what is asked of the machine as a whole.

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "call.hpp"
#include "events.hpp"

using namespace fake_nvml;

namespace {

std::mutex& init_mutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

std::string& last_error() {
  static std::string* error = new std::string;
  return *error;
}

int initialize(Entry& entry) {
  const std::lock_guard lock(init_mutex());
  const int error = ensure_world();
  Call call(entry, false);
  if (call.failed() || error != kSuccess) {
    return call.failed() ? call.code() : call.gives(error);
  }
  if (references() == 0) {
    list_visible(*current_world());
  }
  set_references(1);
  return kSuccess;
}

}  // namespace

// ---- the fake's own ----------------------------------------------------------------------------

/// Loads a scenario file in place of what was loaded; t is 0 again, and handles from before are
/// invalid. 0, or 1 with the reason in inlay_fake_nvml_error.
FAKE_NVML_EXPORT int inlay_fake_nvml_load(const char* path) {
  return load_world(path, nullptr, last_error()) ? 0 : 1;
}

/// The same of a text.
FAKE_NVML_EXPORT int inlay_fake_nvml_load_text(const char* text) {
  return text != nullptr && load_world(nullptr, text, last_error()) ? 0 : 1;
}

FAKE_NVML_EXPORT const char* inlay_fake_nvml_error() { return last_error().c_str(); }

/// Moves the clock forwards, a real one too, and wakes who waits for events.
FAKE_NVML_EXPORT void inlay_fake_nvml_advance(double seconds) {
  if (World* world = current_world(); world != nullptr && seconds > 0 && seconds < 1e9) {
    world->moved_ns.fetch_add(std::llround(seconds * 1e9));
    announce();
  }
}

/// Seconds since the scenario was loaded; -1 before.
FAKE_NVML_EXPORT double inlay_fake_nvml_now() {
  const World* world = current_world();
  return world != nullptr ? world->now() : -1;
}

/// How often a function was called since it was counted anew; all of them where `name` is null.
FAKE_NVML_EXPORT unsigned long long inlay_fake_nvml_calls(const char* name) {
  unsigned long long calls = 0;
  for (const Entry* entry = Entry::first(); entry != nullptr; entry = entry->next) {
    if (name == nullptr || std::strcmp(name, entry->name) == 0) {
      calls += entry->calls.load(std::memory_order_relaxed);
    }
  }
  return calls;
}

FAKE_NVML_EXPORT void inlay_fake_nvml_reset_calls() {
  for (Entry* entry = Entry::first(); entry != nullptr; entry = entry->next) {
    entry->calls.store(0, std::memory_order_relaxed);
  }
}

// ---- initialising ------------------------------------------------------------------------------

FAKE_NVML_FUNCTION(nvmlInit) { return initialize(entry_of_nvmlInit); }
FAKE_NVML_FUNCTION(nvmlInit_v2) { return initialize(entry_of_nvmlInit_v2); }
FAKE_NVML_FUNCTION(nvmlInitWithFlags, unsigned) { return initialize(entry_of_nvmlInitWithFlags); }

FAKE_NVML_FUNCTION(nvmlShutdown) {
  const std::lock_guard lock(init_mutex());
  Call call(entry_of_nvmlShutdown);
  if (!call.failed()) {
    set_references(-1);
  }
  return call.code();
}

FAKE_NVML_EXPORT const char* nvmlErrorString(int code) {
  switch (code) {
    case kSuccess:
      return "Success";
    case kUninitialized:
      return "Uninitialized";
    case kInvalidArgument:
      return "Invalid Argument";
    case kNotSupported:
      return "Not Supported";
    case kNoPermission:
      return "Insufficient Permissions";
    case kNotFound:
      return "Not Found";
    case kInsufficientSize:
      return "Insufficient Size";
    case kDriverNotLoaded:
      return "Driver Not Loaded";
    case kTimeout:
      return "Timeout";
    case kFunctionNotFound:
      return "Function Not Found";
    case kGpuIsLost:
      return "GPU is lost";
    case kResetRequired:
      return "GPU requires restart";
    case kLibraryVersionMismatch:
      return "Driver/library version mismatch";
    case kNoData:
      return "No data";
    case kArgumentVersionMismatch:
      return "Argument version mismatch";
    default:
      return "Unknown Error";
  }
}

// ---- the machine -------------------------------------------------------------------------------

FAKE_NVML_FUNCTION(nvmlSystemGetDriverVersion, char* version, unsigned length) {
  Call call(entry_of_nvmlSystemGetDriverVersion);
  return call.failed() ? call.code() : call.gives(copy_text(call.world().driver, version, length));
}

FAKE_NVML_FUNCTION(nvmlSystemGetNVMLVersion, char* version, unsigned length) {
  Call call(entry_of_nvmlSystemGetNVMLVersion);
  return call.failed() ? call.code() : call.gives(copy_text(call.world().nvml, version, length));
}

FAKE_NVML_FUNCTION(nvmlSystemGetCudaDriverVersion, int* version) {
  Call call(entry_of_nvmlSystemGetCudaDriverVersion);
  if (!call.failed()) {
    version == nullptr ? void(call.gives(kInvalidArgument)) : void(*version = call.world().cuda);
  }
  return call.code();
}

FAKE_NVML_FUNCTION(nvmlSystemGetCudaDriverVersion_v2, int* version) {
  Call call(entry_of_nvmlSystemGetCudaDriverVersion_v2);
  if (!call.failed()) {
    version == nullptr ? void(call.gives(kInvalidArgument)) : void(*version = call.world().cuda);
  }
  return call.code();
}

FAKE_NVML_FUNCTION(nvmlSystemGetProcessName, unsigned pid, char* name, unsigned length) {
  Call call(entry_of_nvmlSystemGetProcessName);
  if (call.failed()) {
    return call.code();
  }
  for (const Device& device : call.world().devices) {
    for (const Process& process : device.processes) {
      const unsigned own = process.pid != 0 ? process.pid : static_cast<unsigned>(getpid());
      if (own == pid) {
        const std::string called =
            process.name.empty() ? "process-" + std::to_string(pid) : process.name;
        return call.gives(copy_text(called, name, length));
      }
    }
  }
  return call.gives(kNotFound);
}
