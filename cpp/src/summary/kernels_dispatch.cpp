#include <cstdlib>
#include <cstring>

#include "summary/kernels.hpp"

namespace inlay::detail {
namespace {

bool runs_here(const SummaryKernels& kernels) noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (&kernels == &kSummaryKernelsAvx2) {
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
           __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
  }
  if (&kernels == &kSummaryKernelsAvx512) {
    return runs_here(kSummaryKernelsAvx2) && __builtin_cpu_supports("avx512f") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512cd") != 0 &&
           __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  }
#endif
  return &kernels == &kSummaryKernelsScalar;
}

// The widest that runs here, or that INLAY_FORCE_ISA names; a name of none, or of one this machine
// cannot run, leaves the baseline, which always does.
const SummaryKernels* choose() noexcept {
  const char* forced = std::getenv("INLAY_FORCE_ISA");
  for (const SummaryKernels* kernels : all_summary_kernels()) {
    if (kernels == nullptr || !runs_here(*kernels)) continue;
    if (forced == nullptr || *forced == '\0' || std::strcmp(forced, kernels->name) == 0) {
      return kernels;
    }
  }
  return &kSummaryKernelsScalar;
}

// Valid before anything runs, as other static objects may use it while the library loads.
constinit const SummaryKernels* chosen = &kSummaryKernelsScalar;

[[gnu::constructor]] void choose_at_load() { chosen = choose(); }

}  // namespace

std::array<const SummaryKernels*, 3> all_summary_kernels() noexcept {
#if defined(__x86_64__)
  return {&kSummaryKernelsAvx512, &kSummaryKernelsAvx2, &kSummaryKernelsScalar};
#else
  return {nullptr, nullptr, &kSummaryKernelsScalar};
#endif
}

const SummaryKernels& summary_kernels() noexcept { return *chosen; }

bool use_summary_kernels(const SummaryKernels& kernels) noexcept {
  if (!runs_here(kernels)) return false;
  chosen = &kernels;
  return true;
}

}  // namespace inlay::detail
