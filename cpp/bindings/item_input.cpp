#include "item_input.hpp"

#include <cstring>

#include "half_float.hpp"

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

std::string_view ItemInput::text_at(const Run& run, std::size_t i) noexcept {
  const char* at = run.data + static_cast<std::ptrdiff_t>(i) * run.stride;
  switch (run.element) {
    case Element::kText32: {
      const auto begin = read_at<std::int32_t>(at);
      const auto end = read_at<std::int32_t>(at + sizeof(begin));
      return {run.text + begin, static_cast<std::size_t>(end - begin)};
    }
    case Element::kText64: {
      const auto begin = read_at<std::int64_t>(at);
      const auto end = read_at<std::int64_t>(at + sizeof(begin));
      return {run.text + begin, static_cast<std::size_t>(end - begin)};
    }
    case Element::kTextView: {
      const auto length = static_cast<std::size_t>(read_at<std::int32_t>(at));
      if (length <= 12) return {at + 4, length};
      const auto* data = static_cast<const char*>(run.buffers[read_at<std::int32_t>(at + 8)]);
      return {data + read_at<std::int32_t>(at + 12), length};
    }
    case Element::kTextPadded: {
      std::size_t length = run.width;
      while (length > 0 && at[length - 1] == '\0') --length;
      return {at, length};
    }
    default:
      return {at, run.width};
  }
}

void ItemInput::read_item(const Run& run, std::size_t i, std::size_t to, Block& block) noexcept {
  const char* at = run.data + static_cast<std::ptrdiff_t>(i) * run.stride;
  switch (run.element) {
    case Element::kF64:
      block.real[to] = read_at<double>(at);
      break;
    case Element::kF32:
      block.real[to] = double{read_at<float>(at)};
      break;
    case Element::kF16:
      block.real[to] = from_half(read_at<std::uint16_t>(at));
      break;
    case Element::kI8:
      block.whole[to] = read_at<std::int8_t>(at);
      break;
    case Element::kU8:
      block.whole[to] = read_at<std::uint8_t>(at);
      break;
    case Element::kI16:
      block.whole[to] = read_at<std::int16_t>(at);
      break;
    case Element::kU16:
      block.whole[to] = read_at<std::uint16_t>(at);
      break;
    case Element::kI32:
      block.whole[to] = read_at<std::int32_t>(at);
      break;
    case Element::kU32:
      block.whole[to] = read_at<std::uint32_t>(at);
      break;
    case Element::kI64:
      block.whole[to] = read_at<std::int64_t>(at);
      break;
    case Element::kU64:
      block.natural[to] = read_at<std::uint64_t>(at);
      break;
    case Element::kBool:
      block.truth[to] = *at != 0;
      break;
    case Element::kBits:
      block.truth[to] = bit_at(reinterpret_cast<const std::uint8_t*>(run.data), run.bit_offset + i);
      break;
    default:
      block.text[to] = text_at(run, i);
      break;
  }
}

// The most common text; the same as item by item, without a choice for each.
template <class Offset>
bool ItemInput::fill_text(const Run& run, std::size_t at, std::size_t size, Block& block) noexcept {
  const char* data = run.data + static_cast<std::ptrdiff_t>(at) * run.stride;
  for (std::size_t i = 0; i < size; ++i, data += run.stride) {
    const auto begin = read_at<Offset>(data);
    const auto end = read_at<Offset>(data + sizeof(begin));
    block.text[i] = {run.text + begin, static_cast<std::size_t>(end - begin)};
  }
  bool all = true;
  for (std::size_t i = 0; i < size; ++i) {
    block.valid[i] = is_valid(run, at + i);
    all = all && block.valid[i];
  }
  return all;
}

bool ItemInput::fill(const Run& run, std::size_t at, std::size_t size,
                     Block& block) const noexcept {
  if (run.dictionary == nullptr) {
    if (run.element == Element::kText32) return fill_text<std::int32_t>(run, at, size, block);
    if (run.element == Element::kText64) return fill_text<std::int64_t>(run, at, size, block);
  }
  bool all = true;
  for (std::size_t i = 0; i < size; ++i) {
    block.valid[i] = run.element != Element::kNull && is_valid(run, at + i);
    if (run.element == Element::kPython) {
      const PythonItem& item = python_items_[at + i];
      block.valid[i] = item.kind != PythonItem::Kind::kNull;
      switch (item.kind) {
        case PythonItem::Kind::kText:
          block.text[i] = item.text;
          break;
        case PythonItem::Kind::kBool:
          block.truth[i] = item.truth;
          break;
        default:
          block.natural[i] = item.natural;  // the bits of any of them
          break;
      }
    } else if (block.valid[i]) {
      if (run.dictionary == nullptr) {
        read_item(run, at + i, i, block);
      } else {
        const Run& values = *run.dictionary;
        const std::size_t index = index_at(run, at + i);
        block.valid[i] =
            index < values.size && values.element != Element::kNull && is_valid(values, index);
        if (block.valid[i]) read_item(values, index, i, block);
      }
    }
    all = all && block.valid[i];
  }
  return all;
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
