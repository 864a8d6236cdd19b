#include <functional>
#include <inlay/data/profile.hpp>
#include <inlay/error.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "data/column_access.hpp"

namespace inlay {

void detail::ColumnAccess::redact(ColumnProfile& column,
                                  const std::function<std::string(std::string_view)>& rename) {
  if (column.top_k_) {
    TopK renamed = column.top_k_->renamed(rename);
    column.top_k_->swap(renamed);
  }
  column.min_text_.reset();
  column.max_text_.reset();
}

void Profile::redact(std::size_t column,
                     const std::function<std::string(std::string_view)>& rename) {
  if (column >= columns_.size()) {
    detail::fail<OutOfRange>(
        "the profile has " + std::to_string(columns_.size()) + " columns, none with index", column);
  }
  ColumnProfile& found = columns_[column];
  if (found.kind() != LeafKind::kText && found.kind() != LeafKind::kBinary) {
    throw InvalidArgument("column '" + found.path() + "' keeps no text to redact: " + found.type());
  }
  detail::ColumnAccess::redact(found, rename);
}

}  // namespace inlay
