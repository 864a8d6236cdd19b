#include "column_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace inlay::python {

bool ColumnBlocks::is_f32() const noexcept {
  bool all = true;
  for_each_run([&](const Run& run) {
    all = all && run.element == Element::kF32 && run.dictionary == nullptr;
  });
  return all;
}

// The run that the next row lies in.
const ColumnBlocks::Run* ColumnBlocks::run() noexcept {
  while (at_ == run_at(run_index_).size && run_index_ + 1 < num_runs()) {
    ++run_index_;
    at_ = 0;
  }
  return &run_at(run_index_);
}

template <class T>
const T* ColumnBlocks::packed(Element element, std::size_t size) noexcept {
  const Run& now = *run();
  if (now.element != element || now.validity != nullptr || now.dictionary != nullptr ||
      !is_packed<T>(now) || now.size - at_ < size) {
    return nullptr;
  }
  const T* found = reinterpret_cast<const T*>(now.data) + at_;
  at_ += size;
  return found;
}

// Calls f(run, at, size, rows before) for the parts of runs that the next rows lie in.
template <class F>
void ColumnBlocks::for_each_part(std::size_t size, F&& f) noexcept {
  for (std::size_t done = 0; done < size;) {
    const Run& now = *run();
    const std::size_t part = std::min(size - done, now.size - at_);
    f(now, at_, part, done);
    at_ += part;
    done += part;
  }
}

const double* ColumnBlocks::doubles(std::size_t size, double* scratch) noexcept {
  if (const double* found = packed_doubles(size)) return found;
  for_each_part(size, [&](const Run& now, std::size_t at, std::size_t part, std::size_t done) {
    convert_in_place(now, at, part, scratch + done);
  });
  return scratch;
}

const float* ColumnBlocks::floats(std::size_t size, float* scratch) noexcept {
  if (const float* found = packed_floats(size)) return found;
  for_each_part(size, [&](const Run& now, std::size_t at, std::size_t part, std::size_t done) {
    for (std::size_t i = 0; i < part; ++i) {
      float value = std::numeric_limits<float>::quiet_NaN();
      if (is_valid(now, at + i)) {
        std::memcpy(&value, now.data + static_cast<std::ptrdiff_t>(at + i) * now.stride,
                    sizeof(value));
      }
      scratch[done + i] = value;
    }
  });
  return scratch;
}

const std::int64_t* ColumnBlocks::packed_integers(std::size_t size) noexcept {
  return packed<std::int64_t>(Element::kI64, size);
}

const double* ColumnBlocks::packed_doubles(std::size_t size) noexcept {
  return packed<double>(Element::kF64, size);
}

const float* ColumnBlocks::packed_floats(std::size_t size) noexcept {
  return packed<float>(Element::kF32, size);
}

template <class T>
void ColumnBlocks::copy_integers(const Run& now, std::size_t at, std::size_t size,
                                 std::int64_t* out) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    T value;  // perhaps not aligned
    std::memcpy(&value, now.data + static_cast<std::ptrdiff_t>(at + i) * now.stride, sizeof(value));
    const bool fits = std::is_signed_v<T> || value <= T{std::numeric_limits<std::int64_t>::max()};
    out[i] = fits && is_valid(now, at + i) ? static_cast<std::int64_t>(value) : kNoInteger;
  }
}

void ColumnBlocks::integers(std::size_t size, std::int64_t* out) noexcept {
  for_each_part(size, [&](const Run& now, std::size_t at, std::size_t part, std::size_t done) {
    // Only these do not fit a double.
    if (now.dictionary == nullptr && now.element == Element::kI64) {
      return copy_integers<std::int64_t>(now, at, part, out + done);
    }
    if (now.dictionary == nullptr && now.element == Element::kU64) {
      return copy_integers<std::uint64_t>(now, at, part, out + done);
    }
    double block[kBlock];
    for (std::size_t from = 0; from < part; from += kBlock) {
      const std::size_t count = std::min(part - from, kBlock);
      convert_in_place(now, at + from, count, block);
      for (std::size_t i = 0; i < count; ++i) {
        const bool fits = block[i] > -0x1p63 && block[i] < 0x1p63;  // false for NaN
        const std::int64_t whole = fits ? static_cast<std::int64_t>(block[i]) : kNoInteger;
        out[done + from + i] = static_cast<double>(whole) == block[i] ? whole : kNoInteger;
      }
    }
  });
}

}  // namespace inlay::python
