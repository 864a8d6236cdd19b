#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "summary/bucket_memory.hpp"

namespace inlay::detail {

/// An array of plain values that reports a lack of memory instead of throwing.
template <class T>
class NothrowArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  NothrowArray() noexcept = default;
  NothrowArray(const NothrowArray&) = delete;
  NothrowArray& operator=(const NothrowArray&) = delete;
  NothrowArray(NothrowArray&& other) noexcept { swap(other); }
  ~NothrowArray() { bucket_memory.release(data_); }
  void swap(NothrowArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  /// Keeps what fits; further values are zero. False when memory ran out, and nothing changed.
  bool resize(std::size_t size) noexcept {
    if (size == size_) return true;
    T* data = nullptr;
    if (size != 0) {
      data = static_cast<T*>(bucket_memory.allocate_zeroed(size, sizeof(T)));
      if (data == nullptr) return false;
      if (size_ != 0) std::memcpy(data, data_, std::min(size, size_) * sizeof(T));
    }
    bucket_memory.release(data_);
    data_ = data;
    size_ = size;
    return true;
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return size_ * sizeof(T); }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace inlay::detail
