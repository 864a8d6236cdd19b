#pragma once

#include <string_view>

#include "inlay/observer.hpp"

namespace inlay::detail {

/// Throws InvalidArgument unless `layer` is one of the layers.
void check_layer(std::string_view layer);

/// Throws InvalidArgument unless the ids are 32 and 16 lower-case hex digits that are not all 0.
void check_trace_id(std::string_view id);
void check_span_id(std::string_view id, std::string_view name = "span_id");

/// Throw InvalidArgument for a name that is empty, text that is no UTF-8, an unknown layer, an id
/// or a time that is none, or an end before its beginning. The tables take the rest as it is.
void check(const Event& event);
void check(const Span& span);
void check(const Verdict& verdict);

}  // namespace inlay::detail
