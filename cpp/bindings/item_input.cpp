#include "item_input.hpp"

#include <algorithm>
#include <cstring>

#include <inlay/half_float.hpp>

namespace inlay::python {
namespace {

template <class T>
T read_at(const char* data) noexcept {
  T value;  // perhaps not aligned
  std::memcpy(&value, data, sizeof(value));
  return value;
}

// A negative index becomes too large for any dictionary.
template <class Index, class Weight, class Valid>
void add_up_indices(const char* data, std::ptrdiff_t stride, std::size_t size, Weight weight,
                    Valid valid, std::vector<std::int64_t>& tally) noexcept {
  std::int64_t* counts = tally.data();
  const std::size_t entries = tally.size();
  for (std::size_t i = 0; i < size; ++i) {
    const auto index =
        static_cast<std::size_t>(read_at<Index>(data + static_cast<std::ptrdiff_t>(i) * stride));
    if (index < entries && valid(i)) counts[index] += weight(i);
  }
}

}  // namespace

std::size_t ColumnSource::index_at(const Run& run, std::size_t i) noexcept {
  const char* at = run.data + static_cast<std::ptrdiff_t>(i) * run.stride;
  // A negative one becomes too large for any dictionary.
  switch (run.element) {
    case Element::kI8:
      return static_cast<std::size_t>(read_at<std::int8_t>(at));
    case Element::kU8:
      return read_at<std::uint8_t>(at);
    case Element::kI16:
      return static_cast<std::size_t>(read_at<std::int16_t>(at));
    case Element::kU16:
      return read_at<std::uint16_t>(at);
    case Element::kI32:
      return static_cast<std::size_t>(read_at<std::int32_t>(at));
    case Element::kU32:
      return read_at<std::uint32_t>(at);
    default:
      return static_cast<std::size_t>(read_at<std::uint64_t>(at));
  }
}

void ItemInput::add_up(const Run& run, const std::int64_t* weights,
                       std::vector<std::int64_t>& tally) {
  tally.assign(run.dictionary->size, 0);
  const auto by_validity = [&](auto typed, auto weight) {
    using Index = decltype(typed);
    if (run.validity == nullptr) {
      add_up_indices<Index>(
          run.data, run.stride, run.size, weight, [](std::size_t) { return true; }, tally);
    } else {
      add_up_indices<Index>(
          run.data, run.stride, run.size, weight,
          [&run](std::size_t i) { return is_valid(run, i); }, tally);
    }
  };
  const auto by_weight = [&](auto typed) {
    if (weights == nullptr) {
      by_validity(typed, [](std::size_t) { return std::int64_t{1}; });
    } else {
      by_validity(typed, [weights](std::size_t i) { return weights[i]; });
    }
  };
  switch (run.element) {
    case Element::kI8:
      return by_weight(std::int8_t{});
    case Element::kU8:
      return by_weight(std::uint8_t{});
    case Element::kI16:
      return by_weight(std::int16_t{});
    case Element::kU16:
      return by_weight(std::uint16_t{});
    case Element::kI32:
      return by_weight(std::int32_t{});
    case Element::kU32:
      return by_weight(std::uint32_t{});
    default:
      return by_weight(std::uint64_t{});
  }
}

ItemInput::Kind ItemInput::kind_of(const Run& run) noexcept {
  switch (run.dictionary != nullptr ? run.dictionary->element : run.element) {
    case Element::kF64:
    case Element::kF32:
    case Element::kF16:
    case Element::kLongDouble:
      return Kind::kReal;
    case Element::kU64:
      return Kind::kUint;
    case Element::kBool:
    case Element::kBits:
      return Kind::kBool;
    case Element::kText32:
    case Element::kText64:
    case Element::kTextView:
    case Element::kTextFixed:
    case Element::kTextPadded:
      return Kind::kText;
    default:
      return Kind::kInt;
  }
}

ItemInput::ItemInput(PyObject* object) : ColumnSource(object, Takes::kItems) {
  std::size_t largest = 0;
  for_each_run([&](const Run& run) {
    if (is_read_once(run)) largest = std::max(largest, run.dictionary->size);
  });
  used_.resize(largest);  // here, since reading must not throw
}

bool ItemInput::is_read_once(const Run& run) noexcept {
  return run.dictionary != nullptr && run.dictionary->size <= run.size &&
         run.dictionary->element != Element::kNull && kind_of(run) != Kind::kReal;
}

// One switch for a block, not one for an item.
template <class Where>
void ItemInput::read(const Run& run, std::size_t size, Block& block, const Where& where) noexcept {
  const auto place = [&run, &where](std::size_t i) {
    return run.data + static_cast<std::ptrdiff_t>(where(i)) * run.stride;
  };
  const auto numbers = [&]<class T>(T, auto* out) {
    for (std::size_t i = 0; i < size; ++i) out[i] = read_at<T>(place(i));
  };
  // A null's offsets or view may be anything.
  const auto texts = [&](auto&& text_at) {
    for (std::size_t i = 0; i < size; ++i) {
      block.text[i] = block.valid[i] ? text_at(place(i)) : std::string_view();
    }
  };
  const auto between_offsets = [&]<class T>(T) {
    texts([&run](const char* at) {
      const auto begin = read_at<T>(at);
      const auto end = read_at<T>(at + sizeof(T));
      return std::string_view(run.text + begin, static_cast<std::size_t>(end - begin));
    });
  };
  switch (run.element) {
    case Element::kF64:
      return numbers(double{}, block.real);
    case Element::kF32:
      return numbers(float{}, block.real);
    case Element::kF16:
      for (std::size_t i = 0; i < size; ++i) {
        block.real[i] = detail::from_half(read_at<std::uint16_t>(place(i)));
      }
      return;
    case Element::kI8:
      return numbers(std::int8_t{}, block.whole);
    case Element::kU8:
      return numbers(std::uint8_t{}, block.whole);
    case Element::kI16:
      return numbers(std::int16_t{}, block.whole);
    case Element::kU16:
      return numbers(std::uint16_t{}, block.whole);
    case Element::kI32:
      return numbers(std::int32_t{}, block.whole);
    case Element::kU32:
      return numbers(std::uint32_t{}, block.whole);
    case Element::kI64:
      return numbers(std::int64_t{}, block.whole);
    case Element::kU64:
      return numbers(std::uint64_t{}, block.natural);
    case Element::kBool:
      for (std::size_t i = 0; i < size; ++i) block.truth[i] = *place(i) != 0;
      return;
    case Element::kBits:
      for (std::size_t i = 0; i < size; ++i) {
        block.truth[i] =
            bit_at(reinterpret_cast<const std::uint8_t*>(run.data), run.bit_offset + where(i));
      }
      return;
    case Element::kText32:
      return between_offsets(std::int32_t{});
    case Element::kText64:
      return between_offsets(std::int64_t{});
    case Element::kTextView:
      return texts([&run](const char* at) {
        const auto length = static_cast<std::size_t>(read_at<std::int32_t>(at));
        if (length <= 12) return std::string_view(at + 4, length);
        const auto* data = static_cast<const char*>(run.buffers[read_at<std::int32_t>(at + 8)]);
        return std::string_view(data + read_at<std::int32_t>(at + 12), length);
      });
    case Element::kTextPadded:
      return texts([&run](const char* at) {
        std::size_t length = run.width;
        while (length > 0 && at[length - 1] == '\0') --length;
        return std::string_view(at, length);
      });
    case Element::kTextFixed:
      return texts([&run](const char* at) { return std::string_view(at, run.width); });
    default:  // nulls and Python's items are not read here
      return;
  }
}

template <class F>
void ItemInput::for_each_index(const Run& run, std::size_t at, std::size_t size, F&& f) noexcept {
  const Run& values = *run.dictionary;
  const auto indices = [&]<class T>(T) {
    for (std::size_t i = 0; i < size; ++i) {
      if (!is_valid(run, at + i)) continue;
      // A negative one becomes too large for any dictionary.
      const auto index = static_cast<std::size_t>(
          read_at<T>(run.data + static_cast<std::ptrdiff_t>(at + i) * run.stride));
      if (index < values.size && is_valid(values, index)) f(i, index);
    }
  };
  switch (run.element) {
    case Element::kI8:
      return indices(std::int8_t{});
    case Element::kU8:
      return indices(std::uint8_t{});
    case Element::kI16:
      return indices(std::int16_t{});
    case Element::kU16:
      return indices(std::uint16_t{});
    case Element::kI32:
      return indices(std::int32_t{});
    case Element::kU32:
      return indices(std::uint32_t{});
    default:
      return indices(std::int64_t{});
  }
}

bool ItemInput::fill(const Run& run, std::size_t at, std::size_t size,
                     Block& block) const noexcept {
  const bool nothing = run.element == Element::kNull ||
                       (run.dictionary != nullptr && run.dictionary->element == Element::kNull);
  const bool starts_valid = !nothing && run.dictionary == nullptr && run.validity == nullptr;
  std::fill_n(block.valid, size, starts_valid);
  if (nothing) return false;
  if (run.element == Element::kPython) {
    fill_python(at, size, block);
  } else if (run.dictionary != nullptr) {
    std::size_t indices[kBlock] = {};  // of a null the first entry, which is read and left out
    for_each_index(run, at, size, [&](std::size_t i, std::size_t index) {
      block.valid[i] = true;
      indices[i] = index;
    });
    if (run.dictionary->size != 0) {
      read(*run.dictionary, size, block, [&indices](std::size_t i) { return indices[i]; });
    }
  } else {
    if (run.validity != nullptr) {
      for (std::size_t i = 0; i < size; ++i) block.valid[i] = is_valid(run, at + i);
    }
    read(run, size, block, [at](std::size_t i) { return at + i; });
    if (run.validity == nullptr) return true;
  }
  return std::find(block.valid, block.valid + size, false) == block.valid + size;
}

void ItemInput::fill_python(std::size_t at, std::size_t size, Block& block) const noexcept {
  using From = PythonItem::Kind;
  for (std::size_t i = 0; i < size; ++i) {
    const PythonItem& item = python_items_[at + i];
    block.valid[i] = item.kind != From::kNull;
    if (item.kind == From::kText) {
      block.text[i] = item.text;
    } else if (item.kind == From::kBool) {
      block.truth[i] = item.truth;
    } else if (item.kind == From::kReal) {
      block.real[i] = item.real;
    } else {
      block.natural[i] = item.natural;  // the bits of either kind of integer
    }
  }
}

std::size_t ItemInput::mark_used(const Run& run) const noexcept {
  std::fill(used_.begin(), used_.end(), false);
  std::size_t valid = 0;
  for_each_index(run, 0, run.size, [&](std::size_t, std::size_t index) {
    used_[index] = true;
    ++valid;
  });
  return valid;
}

std::size_t ItemInput::fill_used(const Run& dictionary, std::size_t& from,
                                 Block& block) const noexcept {
  std::size_t indices[kBlock];
  std::size_t size = 0;
  for (; from < dictionary.size && size < kBlock; ++from) {
    if (used_[from]) indices[size++] = from;
  }
  std::fill_n(block.valid, size, true);
  read(dictionary, size, block, [&indices](std::size_t i) { return indices[i]; });
  return size;
}

std::size_t ItemInput::alike(std::size_t at, std::size_t size, Kind& kind) const noexcept {
  using From = PythonItem::Kind;
  From found = From::kNull;
  std::size_t n = 0;
  for (; n < size; ++n) {
    const From next = python_items_[at + n].kind;
    if (next == From::kNull) continue;
    if (found == From::kNull) found = next;
    if (next != found) break;
  }
  switch (found) {
    case From::kUint:
      kind = Kind::kUint;
      break;
    case From::kReal:
      kind = Kind::kReal;
      break;
    case From::kBool:
      kind = Kind::kBool;
      break;
    case From::kText:
      kind = Kind::kText;
      break;
    default:
      kind = Kind::kInt;
      break;
  }
  return n;
}

}  // namespace inlay::python
