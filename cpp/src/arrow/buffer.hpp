#pragma once

// Memory of the columns that are being built.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace inlay::detail {

/// A growing block of bytes, aligned to 64 as Arrow recommends; new bytes are
/// not initialised. Thread-safety: none.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { free_block(data_); }

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) {
      reallocate(capacity);
    }
  }

  /// Make room for `extra` more bytes, at least doubling when the room is short.
  void ensure(std::size_t extra) {
    if (extra > capacity_ - size_) [[unlikely]] {
      reallocate(std::max({size_ + extra, 2 * capacity_, kMinCapacity}));
    }
  }

  /// Set the size; the caller has reserved the room.
  void set_size(std::size_t size) noexcept { size_ = size; }

  /// Append bytes; the caller has ensured the room.
  void append_unchecked(const void* source, std::size_t count) noexcept {
    if (count != 0) {
      std::memcpy(data_ + size_, source, count);
      size_ += count;
    }
  }

  /// The same, quicker for the few bytes that names and attributes have: a call
  /// to memcpy costs more than the copy.
  void append_short(const char* source, std::size_t count) noexcept {
    auto* target = data_ + size_;
    if (count > 64) {
      std::memcpy(target, source, count);
    } else if (count >= 16) {
      for (std::size_t i = 0; i + 16 < count; i += 16) {
        std::memcpy(target + i, source + i, 16);
      }
      std::memcpy(target + count - 16, source + count - 16, 16);
    } else if (count >= 8) {
      std::memcpy(target, source, 8);
      std::memcpy(target + count - 8, source + count - 8, 8);
    } else if (count >= 4) {
      std::memcpy(target, source, 4);
      std::memcpy(target + count - 4, source + count - 4, 4);
    } else if (count != 0) {
      target[0] = static_cast<std::byte>(source[0]);
      target[count / 2] = static_cast<std::byte>(source[count / 2]);
      target[count - 1] = static_cast<std::byte>(source[count - 1]);
    }
    size_ += count;
  }

  template <class T>
  [[nodiscard]] T* as() noexcept {
    return reinterpret_cast<T*>(data_);
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kMinCapacity = 64;

  static void free_block(std::byte* block) noexcept {
    ::operator delete(block, std::align_val_t{kAlignment});
  }

  void reallocate(std::size_t capacity);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Return at least `size` zero bytes shared by all tables of the process: the
/// values, offsets and null bitmaps of columns that no row filled. Thread-safe.
std::shared_ptr<const std::byte> shared_zeros(std::size_t size);

}  // namespace inlay::detail
