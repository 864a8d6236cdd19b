#pragma once

// What a kernel body may use. Under nvcc these are CUDA's own words; otherwise
// tests/emu/emulator.hpp has declared them before, and the same body runs on the CPU.

#include <cstddef>
#include <cstdint>
#include <inlay/host_device.hpp>

#ifdef __CUDACC__

/// Dynamic shared memory of a kernel: INLAY_DYNAMIC_SHARED(name) declares `unsigned char* name`,
/// aligned to 16 bytes, of the size given at the launch.
#define INLAY_DYNAMIC_SHARED(name)                                      \
  extern __shared__ __align__(16) unsigned char inlay_dynamic_shared[]; \
  unsigned char* const name = inlay_dynamic_shared

#elif !defined(INLAY_EMULATOR)
#error "kernel bodies need nvcc, or tests/emu/emulator.hpp included first"
#endif

namespace inlay::cuda {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

/// 16 bytes that a thread loads at once.
struct alignas(16) Bytes16 {
  std::uint32_t words[4];
};

/// Reads 16 bytes that no kernel in flight writes; `from` must be aligned to 16.
__device__ __forceinline__ Bytes16 load_bytes16(const void* from) {
#ifdef __CUDA_ARCH__
  const uint4 v = __ldcs(static_cast<const uint4*>(from));
  return Bytes16{{v.x, v.y, v.z, v.w}};
#else
  return *static_cast<const Bytes16*>(from);
#endif
}

}  // namespace inlay::cuda
