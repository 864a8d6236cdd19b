#pragma once

#include <cstddef>

namespace inlay::detail {

/// Where buckets come from. Changed by tests alone, which count and refuse allocations.
struct BucketMemory {
  void* (*allocate_zeroed)(std::size_t count, std::size_t size) noexcept;
  void (*release)(void* memory) noexcept;
};

extern BucketMemory bucket_memory;

}  // namespace inlay::detail
