#pragma once

#include <cstddef>

namespace inlay::cuda {

/// Lays buffers out one behind the other in memory that is made later.
class Layout {
 public:
  template <class T>
  class Buffer {
   public:
    /// Where it lies in memory that begins at `base`.
    T* at(void* base) const {
      return reinterpret_cast<T*>(static_cast<unsigned char*>(base) + offset_);
    }

   private:
    friend class Layout;
    std::size_t offset_ = 0;
  };

  /// Room for `count` of T, aligned to 256 bytes.
  template <class T>
  Buffer<T> take(std::size_t count) {
    constexpr std::size_t kAlign = 256;
    Buffer<T> buffer;
    buffer.offset_ = bytes_;
    bytes_ += (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return buffer;
  }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

}  // namespace inlay::cuda
