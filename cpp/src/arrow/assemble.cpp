#include "arrow/assemble.hpp"

#include <cassert>
#include <string>

#include <inlay/error.hpp>
#include "arrow/layout.hpp"

namespace inlay::detail {

namespace {

constexpr std::size_t kMaxBuffers = 3;

/// The buffers and nodes of one built chunk. Thread-safety: immutable once made.
struct BuiltChunk {
  ArrowArray root{};
  std::vector<ArrowArray> nodes;
  std::vector<ArrowArray*> pointers;
  std::vector<const void*> buffers;
  std::vector<Buffer> owned;
  std::shared_ptr<const std::byte> zeros;
  const void* no_nulls = nullptr;
  std::int64_t nbytes = 0;
};

/// Lays columns out in a `BuiltChunk`. Thread-safety: none.
class Assembler {
 public:
  Assembler(BuiltChunk& chunk, std::size_t max_nodes) : chunk_(chunk) {
    chunk.nodes.resize(max_nodes);
    chunk.buffers.resize(max_nodes * kMaxBuffers);
    chunk.owned.reserve(max_nodes * kMaxBuffers);
  }

  ArrowArray* add(BuiltColumn& column) {
    auto& node = chunk_.nodes[next_];
    const void** buffers = &chunk_.buffers[next_ * kMaxBuffers];
    ++next_;
    node.length = column.length;
    node.null_count = column.null_count;
    node.buffers = buffers;
    const bool varying = column.type == ColumnType::kUtf8 || column.type == ColumnType::kBinary;
    buffers[0] = column.null_count == 0 ? nullptr : keep(std::move(column.validity));
    if (column.items != nullptr) {
      node.n_buffers = 2;
      buffers[1] = keep(std::move(column.offsets));
      node.n_children = 1;
      auto*& child = chunk_.pointers.emplace_back(add(*column.items));
      node.children = &child;
    } else if (varying) {
      node.n_buffers = 3;
      buffers[1] = keep(std::move(column.offsets));
      buffers[2] = keep(std::move(column.data));
    } else {
      node.n_buffers = 2;
      buffers[1] = keep(std::move(column.data));
    }
    return &node;
  }

 private:
  const void* keep(Buffer buffer) {
    if (buffer.empty()) {
      return chunk_.zeros.get();
    }
    chunk_.nbytes += static_cast<std::int64_t>(buffer.size());
    return chunk_.owned.emplace_back(std::move(buffer)).data();
  }

  BuiltChunk& chunk_;
  std::size_t next_ = 0;
};

/// A node of an array of no rows. Thread-safety: immutable once made.
struct EmptyNode {
  ArrowArray array{};
  std::vector<const void*> buffers;
  std::vector<EmptyNode> children;
  std::vector<ArrowArray*> pointers;
  std::unique_ptr<EmptyNode> dictionary;
  std::shared_ptr<const std::byte> zeros;
};

void fill_empty(const ArrowSchema& schema, EmptyNode& node) {
  const auto layout = parse_layout(schema.format, schema.name == nullptr ? "" : schema.name);
  node.zeros = shared_zeros(kMaxBuffers * sizeof(std::int64_t));
  const auto count =
      layout.num_buffers < 0 ? kMaxBuffers : static_cast<std::size_t>(layout.num_buffers);
  node.buffers.assign(count, node.zeros.get());
  const bool has_validity = layout.kind != LayoutKind::kSparseUnion &&
                            layout.kind != LayoutKind::kDenseUnion && count != 0;
  if (has_validity) {
    node.buffers[0] = nullptr;
  }
  node.array.n_buffers = static_cast<std::int64_t>(count);
  node.array.buffers = node.buffers.data();
  const auto children = static_cast<std::size_t>(schema.n_children);
  node.children.resize(children);
  for (std::size_t i = 0; i < children; ++i) {
    fill_empty(*schema.children[i], node.children[i]);
    node.pointers.push_back(&node.children[i].array);
  }
  node.array.n_children = schema.n_children;
  node.array.children = node.pointers.data();
  if (schema.dictionary != nullptr) {
    node.dictionary = std::make_unique<EmptyNode>();
    fill_empty(*schema.dictionary, *node.dictionary);
    node.array.dictionary = &node.dictionary->array;
  }
}

}  // namespace

Chunk assemble_chunk([[maybe_unused]] const TableSpec& spec, std::vector<BuiltColumn> columns,
                     std::int64_t rows) {
  assert(columns.size() == spec.columns.size());
  auto chunk = std::make_shared<BuiltChunk>();
  chunk->zeros = shared_zeros((static_cast<std::size_t>(rows) + 1) * sizeof(std::int64_t));
  const auto count = columns.size();
  chunk->pointers.reserve(2 * count);  // columns and list items; must not move
  Assembler assembler(*chunk, 2 * count);
  std::vector<ArrowArray*> top;
  top.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    assert(columns[i].type == spec.columns[i].type);
    assert(columns[i].length == rows);
    assert(spec.columns[i].nullable || columns[i].null_count == 0);
    top.push_back(assembler.add(columns[i]));
  }
  const auto first = chunk->pointers.size();
  chunk->pointers.insert(chunk->pointers.end(), top.begin(), top.end());
  chunk->root.length = rows;
  chunk->root.n_buffers = 1;
  chunk->root.buffers = &chunk->no_nulls;
  chunk->root.n_children = static_cast<std::int64_t>(count);
  chunk->root.children = chunk->pointers.data() + first;
  const auto nbytes = chunk->nbytes;
  const auto* root = &chunk->root;
  return {std::shared_ptr<const ArrowArray>(std::move(chunk), root), nbytes};
}

Chunk assemble_empty(const ArrowSchema& schema) {
  auto node = std::make_shared<EmptyNode>();
  fill_empty(schema, *node);
  const auto* root = &node->array;
  return {std::shared_ptr<const ArrowArray>(std::move(node), root), 0};
}

void ChunkGuard::check_row(std::size_t weight) const {
  if (weight > max_weight_) {
    throw OutOfRange("one row holds more string bytes and list items than fit a table: " +
                     std::to_string(weight) + " (at most " + std::to_string(max_weight_) + ")");
  }
}

}  // namespace inlay::detail
