#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inlay/export.hpp"

namespace inlay {

/// Throws InvalidArgument unless `name` is a letter followed by up to 254 of A-Z a-z 0-9 _ . - /
INLAY_API void check_metric_name(std::string_view name);

/// Throws InvalidArgument unless `key` is a letter or _ followed by up to 254 of A-Z a-z 0-9 _ . -
/// /
INLAY_API void check_attribute_key(std::string_view key);

INLAY_API bool is_utf8(std::string_view text) noexcept;

/// Appends a JSON string literal by RFC 8785: shortest escapes, everything else as it is.
INLAY_API void append_json_string(std::string& out, std::string_view text);

/// A JSON object of strings by RFC 8785: keys sorted by UTF-16 code units.
/// @throws InvalidArgument for a repeated key or text that is no UTF-8.
INLAY_API std::string canonical_json(std::vector<std::pair<std::string, std::string>> members);

/// First 8 bytes, big-endian signed, of MD5(metric ‖ 0x1f ‖ attrs ‖ 0x1f ‖ service_name).
INLAY_API int64_t series_id(std::string_view metric, std::string_view attrs,
                            std::string_view service_name) noexcept;

}  // namespace inlay
