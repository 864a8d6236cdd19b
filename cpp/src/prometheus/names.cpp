#include "prometheus/names.hpp"

#include <algorithm>
#include <cstring>
#include <inlay/error.hpp>

namespace inlay::prometheus {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void append_length(std::string& out, std::size_t size) {
  for (std::size_t i = 0; i < kLengthBytes; ++i) out += static_cast<char>((size >> (8 * i)) & 0xFF);
}

/// Length of the well-formed UTF-8 sequence at the start of `text`, or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint32_t code = 0;
  std::uint32_t smallest = 0;
  if ((lead & 0xE0U) == 0xC0U) {
    length = 2, code = lead & 0x1FU, smallest = 0x80;
  } else if ((lead & 0xF0U) == 0xE0U) {
    length = 3, code = lead & 0x0FU, smallest = 0x800;
  } else if ((lead & 0xF8U) == 0xF0U) {
    length = 4, code = lead & 0x07U, smallest = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < smallest || code > 0x10FFFF || surrogate ? 0 : length;
}

void append_code_point(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12));
    out += static_cast<char>(0x80U | ((code >> 6) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (code >> 18));
    out += static_cast<char>(0x80U | ((code >> 12) & 0x3FU));
    out += static_cast<char>(0x80U | ((code >> 6) & 0x3FU));
    out += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

/// A cursor over a flat JSON object. Used by one thread, as long as the text lives.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text), rest_(text) {}

  std::vector<std::pair<std::string, std::string>> read() {
    std::vector<std::pair<std::string, std::string>> pairs;
    expect('{');
    skip_space();
    if (accept('}')) return finish(std::move(pairs));
    do {
      std::string key = string();
      expect(':');
      pairs.emplace_back(std::move(key), string());
      skip_space();
    } while (accept(','));
    expect('}');
    return finish(std::move(pairs));
  }

 private:
  [[noreturn]] void refuse() const {
    detail::fail<InvalidArgument>("attributes must be a flat JSON object of strings", text_);
  }
  std::vector<std::pair<std::string, std::string>> finish(
      std::vector<std::pair<std::string, std::string>> pairs) {
    skip_space();
    if (!rest_.empty()) refuse();
    return pairs;
  }
  void skip_space() {
    while (!rest_.empty() &&
           (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t' || rest_[0] == '\r')) {
      rest_.remove_prefix(1);
    }
  }
  bool accept(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    skip_space();
    if (!accept(c)) refuse();
  }
  std::uint32_t hex4() {
    if (rest_.size() < 4) refuse();
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const char c = rest_[i];
      code <<= 4;
      if (c >= '0' && c <= '9') {
        code |= static_cast<std::uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        code |= static_cast<std::uint32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        code |= static_cast<std::uint32_t>(c - 'A' + 10);
      } else {
        refuse();
      }
    }
    rest_.remove_prefix(4);
    return code;
  }
  void escape(std::string& out) {
    if (rest_.empty()) refuse();
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        refuse();
    }
    std::uint32_t code = hex4();
    if (code >= 0xD800 && code <= 0xDBFF && rest_.substr(0, 2) == "\\u") {
      const std::string_view before = rest_;
      rest_.remove_prefix(2);
      const std::uint32_t low = hex4();
      if (low >= 0xDC00 && low <= 0xDFFF) {
        append_code_point(out, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
        return;
      }
      rest_ = before;
    }
    // A lone surrogate has no UTF-8 form.
    if (code >= 0xD800 && code <= 0xDFFF) code = 0xFFFD;
    append_code_point(out, code);
  }
  std::string string() {
    expect('"');
    std::string out;
    for (;;) {
      const std::size_t plain = rest_.find_first_of("\"\\");
      if (plain == std::string_view::npos) refuse();
      out += rest_.substr(0, plain);
      const char c = rest_[plain];
      rest_.remove_prefix(plain + 1);
      if (c == '"') return to_valid_utf8(out);
      escape(out);
    }
  }

  std::string_view text_;
  std::string_view rest_;
};

}  // namespace

std::string label_name(std::string_view key) {
  std::string out;
  for (const char c : key) out += is_label_char(c) ? c : '_';
  if (out.empty()) out = "_";
  const std::size_t underscores = out.find_first_not_of('_');
  if (underscores == std::string::npos) return "_";
  if (underscores > 1) out.erase(0, underscores - 1);
  if (out.front() >= '0' && out.front() <= '9') out.insert(0, 1, '_');
  return out;
}

std::string_view LabelSet::take(std::string_view& rest) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    size |= static_cast<std::size_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
  }
  const std::string_view item = rest.substr(kLengthBytes, size);
  rest.remove_prefix(kLengthBytes + size);
  return item;
}

void LabelSet::add(std::string_view name, std::string_view value) {
  append_length(bytes_, name.size());
  bytes_ += name;
  append_length(bytes_, value.size());
  bytes_ += value;
}

bool LabelSet::valid(std::string_view bytes, bool ordered) {
  std::string_view previous;
  while (!bytes.empty()) {
    for (int part = 0; part < 2; ++part) {
      if (bytes.size() < kLengthBytes) return false;
      std::size_t size = 0;
      for (std::size_t i = 0; i < kLengthBytes; ++i) {
        size |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
      }
      bytes.remove_prefix(kLengthBytes);
      if (bytes.size() < size) return false;
      std::string_view text = bytes.substr(0, size);
      if (part == 0) {
        if (label_name(text) != text || (ordered && !(previous < text))) return false;
        previous = text;
      }
      while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
      }
      bytes.remove_prefix(size);
    }
  }
  return true;
}

LabelSet LabelSet::from_json(std::string_view json, std::string_view reserved) {
  auto pairs = parse_flat_json(json);
  std::sort(pairs.begin(), pairs.end());
  std::vector<std::pair<std::string, std::string>> labels;
  for (auto& [key, value] : pairs) {
    std::string name = label_name(key);
    if (name == reserved) name = "exported_" + name;
    const auto same = std::find_if(labels.begin(), labels.end(),
                                   [&](const auto& label) { return label.first == name; });
    if (same == labels.end()) {
      labels.emplace_back(std::move(name), std::move(value));
    } else {
      same->second += ';';
      same->second += value;
    }
  }
  std::sort(labels.begin(), labels.end());
  LabelSet set;
  for (const auto& [name, value] : labels) set.add(name, value);
  return set;
}

std::vector<std::pair<std::string, std::string>> parse_flat_json(std::string_view json) {
  return JsonReader(json).read();
}

void append_escaped(std::string& out, std::string_view value) {
  for (;;) {
    const std::size_t plain = value.find_first_of("\\\"\n");
    out += value.substr(0, plain);
    if (plain == std::string_view::npos) return;
    out += '\\';
    out += value[plain] == '\n' ? 'n' : value[plain];
    value.remove_prefix(plain + 1);
  }
}

void append_help(std::string& out, std::string_view help, bool open_metrics) {
  for (const char c : help) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (c == '"' && open_metrics)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace inlay::prometheus
