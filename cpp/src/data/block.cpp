#include "data/block.hpp"

#include <bit>
#include <cstring>
#include <inlay/half_float.hpp>

namespace inlay::detail {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

bool bit_of(const std::uint64_t* words, std::size_t i) noexcept {
  return (words[i / 64] >> (i % 64) & 1) != 0;
}

// Bits at, at + 1, …, at most 64, touching no byte that holds none of them.
std::uint64_t load_bits(const std::uint8_t* bits, std::int64_t at, std::size_t count) noexcept {
  const std::uint8_t* from = bits + at / 8;
  const auto skip = static_cast<unsigned>(at % 8);
  std::uint8_t bytes[16] = {};
  std::memcpy(bytes, from, (skip + count + 7) / 8);
  std::uint64_t low = 0;
  std::memcpy(&low, bytes, sizeof(low));
  if constexpr (std::endian::native == std::endian::big) low = __builtin_bswap64(low);
  std::uint64_t word = low >> skip;
  if (skip != 0) word |= std::uint64_t{bytes[8]} << (64 - skip);
  return count == 64 ? word : word & ((std::uint64_t{1} << count) - 1);
}

// Calls out[i] = f(position) for each row: rows in a row, or where a dictionary has them. Rows that
// are not there become T{} if that is needed to read nothing that does not exist.
template <class T, class F>
void fill(const Block& block, std::int64_t begin, std::int64_t dictionary_begin, T* out,
          F&& f) noexcept {
  if (block.indices == nullptr) {
    for (std::size_t i = 0; i < block.size; ++i) out[i] = f(begin + static_cast<std::int64_t>(i));
    return;
  }
  for (std::size_t i = 0; i < block.size; ++i) {
    out[i] = bit_of(block.valid.data(), i) ? f(dictionary_begin + block.indices[i]) : T{};
  }
}

template <class T>
bool is_aligned(const void* values) noexcept {
  return reinterpret_cast<std::uintptr_t>(values) % alignof(T) == 0;
}

std::uint64_t word_at(const void* values, std::int64_t i) noexcept {
  return element_at<std::uint64_t>(values, i);
}

template <class Offset>
std::string_view fill_texts(const LeafView& view, std::int64_t begin, std::size_t size,
                            std::string_view* out) noexcept {
  const auto first = element_at<Offset>(view.values, begin);
  auto from = first;
  for (std::size_t i = 0; i < size; ++i) {
    const auto to = element_at<Offset>(view.values, begin + static_cast<std::int64_t>(i) + 1);
    out[i] = {view.bytes + from, static_cast<std::size_t>(to - from)};
    from = to;
  }
  return {view.bytes + first, static_cast<std::size_t>(from - first)};
}

}  // namespace

BlockForm form_of(const LeafType& type) noexcept {
  switch (type.format) {
    case LeafFormat::kBits:
      return BlockForm::kWhole32;
    case LeafFormat::kSigned:
      return type.width <= 4 ? BlockForm::kWhole32 : BlockForm::kWhole64;
    case LeafFormat::kUnsigned:
      return type.width <= 2 ? BlockForm::kWhole32 : BlockForm::kWhole64;
    case LeafFormat::kFloat:
      return type.width <= 4 ? BlockForm::kReal32 : BlockForm::kReal64;
    case LeafFormat::kDecimal:
      return type.width <= 4   ? BlockForm::kWhole32
             : type.width <= 8 ? BlockForm::kWhole64
                               : BlockForm::kWide;
    case LeafFormat::kOffsets32:
    case LeafFormat::kOffsets64:
    case LeafFormat::kView:
    case LeafFormat::kFixedBytes:
      return BlockForm::kText;
    default:
      return BlockForm::kNone;
  }
}

std::uint64_t flip_of(const LeafType& type) noexcept {
  return type.format == LeafFormat::kUnsigned && type.width == 8 ? kSignBit : 0;
}

void set_all(std::uint64_t* words, std::size_t size) noexcept {
  const std::size_t whole = size / 64;
  for (std::size_t i = 0; i < whole; ++i) words[i] = ~std::uint64_t{0};
  if (size % 64 != 0) words[whole] = (std::uint64_t{1} << (size % 64)) - 1;
}

void make_keys(Block& block, BlockRoom& room) noexcept {
  const auto* texts = block.as<std::string_view>();
  Key128* keys = room.keys.data();
  const std::uint64_t seed = key_seed();
  const char* end = block.bytes.data() + block.bytes.size();
  for (std::size_t i = 0; i < block.size; ++i) {
    const std::string_view text = texts[i];
    // Two whole words may be read where others of the same bytes follow.
    if (text.size() <= Key128::kShort && !block.bytes.empty() &&
        end - text.data() >= static_cast<std::ptrdiff_t>(2 * sizeof(std::uint64_t))) {
      keys[i] = short_key_of(text.data(), text.size());
    } else {
      keys[i] = key_of(text, seed);
    }
  }
  block.keys = keys;
}

void BlockReader::read(std::int64_t begin, std::size_t size, bool values,
                       Block& out) const noexcept {
  out.form = form_of(*view_.type);
  out.size = size;
  out.outside = 0;
  out.values = nullptr;
  out.indices = nullptr;
  out.bytes = {};
  out.keys = nullptr;
  read_valid(begin, out);
  if (view_.dictionary != nullptr) read_indices(begin, out);
  if (values) read_values(begin, out);
}

void BlockReader::read_valid(std::int64_t begin, Block& out) const noexcept {
  out.present = out.size;
  if (view_.type->kind == LeafKind::kNull && view_.dictionary == nullptr) {
    out.present = 0;
    std::memset(out.valid.data(), 0, out.words() * sizeof(std::uint64_t));
    return;
  }
  set_all(out.valid.data(), out.size);
  if (view_.bitmaps.empty()) return;
  out.present = 0;
  for (std::size_t at = 0; at < out.size; at += 64) {
    const std::size_t count = out.size - at < 64 ? out.size - at : 64;
    std::uint64_t word = out.valid[at / 64];
    for (const LeafBitmap& bitmap : view_.bitmaps) {
      word &= load_bits(bitmap.bits, begin + static_cast<std::int64_t>(at) + bitmap.shift, count);
    }
    out.valid[at / 64] = word;
    out.present += static_cast<std::size_t>(std::popcount(word));
  }
}

void BlockReader::read_indices(std::int64_t begin, Block& out) const noexcept {
  const LeafView& dictionary = *view_.dictionary;
  const std::int64_t first = dictionary.ranges.empty() ? 0 : dictionary.ranges.front().begin;
  const bool nulls = !dictionary.bitmaps.empty() || dictionary.type->kind == LeafKind::kNull;
  for (std::size_t word = 0; word < out.words(); ++word) out.invalid_index[word] = 0;
  for (std::size_t i = 0; i < out.size; ++i) {
    if (!bit_of(out.valid.data(), i)) continue;
    const std::int64_t index = view_.index_at(begin + static_cast<std::int64_t>(i));
    const std::uint64_t bit = std::uint64_t{1} << (i % 64);
    if (index < 0) {
      out.invalid_index[i / 64] |= bit;
      ++out.outside;
    } else if (!nulls ||
               (dictionary.type->kind != LeafKind::kNull && dictionary.is_valid(first + index))) {
      room_.indices[i] = index;
      continue;
    }
    out.valid[i / 64] &= ~bit;
    --out.present;
  }
  out.indices = room_.indices.data();
}

void BlockReader::read_values(std::int64_t begin, Block& out) const noexcept {
  const LeafView& from = view_.dictionary == nullptr ? view_ : *view_.dictionary;
  const std::int64_t first =
      view_.dictionary == nullptr || from.ranges.empty() ? 0 : from.ranges.front().begin;
  const LeafType& type = *from.type;
  const void* data = from.values;
  const auto direct = [&]<class T>(T) {
    if (view_.dictionary != nullptr || !is_aligned<T>(data)) return false;
    out.values = static_cast<const T*>(data) + begin;
    return true;
  };
  const auto converted = [&]<class T>(T, auto&& f) {
    T* to = reinterpret_cast<T*>(room_.values.data());
    fill(out, begin, first, to, f);
    out.values = to;
  };
  const auto copied = [&]<class From, class T>(From, T) {
    converted(T{}, [data](std::int64_t p) { return T{element_at<From>(data, p)}; });
  };
  using Int = std::int32_t;
  using Long = std::int64_t;
  switch (type.format) {
    case LeafFormat::kBits:
      converted(Int{}, [data](std::int64_t p) { return Int{bit_at(data, p) ? 1 : 0}; });
      return;
    case LeafFormat::kSigned:
      if (type.width == 8) return direct(Long{}) ? void() : copied(Long{}, Long{});
      if (type.width == 4) return direct(Int{}) ? void() : copied(Int{}, Int{});
      if (type.width == 2) return copied(std::int16_t{}, Int{});
      return copied(std::int8_t{}, Int{});
    case LeafFormat::kUnsigned:
      if (type.width == 8) return direct(Long{}) ? void() : copied(Long{}, Long{});
      if (type.width == 4) return copied(std::uint32_t{}, Long{});
      if (type.width == 2) return copied(std::uint16_t{}, Int{});
      return copied(std::uint8_t{}, Int{});
    case LeafFormat::kFloat:
      if (type.width == 8) return direct(double{}) ? void() : copied(double{}, double{});
      if (type.width == 4) return direct(float{}) ? void() : copied(float{}, float{});
      return converted(float{}, [data](std::int64_t p) {
        return static_cast<float>(from_half(element_at<std::uint16_t>(data, p)));
      });
    case LeafFormat::kDecimal:
      if (type.width == 4) return direct(Int{}) ? void() : copied(Int{}, Int{});
      if (type.width == 8) return direct(Long{}) ? void() : copied(Long{}, Long{});
      if (type.width == 16) {
        return converted(Wide256{}, [data](std::int64_t p) {
          const auto low = static_cast<UnsignedWide>(word_at(data, 2 * p));
          const auto high = static_cast<UnsignedWide>(word_at(data, 2 * p + 1));
          return Wide256(static_cast<Wide>(high << 64 | low));
        });
      }
      return converted(Wide256{}, [data](std::int64_t p) {
        return Wide256(ExactInteger::of_limbs(word_at(data, 4 * p), word_at(data, 4 * p + 1),
                                              word_at(data, 4 * p + 2), word_at(data, 4 * p + 3)));
      });
    case LeafFormat::kOffsets32:
    case LeafFormat::kOffsets64:
    case LeafFormat::kView:
    case LeafFormat::kFixedBytes:
      break;
    default:
      return;
  }
  auto* texts = reinterpret_cast<std::string_view*>(room_.values.data());
  out.values = texts;
  if (view_.dictionary == nullptr && type.format == LeafFormat::kOffsets32) {
    out.bytes = fill_texts<std::int32_t>(view_, begin, out.size, texts);
    return;
  }
  if (view_.dictionary == nullptr && type.format == LeafFormat::kOffsets64) {
    out.bytes = fill_texts<std::int64_t>(view_, begin, out.size, texts);
    return;
  }
  // A view of a row that is null may point anywhere.
  if (view_.dictionary == nullptr && out.all_present()) {
    return fill(out, begin, first, texts, [&](std::int64_t p) { return from.text_at(p); });
  }
  for (std::size_t i = 0; i < out.size; ++i) {
    if (!bit_of(out.valid.data(), i)) {
      texts[i] = {};
    } else {
      texts[i] = from.text_at(out.indices == nullptr ? begin + static_cast<std::int64_t>(i)
                                                     : first + out.indices[i]);
    }
  }
}

}  // namespace inlay::detail
