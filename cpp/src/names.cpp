#include "inlay/names.hpp"

#include <algorithm>

#include "inlay/error.hpp"
#include "md5.hpp"
#include "utf8.hpp"

namespace inlay {

namespace {

constexpr size_t kMaxName = 255;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_name_char(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
}

bool is_name(std::string_view name, bool underscore_first) {
  if (name.empty() || name.size() > kMaxName) return false;
  if (!is_letter(name[0]) && !(underscore_first && name[0] == '_')) return false;
  return std::all_of(name.begin(), name.end(), is_name_char);
}

/// Order of UTF-16 code units, told from UTF-8 bytes: it differs from byte order only in that
/// U+E000..U+FFFF (lead bytes EE, EF) stand after the supplementary planes (lead bytes F0..F4).
bool less_utf16(std::string_view a, std::string_view b) {
  const auto rank = [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u == 0xEE || u == 0xEF) ? u + 0x10 : u;
  };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

}  // namespace

void check_metric_name(std::string_view name) {
  if (!is_name(name, false)) {
    throw InvalidArgument(
        "a metric name is a letter followed by at most 254 letters, digits, '_', '.', '-' or '/', "
        "got '" +
        std::string(name) + "'");
  }
}

void check_attribute_key(std::string_view key) {
  if (!is_name(key, true)) {
    throw InvalidArgument(
        "an attribute key is a letter or '_' followed by at most 254 letters, digits, '_', '.', "
        "'-' or "
        "'/', got '" +
        std::string(key) + "'");
  }
}

bool is_utf8(std::string_view text) noexcept { return detail::is_utf8(text.data(), text.size()); }

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x20 && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += c;
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[u >> 4];
        out += kHex[u & 15];
    }
  }
  out += '"';
}

std::string canonical_json(std::vector<std::pair<std::string, std::string>> members) {
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return less_utf16(a.first, b.first); });
  std::string out = "{";
  for (size_t i = 0; i < members.size(); ++i) {
    const auto& [key, value] = members[i];
    if (!is_utf8(key) || !is_utf8(value)) {
      throw InvalidArgument("attribute text must be UTF-8, got '" + key + "'");
    }
    if (i > 0) {
      if (members[i - 1].first == key)
        throw InvalidArgument("an attribute key stands twice: '" + key + "'");
      out += ',';
    }
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
  }
  out += '}';
  return out;
}

int64_t series_id(std::string_view metric, std::string_view attrs,
                  std::string_view service_name) noexcept {
  Md5 md5;
  md5.update(metric);
  md5.update("\x1f");
  md5.update(attrs);
  md5.update("\x1f");
  md5.update(service_name);
  const auto digest = md5.finish();
  uint64_t id = 0;
  for (int i = 0; i < 8; ++i) id = id << 8 | digest[i];
  return static_cast<int64_t>(id);
}

}  // namespace inlay
