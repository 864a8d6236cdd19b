// Copying several chunks into one, for consumers that take a single array.

#include <inlay/error.hpp>
#include <limits>
#include <string>

#include "arrow/buffer.hpp"
#include "arrow/layout.hpp"
#include "arrow/table_data.hpp"

namespace inlay::detail {

namespace {

/// A node of the copy. Thread-safety: immutable once made.
struct CopiedNode {
  ArrowArray array{};
  std::vector<Buffer> owned;
  std::vector<const void*> buffers;
  std::vector<CopiedNode> children;
  std::vector<ArrowArray*> pointers;
};

/// Rows [begin, begin + length) of one source array, offset included.
struct Slice {
  const ArrowArray* array;
  std::int64_t begin;
  std::int64_t length;
};

bool bit_at(const void* bits, std::int64_t index) {
  return (static_cast<const std::uint8_t*>(bits)[index / 8] >> (index % 8) & 1) != 0;
}

std::size_t bitmap_bytes(std::int64_t rows) { return static_cast<std::size_t>(rows + 7) / 8; }

Buffer make_zeroed(std::size_t bytes) {
  Buffer buffer;
  buffer.reserve(std::max<std::size_t>(bytes, 1));
  std::memset(buffer.data(), 0, std::max<std::size_t>(bytes, 1));
  buffer.set_size(bytes);
  return buffer;
}

/// Copies slices of one schema into nodes. Thread-safety: none.
class Concatenator {
 public:
  std::int64_t nbytes() const { return nbytes_; }

  void copy(const ArrowSchema& schema, const std::vector<Slice>& slices, CopiedNode& node) {
    const std::string name = schema.name == nullptr ? "" : schema.name;
    const auto layout = parse_layout(schema.format, name);
    if (schema.dictionary != nullptr) {
      fail<InvalidArgument>("several chunks of a dictionary cannot become one array; column", name);
    }
    std::int64_t rows = 0;
    for (const auto& slice : slices) rows += slice.length;
    node.array.length = rows;
    switch (layout.kind) {
      case LayoutKind::kNull:
        node.array.null_count = rows;
        return;
      case LayoutKind::kFixed:
        copy_validity(slices, rows, node);
        copy_fixed(layout.width_bits, slices, rows, node);
        break;
      case LayoutKind::kVarBinary32:
        copy_validity(slices, rows, node);
        copy_strings(node, copy_offsets<std::int32_t>(name, slices, rows, node));
        break;
      case LayoutKind::kVarBinary64:
        copy_validity(slices, rows, node);
        copy_strings(node, copy_offsets<std::int64_t>(name, slices, rows, node));
        break;
      case LayoutKind::kList32:
        copy_validity(slices, rows, node);
        copy_children(schema, {copy_offsets<std::int32_t>(name, slices, rows, node)}, node);
        break;
      case LayoutKind::kList64:
        copy_validity(slices, rows, node);
        copy_children(schema, {copy_offsets<std::int64_t>(name, slices, rows, node)}, node);
        break;
      case LayoutKind::kFixedList:
        copy_validity(slices, rows, node);
        copy_children(schema, {child_slices(slices, 0, layout.list_size)}, node);
        break;
      case LayoutKind::kStruct: {
        copy_validity(slices, rows, node);
        std::vector<std::vector<Slice>> children;
        for (std::int64_t i = 0; i < schema.n_children; ++i) {
          children.push_back(child_slices(slices, i, 1));
        }
        copy_children(schema, children, node);
        break;
      }
      default:
        fail<InvalidArgument>(
            "several chunks of column '" + name + "' cannot become one array; format",
            schema.format);
    }
    node.array.n_buffers = static_cast<std::int64_t>(node.buffers.size());
    node.array.buffers = node.buffers.data();
  }

 private:
  static std::vector<Slice> child_slices(const std::vector<Slice>& slices, std::int64_t child,
                                         std::int64_t width) {
    std::vector<Slice> result;
    for (const auto& slice : slices) {
      const auto* array = slice.array->children[child];
      result.push_back({array, array->offset + slice.begin * width, slice.length * width});
    }
    return result;
  }

  void add(CopiedNode& node, Buffer buffer) {
    nbytes_ += static_cast<std::int64_t>(buffer.size());
    node.buffers.push_back(buffer.data());
    node.owned.push_back(std::move(buffer));
  }

  void copy_validity(const std::vector<Slice>& slices, std::int64_t rows, CopiedNode& node) {
    bool nullable = false;
    for (const auto& slice : slices) {
      nullable = nullable || (slice.array->null_count != 0 && slice.array->buffers[0] != nullptr);
    }
    if (!nullable) {
      node.buffers.push_back(nullptr);
      return;
    }
    auto bits = make_zeroed(bitmap_bytes(rows));
    std::int64_t row = 0;
    std::int64_t valid = 0;
    for (const auto& slice : slices) {
      const auto* source = slice.array->null_count == 0 ? nullptr : slice.array->buffers[0];
      for (std::int64_t i = 0; i < slice.length; ++i, ++row) {
        if (source == nullptr || bit_at(source, slice.begin + i)) {
          bits.data()[row / 8] |= std::byte{1} << (row % 8);
          ++valid;
        }
      }
    }
    node.array.null_count = rows - valid;
    add(node, std::move(bits));
  }

  void copy_fixed(std::int64_t width_bits, const std::vector<Slice>& slices, std::int64_t rows,
                  CopiedNode& node) {
    if (width_bits == 1) {
      auto bits = make_zeroed(bitmap_bytes(rows));
      std::int64_t row = 0;
      for (const auto& slice : slices) {
        for (std::int64_t i = 0; i < slice.length; ++i, ++row) {
          if (bit_at(slice.array->buffers[1], slice.begin + i)) {
            bits.data()[row / 8] |= std::byte{1} << (row % 8);
          }
        }
      }
      add(node, std::move(bits));
      return;
    }
    const auto width = static_cast<std::size_t>(width_bits / 8);
    Buffer values;
    values.reserve(std::max<std::size_t>(static_cast<std::size_t>(rows) * width, 1));
    for (const auto& slice : slices) {
      if (slice.length == 0) continue;
      const auto* source = static_cast<const std::byte*>(slice.array->buffers[1]);
      values.append_unchecked(source + static_cast<std::size_t>(slice.begin) * width,
                              static_cast<std::size_t>(slice.length) * width);
    }
    add(node, std::move(values));
  }

  /// Copy offsets and return which items of which array follow each other. The
  /// arrays are the lists' children, or the string arrays themselves.
  template <class Offset>
  std::vector<Slice> copy_offsets(const std::string& name, const std::vector<Slice>& slices,
                                  std::int64_t rows, CopiedNode& node) {
    Buffer offsets;
    offsets.reserve((static_cast<std::size_t>(rows) + 1) * sizeof(Offset));
    const auto put = [&offsets](std::int64_t value) {
      const auto narrow = static_cast<Offset>(value);
      offsets.append_unchecked(&narrow, sizeof narrow);
    };
    std::vector<Slice> items;
    std::int64_t end = 0;
    put(0);
    for (const auto& slice : slices) {
      if (slice.length == 0) continue;
      const auto* source = static_cast<const Offset*>(slice.array->buffers[1]) + slice.begin;
      const auto first = static_cast<std::int64_t>(source[0]);
      const auto count = static_cast<std::int64_t>(source[slice.length]) - first;
      if (first < 0 || count < 0) {
        fail<InvalidArgument>("column '" + name + "' has decreasing offsets; difference", count);
      }
      if (count > std::numeric_limits<Offset>::max() - end) {
        fail<OutOfRange>("the chunks of column '" + name + "' do not fit one array; items",
                         end + count);
      }
      for (std::int64_t i = 1; i <= slice.length; ++i) {
        if (source[i] < source[i - 1]) {
          fail<InvalidArgument>("column '" + name + "' has decreasing offsets; offset",
                                static_cast<long long>(source[i]));
        }
        put(end + static_cast<std::int64_t>(source[i]) - first);
      }
      end += count;
      const bool list = slice.array->n_children != 0;
      const auto* array = list ? slice.array->children[0] : slice.array;
      items.push_back({array, list ? array->offset + first : first, count});
    }
    add(node, std::move(offsets));
    return items;
  }

  void copy_strings(CopiedNode& node, const std::vector<Slice>& slices) {
    std::size_t total = 1;
    for (const auto& slice : slices) total += static_cast<std::size_t>(slice.length);
    Buffer bytes;
    bytes.reserve(total);
    for (const auto& slice : slices) {
      if (slice.length == 0) continue;
      const auto* source = static_cast<const std::byte*>(slice.array->buffers[2]);
      if (source == nullptr) {
        fail<InvalidArgument>("a string buffer is missing; bytes", slice.length);
      }
      bytes.append_unchecked(source + slice.begin, static_cast<std::size_t>(slice.length));
    }
    add(node, std::move(bytes));
  }

  void copy_children(const ArrowSchema& schema, const std::vector<std::vector<Slice>>& slices,
                     CopiedNode& node) {
    node.children.resize(slices.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
      for (const auto& slice : slices[i]) {
        if (slice.begin + slice.length > slice.array->offset + slice.array->length) {
          fail<InvalidArgument>("the offsets of column '" +
                                    std::string(schema.name == nullptr ? "" : schema.name) +
                                    "' point past its items; end",
                                slice.begin + slice.length);
        }
      }
      copy(*schema.children[i], slices[i], node.children[i]);
      node.pointers.push_back(&node.children[i].array);
    }
    node.array.n_children = static_cast<std::int64_t>(slices.size());
    node.array.children = node.pointers.data();
  }

  std::int64_t nbytes_ = 0;
};

}  // namespace

Chunk concatenate(const ArrowSchema& schema, const std::vector<Chunk>& chunks) {
  std::vector<Slice> slices;
  for (const auto& chunk : chunks) {
    slices.push_back({chunk.array.get(), chunk.array->offset, chunk.array->length});
  }
  auto node = std::make_shared<CopiedNode>();
  Concatenator concatenator;
  concatenator.copy(schema, slices, *node);
  const auto* array = &node->array;
  return {std::shared_ptr<const ArrowArray>(std::move(node), array), concatenator.nbytes()};
}

}  // namespace inlay::detail
