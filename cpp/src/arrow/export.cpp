// Exporting: trees of C structs that share the buffers of a table.

#include <memory>
#include <string>
#include <vector>

#include <inlay/error.hpp>
#include "arrow/table_data.hpp"

namespace inlay::detail {

namespace {

/// What one exported node owns: the source, and the structs of its children.
/// Children are nodes of their own; a consumer that moves one out sets its
/// release callback to null here, and nothing is lost when the parent goes.
/// Thread-safety: none, as for the struct it belongs to.
template <class Struct>
struct ExportedNode {
  std::shared_ptr<const Struct> owner;
  std::vector<Struct> children;
  std::vector<Struct*> pointers;
  Struct dictionary{};

  ~ExportedNode() {
    for (auto& child : children) {
      if (child.release != nullptr) {
        child.release(&child);
      }
    }
    if (dictionary.release != nullptr) {
      dictionary.release(&dictionary);
    }
  }
};

template <class Struct>
void release_node(Struct* node) {
  delete static_cast<ExportedNode<Struct>*>(node->private_data);
  node->private_data = nullptr;
  node->release = nullptr;
}

template <class Struct>
void export_tree(const std::shared_ptr<const Struct>& owner, const Struct& source, Struct* out) {
  auto node = std::make_unique<ExportedNode<Struct>>();
  node->owner = owner;
  const auto count = static_cast<std::size_t>(source.n_children);
  node->children.resize(count);  // zeroed: not released until exported
  node->pointers.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    node->pointers[i] = &node->children[i];
    export_tree(owner, *source.children[i], node->pointers[i]);
  }
  Struct copy = source;  // format, name, flags or lengths and buffer pointers
  copy.children = count == 0 ? nullptr : node->pointers.data();
  if (source.dictionary != nullptr) {
    export_tree(owner, *source.dictionary, &node->dictionary);
    copy.dictionary = &node->dictionary;
  }
  copy.release = &release_node<Struct>;
  copy.private_data = node.release();
  *out = copy;
}

/// One of our schemas, with the storage of its children.
/// Thread-safety: immutable once made.
struct OwnedSchema {
  ArrowSchema root{};
  std::vector<ArrowSchema> nodes;
  std::vector<ArrowSchema*> pointers;
};

const char* item_format(ColumnType type) {
  switch (type) {
    case ColumnType::kInt64List:
      return "l";
    case ColumnType::kFloat64List:
      return "g";
    case ColumnType::kUtf8List:
      return "u";
    default:
      return nullptr;
  }
}

std::shared_ptr<const ArrowSchema> make_schema(const TableSpec& spec) {
  auto owned = std::make_shared<OwnedSchema>();
  const auto count = spec.columns.size();
  owned->nodes.resize(2 * count);  // columns, then a list item for each
  owned->pointers.resize(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& column = spec.columns[i];
    auto& node = owned->nodes[i];
    node.format = column_format(column.type);
    node.name = column.name;
    node.flags = column.nullable ? ARROW_FLAG_NULLABLE : 0;
    owned->pointers[i] = &node;
    if (const auto* format = item_format(column.type); format != nullptr) {
      auto& item = owned->nodes[count + i];
      item.format = format;
      item.name = "item";
      item.flags = ARROW_FLAG_NULLABLE;
      owned->pointers[count + i] = &item;
      node.n_children = 1;
      node.children = &owned->pointers[count + i];
    }
  }
  owned->root.format = "+s";
  owned->root.name = "";
  owned->root.n_children = static_cast<std::int64_t>(count);
  owned->root.children = owned->pointers.data();
  return {owned, &owned->root};
}

}  // namespace

std::shared_ptr<const ArrowSchema> shared_schema(const TableSpec& spec) {
  // Made once each and never freed, so that tables may outlive static objects.
  static const auto* const kSchemas = [] {
    auto* schemas = new std::vector<std::shared_ptr<const ArrowSchema>>;
    for (const auto& known : table_schemas()) {
      schemas->push_back(make_schema(known));
    }
    return schemas;
  }();
  const auto& specs = table_schemas();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (&specs[i] == &spec) {
      return (*kSchemas)[i];
    }
  }
  return make_schema(spec);
}

void export_schema_tree(const std::shared_ptr<const ArrowSchema>& owner, const ArrowSchema& source,
                        ArrowSchema* out) {
  export_tree(owner, source, out);
}

void export_array_tree(const std::shared_ptr<const ArrowArray>& owner, const ArrowArray& source,
                       ArrowArray* out) {
  export_tree(owner, source, out);
}

}  // namespace inlay::detail
