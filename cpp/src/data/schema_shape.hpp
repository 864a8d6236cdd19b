#pragma once

#include <inlay/arrow/c_data.hpp>
#include <string>
#include <vector>

namespace inlay::detail {

/// The formats, names and nesting of a schema, to tell quickly whether another is the same. Names
/// of list items, flags and metadata do not count. Immutable once made.
class SchemaShape {
 public:
  SchemaShape() = default;
  /// The schema must have passed check_schema().
  explicit SchemaShape(const ArrowSchema& schema) { add(schema, false); }

  /// Whether the other schema, which may be anything, is the same; if so it passes check_schema().
  bool fits(const ArrowSchema& schema) const noexcept;

 private:
  struct Node {
    std::string format;
    std::string name;
    bool named = false;
    bool dictionary = false;
    std::int64_t children = 0;
  };

  void add(const ArrowSchema& schema, bool named);
  bool fits(const ArrowSchema& schema, std::size_t& at) const noexcept;

  std::vector<Node> nodes_;  // parents before children, a dictionary before the children
};

}  // namespace inlay::detail
