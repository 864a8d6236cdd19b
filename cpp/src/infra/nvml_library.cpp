#include "infra/nvml_library.hpp"

#include <dlfcn.h>

#include <cstring>
#include <limits>

namespace inlay::infra {

namespace {

template <class Function>
void find(void* library, const char* name, Function& function, std::string& missing) {
  void* const symbol = dlsym(library, name);
  static_assert(sizeof(symbol) == sizeof(function.address));
  std::memcpy(static_cast<void*>(&function.address), static_cast<const void*>(&symbol),
              sizeof(symbol));
  if (symbol != nullptr) return;
  if (!missing.empty()) missing += ' ';
  missing += name;
}

}  // namespace

std::shared_ptr<const NvmlLibrary> NvmlLibrary::open(const std::string& path, std::string& reason) {
  const char* const name = path.empty() ? "libnvidia-ml.so.1" : path.c_str();
  // Never closed: the driver's library keeps threads and state.
  void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const error = dlerror();
    reason = error == nullptr ? std::string(name) + " cannot be loaded" : error;
    return nullptr;
  }
  auto opened = std::make_shared<NvmlLibrary>();
#define INLAY_NVML_FIND(here, there, arguments) \
  find(library, #there, opened->here, opened->missing);
  INLAY_NVML_FUNCTIONS(INLAY_NVML_FIND)
#undef INLAY_NVML_FIND
  if ((!opened->init && !opened->init_with_flags) || !opened->count || !opened->handle_by_index ||
      !opened->uuid) {
    reason = std::string(name) + " is no NVML that can be used: it lacks " + opened->missing;
    return nullptr;
  }
  return opened;
}

Status status_of(nvml::Return code) noexcept {
  switch (code) {
    case nvml::kSuccess:
      return Status::kOk;
    case nvml::kNotSupported:
    case nvml::kFunctionNotFound:
    case nvml::kVersionMismatch:
    case nvml::kDeprecated:
      return Status::kUnsupported;
    case nvml::kNoPermission:
      return Status::kNoPermission;
    case nvml::kNotFound:
    case nvml::kDriverNotLoaded:
    case nvml::kLibraryNotFound:
    case nvml::kGpuIsLost:
    case nvml::kGpuNotFound:
      return Status::kAbsent;
    case nvml::kNoData:
    case nvml::kNotReady:
      return Status::kInsufficient;
    default:
      return Status::kError;
  }
}

bool is_lost(nvml::Return code) noexcept {
  return code == nvml::kGpuIsLost || code == nvml::kGpuNotFound;
}

const char* return_text(nvml::Return code) noexcept {
  switch (code) {
    case nvml::kSuccess:
      return "ok";
    case nvml::kNotSupported:
      return "not supported";
    case nvml::kNoPermission:
      return "no permission";
    case nvml::kDriverNotLoaded:
      return "the driver is not loaded";
    case nvml::kLibraryNotFound:
    case nvml::kFunctionNotFound:
      return "not found in the library";
    case nvml::kGpuIsLost:
      return "the GPU is lost";
    case nvml::kResetRequired:
      return "the GPU needs a reset";
    case nvml::kGpuNotFound:
      return "there is no such GPU";
    case 18:
      return "the library does not fit the driver";
    default:
      return "failed";
  }
}

double real_value(const nvml::Value& value, std::uint32_t type) noexcept {
  switch (type) {
    case nvml::kDouble:
      return value.real;
    case nvml::kUnsigned:
      return value.word;
    case nvml::kSignedLongLong:
      return static_cast<double>(value.signed_wide);
    case nvml::kSigned:
      return value.signed_word;
    case nvml::kUnsignedShort:
      return value.half;
    case nvml::kUnsignedLong:
    case nvml::kUnsignedLongLong:
      return static_cast<double>(value.wide);
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

std::uint64_t whole_value(const nvml::Value& value, std::uint32_t type) noexcept {
  switch (type) {
    case nvml::kUnsigned:
      return value.word;
    case nvml::kUnsignedShort:
      return value.half;
    case nvml::kSignedLongLong:
      return value.signed_wide < 0 ? 0 : static_cast<std::uint64_t>(value.signed_wide);
    case nvml::kSigned:
      return value.signed_word < 0 ? 0 : static_cast<std::uint64_t>(value.signed_word);
    case nvml::kDouble:
      return value.real >= 0 && value.real < 0x1p63 ? static_cast<std::uint64_t>(value.real) : 0;
    default:
      return value.wide;
  }
}

}  // namespace inlay::infra
