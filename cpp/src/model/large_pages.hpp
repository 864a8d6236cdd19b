#pragma once

#include <sys/mman.h>
#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// Asks for large pages for memory that was not touched yet, if it is long: what is read in any
/// order finds its pages sooner, and what is written once makes fewer of them. Only a hint.
inline void use_large_pages(const void* memory, std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  constexpr std::size_t kLong = std::size_t{1} << 22;
  constexpr std::uintptr_t kPage = 4096;
  if (bytes < kLong) return;
  const auto at = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t begin = (at + kPage - 1) / kPage * kPage;
  madvise(reinterpret_cast<void*>(begin), at + bytes - begin, MADV_HUGEPAGE);
#else
  static_cast<void>(memory);
  static_cast<void>(bytes);
#endif
}

}  // namespace inlay::detail
