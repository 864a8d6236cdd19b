#include "data/leaf_view.hpp"

#include <bit>
#include <inlay/error.hpp>
#include <string>

#include "arrow/layout.hpp"
#include "arrow/table_data.hpp"

namespace inlay::detail {
namespace {

// Items of lists that overlap can be more than memory ever held; a bound keeps sums from overflow.
constexpr std::int64_t kMaxItems = std::int64_t{1} << 48;
// Views of up to so many bytes hold them.
constexpr std::int32_t kInlineView = 12;

using Ranges = std::vector<LeafRange>;
using Bitmaps = std::vector<LeafBitmap>;

[[noreturn]] void refuse(const Leaf& leaf, const std::string& what, std::int64_t value) {
  throw InvalidArgument("column '" + leaf.path + "': " + what + ": " + std::to_string(value));
}

const std::uint8_t* validity(const ArrowArray& array) {
  if (array.n_buffers == 0 || array.null_count == 0) return nullptr;
  return static_cast<const std::uint8_t*>(array.buffers[0]);
}

// Appends a range, to the last one if that ends where it begins.
void append(Ranges& ranges, std::int64_t begin, std::int64_t size) {
  if (size == 0) return;
  if (!ranges.empty() && ranges.back().begin + ranges.back().size == begin) {
    ranges.back().size += size;
  } else {
    ranges.push_back({begin, size});
  }
}

// Calls f(position) for each that is valid.
template <class F>
void for_each_valid(const LeafView& view, F&& f) {
  for (const LeafRange& range : view.ranges) {
    for (std::int64_t p = range.begin; p < range.begin + range.size; ++p) {
      if (view.is_valid(p)) f(p);
    }
  }
}

template <class Offset>
void check_offsets(const LeafView& view, const Leaf& leaf, std::int64_t limit) {
  for (const LeafRange& range : view.ranges) {
    const auto first = element_at<Offset>(view.values, range.begin);
    if (first < 0) refuse(leaf, "a negative offset", first);
    // Without a branch a value: the whole range is looked through again only to name the fault.
    bool backwards = false;
    for (std::int64_t p = range.begin; p < range.begin + range.size; ++p) {
      backwards |= element_at<Offset>(view.values, p + 1) < element_at<Offset>(view.values, p);
    }
    Offset before = element_at<Offset>(view.values, range.begin + range.size);
    if (backwards) {
      before = first;
      for (std::int64_t p = range.begin + 1; p <= range.begin + range.size; ++p) {
        const auto offset = element_at<Offset>(view.values, p);
        if (offset < before) {
          refuse(leaf, "offsets go backwards, from " + std::to_string(before) + " to", offset);
        }
        before = offset;
      }
    }
    if (before > limit) {
      refuse(leaf, "an offset beyond the " + std::to_string(limit) + " items there are", before);
    }
  }
}

template <class Offset>
void check_text_offsets(const LeafView& view, const Leaf& leaf) {
  check_offsets<Offset>(view, leaf, INT64_MAX);
  if (view.bytes != nullptr) return;
  for (const LeafRange& range : view.ranges) {
    const auto begin = element_at<Offset>(view.values, range.begin);
    const auto end = element_at<Offset>(view.values, range.begin + range.size);
    if (begin != end) refuse(leaf, "its bytes are missing", end - begin);
  }
}

struct TextView {
  std::int32_t size;
  std::int32_t prefix;
  std::int32_t buffer;
  std::int32_t offset;
};

void check_views(const LeafView& view, const ArrowArray& array, const Leaf& leaf) {
  const std::int64_t buffers = array.n_buffers - 3;
  const void* sizes = array.buffers[array.n_buffers - 1];
  for_each_valid(view, [&](std::int64_t p) {
    const auto text = element_at<TextView>(view.values, p);
    if (text.size < 0) refuse(leaf, "a view of negative size", text.size);
    if (text.size <= kInlineView) return;
    if (text.buffer < 0 || text.buffer >= buffers) {
      refuse(leaf, "a view into a buffer that is not there", text.buffer);
    }
    const std::int64_t size = sizes == nullptr ? 0 : element_at<std::int64_t>(sizes, text.buffer);
    if (text.offset < 0 || std::int64_t{text.offset} + text.size > size ||
        view.data_buffers[text.buffer] == nullptr) {
      refuse(leaf, "a view beyond its buffer of " + std::to_string(size) + " bytes, to byte",
             std::int64_t{text.offset} + text.size);
    }
  });
}

class Viewer {
 public:
  explicit Viewer(const std::vector<Leaf>& leaves) : leaves_(leaves) {
    views_.reserve(leaves.size());
  }
  std::vector<LeafView> take() { return std::move(views_); }

  /// Views the columns that the next leaves lie in.
  void columns(const ArrowSchema& schema, const ArrowArray& array, const Ranges& ranges,
               const Bitmaps& bitmaps) {
    for (std::int64_t i = 0; i < schema.n_children; ++i) {
      if (views_.size() == leaves_.size()) return;
      if (leaves_[views_.size()].column == i) child(schema, array, i, ranges, bitmaps);
    }
  }

  void children(const ArrowSchema& schema, const ArrowArray& array, const Ranges& ranges,
                const Bitmaps& bitmaps) {
    for (std::int64_t i = 0; i < schema.n_children; ++i) child(schema, array, i, ranges, bitmaps);
  }

 private:
  void child(const ArrowSchema& schema, const ArrowArray& array, std::int64_t i,
             const Ranges& ranges, const Bitmaps& bitmaps) {
    // Position p of a struct is logical position p of each child.
    const ArrowArray& child = *array.children[i];
    Ranges moved = ranges;
    for (LeafRange& range : moved) range.begin += child.offset;
    Bitmaps seen = bitmaps;
    for (LeafBitmap& bitmap : seen) bitmap.shift -= child.offset;
    visit(*schema.children[i], child, std::move(moved), std::move(seen));
  }

  void visit(const ArrowSchema& schema, const ArrowArray& array, Ranges ranges, Bitmaps bitmaps) {
    if (const std::uint8_t* bits = validity(array); bits != nullptr) bitmaps.push_back({bits, 0});
    if (schema.dictionary == nullptr && std::string_view(schema.format) == "+s") {
      children(schema, array, ranges, bitmaps);
      return;
    }
    const Leaf& leaf = leaves_[views_.size()];
    LeafView view = view_of(leaf, array, std::move(ranges), std::move(bitmaps));
    if (schema.dictionary != nullptr) {
      const ArrowArray& values = *array.dictionary;
      Bitmaps own;
      if (const std::uint8_t* bits = validity(values); bits != nullptr) own.push_back({bits, 0});
      Ranges all;
      append(all, values.offset, values.length);
      view.dictionary =
          std::make_shared<LeafView>(view_of(leaf, values, std::move(all), std::move(own)));
      view.bytes = nullptr;
      check(*view.dictionary, values, leaf);
    } else if (leaf.type.kind != LeafKind::kList) {
      check(view, array, leaf);
    }
    if (leaf.type.kind != LeafKind::kList) {
      views_.push_back(std::move(view));
      return;
    }
    const ArrowArray& items = *array.children[0];
    Ranges of_items = item_ranges(view, items, leaf);
    views_.push_back(std::move(view));
    if (schema.format[1] == 'm') {
      Bitmaps own;
      if (const std::uint8_t* bits = validity(items); bits != nullptr) own.push_back({bits, 0});
      children(*schema.children[0], items, of_items, own);
    } else {
      visit(*schema.children[0], items, std::move(of_items), {});
    }
  }

  static LeafView view_of(const Leaf& leaf, const ArrowArray& array, Ranges ranges,
                          Bitmaps bitmaps) {
    LeafView view;
    view.type = &leaf.type;
    view.ranges = std::move(ranges);
    for (const LeafRange& range : view.ranges) view.rows += range.size;
    view.bitmaps = std::move(bitmaps);
    if (array.n_buffers > 1) view.values = array.buffers[1];
    switch (leaf.type.format) {
      case LeafFormat::kOffsets32:
      case LeafFormat::kOffsets64:
        if (array.n_buffers > 2) view.bytes = static_cast<const char*>(array.buffers[2]);
        break;
      case LeafFormat::kView:
        view.data_buffers = array.buffers + 2;
        break;
      case LeafFormat::kListView32:
        view.sizes32 = static_cast<const std::int32_t*>(array.buffers[2]);
        break;
      case LeafFormat::kListView64:
        view.sizes64 = static_cast<const std::int64_t*>(array.buffers[2]);
        break;
      default:
        break;
    }
    return view;
  }

  static void check(const LeafView& view, const ArrowArray& array, const Leaf& leaf) {
    switch (leaf.type.format) {
      case LeafFormat::kOffsets32:
        check_text_offsets<std::int32_t>(view, leaf);
        break;
      case LeafFormat::kOffsets64:
        check_text_offsets<std::int64_t>(view, leaf);
        break;
      case LeafFormat::kView:
        check_views(view, array, leaf);
        break;
      default:
        break;
    }
  }

  // The positions of the items of all lists that are valid.
  static Ranges item_ranges(const LeafView& view, const ArrowArray& items, const Leaf& leaf) {
    Ranges out;
    std::int64_t total = 0;
    const auto add = [&](std::int64_t begin, std::int64_t size) {
      total += size;
      if (total > kMaxItems) refuse(leaf, "more items than can be", total);
      append(out, items.offset + begin, size);
    };
    const std::int64_t limit = items.length;
    switch (leaf.type.format) {
      case LeafFormat::kFixedList:
        // check_layout() saw that the items are enough.
        lists(view, [&](std::int64_t p, std::int64_t size) {
          add(p * view.type->width, size * view.type->width);
        });
        return out;
      case LeafFormat::kList32:
        check_offsets<std::int32_t>(view, leaf, limit);
        lists(view, [&](std::int64_t p, std::int64_t size) {
          const std::int64_t begin = element_at<std::int32_t>(view.values, p);
          add(begin, element_at<std::int32_t>(view.values, p + size) - begin);
        });
        return out;
      case LeafFormat::kList64:
        check_offsets<std::int64_t>(view, leaf, limit);
        lists(view, [&](std::int64_t p, std::int64_t size) {
          const auto begin = element_at<std::int64_t>(view.values, p);
          add(begin, element_at<std::int64_t>(view.values, p + size) - begin);
        });
        return out;
      default:
        break;
    }
    const bool large = leaf.type.format == LeafFormat::kListView64;
    if (view.rows != 0 && view.sizes32 == nullptr && view.sizes64 == nullptr) {
      refuse(leaf, "its sizes are missing for a length of", view.rows);
    }
    for_each_valid(view, [&](std::int64_t p) {
      const std::int64_t begin = large ? element_at<std::int64_t>(view.values, p)
                                       : element_at<std::int32_t>(view.values, p);
      const std::int64_t size = view.length_at(p);
      if (begin < 0) refuse(leaf, "a negative offset", begin);
      if (size < 0) refuse(leaf, "a negative size", size);
      if (size > limit || begin > limit - size) {
        refuse(leaf, "a list beyond the " + std::to_string(limit) + " items there are, from",
               begin);
      }
      add(begin, size);
    });
    return out;
  }

  // Calls f(position, number) for runs of lists that are valid.
  template <class F>
  static void lists(const LeafView& view, F&& f) {
    if (!view.bitmaps.empty()) {
      for_each_valid(view, [&](std::int64_t p) { f(p, std::int64_t{1}); });
      return;
    }
    for (const LeafRange& range : view.ranges) f(range.begin, range.size);
  }

  const std::vector<Leaf>& leaves_;
  std::vector<LeafView> views_;
};

// Eight bits as eight bytes of 0 or 1, the lowest first.
std::uint64_t spread(std::uint8_t bits) {
  const std::uint64_t lanes = (bits * 0x0101010101010101U) & 0x8040201008040201U;
  return ((lanes + 0x7F7F7F7F7F7F7F7FU) >> 7) & 0x0101010101010101U;
}

// Bits `at` to at + 7; bit at + 7 must be there.
std::uint8_t eight_bits(const std::uint8_t* bits, std::int64_t at) {
  const std::uint8_t* byte = bits + at / 8;
  const auto skip = static_cast<unsigned>(at % 8);
  if (skip == 0) return *byte;
  return static_cast<std::uint8_t>(byte[0] >> skip | byte[1] << (8 - skip));
}

}  // namespace

std::int64_t LeafView::fill_valid(std::int64_t begin, std::int64_t size,
                                  std::uint8_t* out) const noexcept {
  std::int64_t valid = 0;
  std::int64_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint8_t bits = 0xFF;
    for (const LeafBitmap& bitmap : bitmaps) {
      bits &= eight_bits(bitmap.bits, begin + i + bitmap.shift);
    }
    valid += std::popcount(bits);
    const std::uint64_t lanes = spread(bits);
    std::memcpy(out + i, &lanes, sizeof(lanes));
  }
  for (; i < size; ++i) {
    out[i] = is_valid(begin + i) ? 1 : 0;
    valid += out[i];
  }
  return valid;
}

std::int64_t LeafView::count_valid(std::int64_t begin, std::int64_t size) const noexcept {
  if (bitmaps.empty()) return size;
  std::int64_t valid = 0;
  std::int64_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint8_t bits = 0xFF;
    for (const LeafBitmap& bitmap : bitmaps) {
      bits &= eight_bits(bitmap.bits, begin + i + bitmap.shift);
    }
    valid += std::popcount(bits);
  }
  for (; i < size; ++i) valid += is_valid(begin + i) ? 1 : 0;
  return valid;
}

std::int64_t LeafView::index_at(std::int64_t position) const noexcept {
  std::uint64_t index = 0;
  switch (type->index_width) {
    case 1:
      index = type->signed_index
                  ? static_cast<std::uint64_t>(element_at<std::int8_t>(values, position))
                  : element_at<std::uint8_t>(values, position);
      break;
    case 2:
      index = type->signed_index
                  ? static_cast<std::uint64_t>(element_at<std::int16_t>(values, position))
                  : element_at<std::uint16_t>(values, position);
      break;
    case 4:
      index = type->signed_index
                  ? static_cast<std::uint64_t>(element_at<std::int32_t>(values, position))
                  : element_at<std::uint32_t>(values, position);
      break;
    default:
      index = element_at<std::uint64_t>(values, position);
      break;
  }
  // Negative ones are huge here.
  return index < static_cast<std::uint64_t>(dictionary->rows) ? static_cast<std::int64_t>(index)
                                                              : -1;
}

std::string_view LeafView::text_at(std::int64_t position) const noexcept {
  switch (type->format) {
    case LeafFormat::kOffsets32: {
      const auto begin = element_at<std::int32_t>(values, position);
      const auto end = element_at<std::int32_t>(values, position + 1);
      return {bytes + begin, static_cast<std::size_t>(end - begin)};
    }
    case LeafFormat::kOffsets64: {
      const auto begin = element_at<std::int64_t>(values, position);
      const auto end = element_at<std::int64_t>(values, position + 1);
      return {bytes + begin, static_cast<std::size_t>(end - begin)};
    }
    case LeafFormat::kView: {
      const auto view = element_at<TextView>(values, position);
      const auto size = static_cast<std::size_t>(view.size);
      if (view.size <= kInlineView)
        return {static_cast<const char*>(values) + 16 * position + 4, size};
      return {static_cast<const char*>(data_buffers[view.buffer]) + view.offset, size};
    }
    default:
      if (type->width == 0) return {};
      return {static_cast<const char*>(values) + type->width * position,
              static_cast<std::size_t>(type->width)};
  }
}

std::int64_t LeafView::length_at(std::int64_t position) const noexcept {
  switch (type->format) {
    case LeafFormat::kList32:
      return std::int64_t{element_at<std::int32_t>(values, position + 1)} -
             element_at<std::int32_t>(values, position);
    case LeafFormat::kList64:
      return element_at<std::int64_t>(values, position + 1) -
             element_at<std::int64_t>(values, position);
    case LeafFormat::kListView32:
      return element_at<std::int32_t>(sizes32, position);
    case LeafFormat::kListView64:
      return element_at<std::int64_t>(sizes64, position);
    default:
      return type->width;
  }
}

std::vector<LeafView> view_leaves(const ArrowSchema& schema, const ArrowArray& array,
                                  const std::vector<Leaf>& leaves) {
  check_layout(schema, array);
  Ranges ranges;
  append(ranges, array.offset, array.length);
  Bitmaps bitmaps;
  if (const std::uint8_t* bits = validity(array); bits != nullptr) bitmaps.push_back({bits, 0});
  Viewer viewer(leaves);
  viewer.columns(schema, array, ranges, bitmaps);
  return viewer.take();
}

}  // namespace inlay::detail
