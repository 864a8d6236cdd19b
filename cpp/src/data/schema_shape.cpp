#include "data/schema_shape.hpp"

#include <cstring>

namespace inlay::detail {

void SchemaShape::add(const ArrowSchema& schema, bool named) {
  Node node;
  node.format = schema.format;
  if (named && schema.name != nullptr) node.name = schema.name;
  node.named = named;
  node.dictionary = schema.dictionary != nullptr;
  node.children = schema.n_children;
  nodes_.push_back(std::move(node));
  if (schema.dictionary != nullptr) add(*schema.dictionary, false);
  const bool is_struct = std::strcmp(schema.format, "+s") == 0;
  for (std::int64_t i = 0; i < schema.n_children; ++i) add(*schema.children[i], is_struct);
}

bool SchemaShape::fits(const ArrowSchema& schema) const noexcept {
  std::size_t at = 0;
  return fits(schema, at);
}

bool SchemaShape::fits(const ArrowSchema& schema, std::size_t& at) const noexcept {
  if (at == nodes_.size()) return false;
  const Node& node = nodes_[at++];
  if (schema.release == nullptr || schema.format == nullptr || node.format != schema.format ||
      schema.n_children != node.children || (schema.dictionary != nullptr) != node.dictionary) {
    return false;
  }
  if (node.named && node.name != (schema.name == nullptr ? "" : schema.name)) return false;
  if (node.dictionary && !fits(*schema.dictionary, at)) return false;
  if (node.children != 0 && schema.children == nullptr) return false;
  for (std::int64_t i = 0; i < node.children; ++i) {
    if (schema.children[i] == nullptr || !fits(*schema.children[i], at)) return false;
  }
  return true;
}

}  // namespace inlay::detail
