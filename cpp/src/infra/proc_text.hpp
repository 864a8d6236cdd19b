#pragma once

/// Reads the texts of procfs and sysfs. They are not trusted: nothing here allocates, throws or
/// reads beyond the text.

#include <charconv>
#include <cstdint>
#include <string_view>

#include <inlay/infra/readings.hpp>

namespace inlay::infra::detail {

inline bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0' || c == '\v' || c == '\f';
}

/// The text without blanks around it.
inline std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Whether the whole text is one number that fits.
template <class Integer>
bool to_number(std::string_view text, Integer& value) noexcept {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && !text.empty();
}

/// Hands out the lines of a text.
class Lines {
 public:
  explicit Lines(std::string_view text) noexcept : rest_(text) {}

  bool next(std::string_view& line) noexcept {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return true;
  }

 private:
  std::string_view rest_;
};

/// Hands out the words of a line.
class Words {
 public:
  explicit Words(std::string_view line) noexcept : rest_(line) {}

  bool next(std::string_view& word) noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    if (rest_.empty()) return false;
    std::size_t size = 1;
    while (size < rest_.size() && !is_blank(rest_[size])) ++size;
    word = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  /// Whether the next word is a number.
  bool number(std::uint64_t& value) noexcept {
    std::string_view word;
    return next(word) && to_number(word, value);
  }

  /// How many of the next words are numbers, at most `size`; `values` gets them.
  std::size_t numbers(std::uint64_t* values, std::size_t size) noexcept {
    std::size_t read = 0;
    while (read < size && number(values[read])) ++read;
    return read;
  }

 private:
  std::string_view rest_;
};

/// Why a file that shall hold one number holds none. Drivers write "N/A (no PMA)", resctrl writes
/// "Unavailable" and "Error".
inline Status why_no_number(std::string_view text) noexcept {
  if (text.substr(0, 3) == "N/A") return Status::kUnsupported;
  if (text.substr(0, 11) == "Unavailable") return Status::kUndefined;
  return Status::kError;
}

/// Reads a file of one number, or says why it has none.
inline Status number_in(std::string_view text, std::uint64_t& value) noexcept {
  text = trimmed(text);
  if (to_number(text, value)) return Status::kOk;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 2, end, value, 16);
    if (error == std::errc() && stop == end) return Status::kOk;
  }
  return why_no_number(text);
}

/// The same where a number may be negative, as temperatures are.
inline Status signed_number_in(std::string_view text, std::int64_t& value) noexcept {
  text = trimmed(text);
  return to_number(text, value) ? Status::kOk : why_no_number(text);
}

/// The value of the line "<key> <number>…" or "<key>: <number> …", as in meminfo and cpu.stat.
/// Returns false for a line that is none.
inline bool keyed_number(std::string_view line, std::string_view& key,
                         std::uint64_t& value) noexcept {
  Words words(line);
  if (!words.next(key) || !words.number(value)) return false;
  if (key.back() == ':') key.remove_suffix(1);
  return !key.empty();
}

}  // namespace inlay::infra::detail
