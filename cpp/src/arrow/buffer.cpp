#include "arrow/buffer.hpp"

#include <cstdlib>
#include <mutex>

namespace inlay::detail {

void Buffer::reallocate(std::size_t capacity) {
  auto* block = static_cast<std::byte*>(::operator new(capacity, std::align_val_t{kAlignment}));
  if (size_ != 0) {
    std::memcpy(block, data_, size_);
  }
  free_block(data_);
  data_ = block;
  capacity_ = capacity;
}

std::shared_ptr<const std::byte> shared_zeros(std::size_t size) {
  struct Zeros {
    std::mutex mutex;
    std::shared_ptr<const std::byte> block;
    std::size_t size = 0;
  };
  // Never freed: tables made while the process ends still use it.
  static auto* const zeros = new Zeros;
  constexpr std::size_t kMinSize = std::size_t{1} << 16;
  constexpr std::size_t kAlignment = 64;

  const std::scoped_lock lock(zeros->mutex);
  if (zeros->size < size) {
    const auto wanted = std::max({size, 2 * zeros->size, kMinSize});
    // calloc: large blocks come from the system already zero and untouched, so
    // they cost address space and no memory.
    auto* raw = static_cast<std::byte*>(std::calloc(wanted + kAlignment, 1));
    if (raw == nullptr) {
      throw std::bad_alloc();
    }
    std::shared_ptr<std::byte> owner(raw, &std::free);
    const auto address = reinterpret_cast<std::uintptr_t>(raw);
    auto* aligned = raw + (kAlignment - address % kAlignment) % kAlignment;
    zeros->block = std::shared_ptr<const std::byte>(owner, aligned);
    zeros->size = wanted;
  }
  return zeros->block;
}

}  // namespace inlay::detail
