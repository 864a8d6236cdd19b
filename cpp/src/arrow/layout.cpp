#include "arrow/layout.hpp"

#include <charconv>
#include <limits>

#include <inlay/error.hpp>

namespace inlay::detail {

namespace {

[[noreturn]] void throw_unknown(std::string_view format, const std::string& column) {
  throw InvalidArgument("column '" + column + "' has an unknown Arrow format: '" +
                        std::string(format) + "'");
}

std::int64_t parse_size(std::string_view digits, std::string_view format,
                        const std::string& column) {
  std::int32_t size = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, size);
  if (error != std::errc{} || stop != end || size < 0) {
    throw_unknown(format, column);
  }
  return size;
}

std::int64_t primitive_bits(char code) {
  switch (code) {
    case 'b':
      return 1;
    case 'c':
    case 'C':
      return 8;
    case 's':
    case 'S':
    case 'e':
      return 16;
    case 'i':
    case 'I':
    case 'f':
      return 32;
    case 'l':
    case 'L':
    case 'g':
      return 64;
    default:
      return 0;
  }
}

Layout fixed(std::int64_t bits) { return {LayoutKind::kFixed, 2, bits}; }

Layout decimal(std::string_view format, const std::string& column) {
  // "d:precision,scale" is 128 bits wide unless a third number says otherwise.
  const auto first = format.find(',');
  if (first == std::string_view::npos) {
    throw_unknown(format, column);
  }
  const auto second = format.find(',', first + 1);
  if (second == std::string_view::npos) {
    return fixed(128);
  }
  const auto bits = parse_size(format.substr(second + 1), format, column);
  if (bits != 32 && bits != 64 && bits != 128 && bits != 256) {
    throw_unknown(format, column);
  }
  return fixed(bits);
}

Layout temporal(std::string_view format, const std::string& column) {
  if (format == "tdD" || format == "tts" || format == "ttm" || format == "tiM") {
    return fixed(32);
  }
  if (format == "tdm" || format == "ttu" || format == "ttn" || format == "tDs" || format == "tDm" ||
      format == "tDu" || format == "tDn" || format == "tiD") {
    return fixed(64);
  }
  if (format == "tin") {
    return fixed(128);
  }
  const bool timestamp = format.size() >= 4 && format[1] == 's' && format[3] == ':' &&
                         std::string_view("smun").find(format[2]) != std::string_view::npos;
  if (!timestamp) {
    throw_unknown(format, column);
  }
  return fixed(64);
}

Layout nested(std::string_view format, const std::string& column) {
  if (format == "+l") {
    return {LayoutKind::kList32, 2, 0, 0, 1};
  }
  if (format == "+L") {
    return {LayoutKind::kList64, 2, 0, 0, 1};
  }
  if (format == "+vl" || format == "+vL") {
    return {LayoutKind::kListView, 3, 0, 0, 1};
  }
  if (format == "+s") {
    return {LayoutKind::kStruct, 1, 0, 0, -1};
  }
  if (format == "+m") {
    return {LayoutKind::kMap, 2, 0, 0, 1};
  }
  if (format == "+r") {
    return {LayoutKind::kRunEnd, 0, 0, 0, 2};
  }
  if (format.substr(0, 3) == "+w:") {
    return {LayoutKind::kFixedList, 1, 0, parse_size(format.substr(3), format, column), 1};
  }
  if (format.substr(0, 4) == "+us:") {
    return {LayoutKind::kSparseUnion, 1, 0, 0, -1};
  }
  if (format.substr(0, 4) == "+ud:") {
    return {LayoutKind::kDenseUnion, 2, 0, 0, -1};
  }
  throw_unknown(format, column);
}

}  // namespace

Layout parse_layout(std::string_view format, const std::string& column) {
  if (format.empty()) {
    throw_unknown(format, column);
  }
  if (format.size() == 1) {
    if (const auto bits = primitive_bits(format[0]); bits != 0) {
      return fixed(bits);
    }
    switch (format[0]) {
      case 'n':
        return {LayoutKind::kNull, 0};
      case 'u':
      case 'z':
        return {LayoutKind::kVarBinary32, 3};
      case 'U':
      case 'Z':
        return {LayoutKind::kVarBinary64, 3};
      default:
        throw_unknown(format, column);
    }
  }
  if (format == "vu" || format == "vz") {
    return {LayoutKind::kView, -1};
  }
  switch (format[0]) {
    case 'w':
      if (format[1] == ':') {
        return fixed(8 * parse_size(format.substr(2), format, column));
      }
      throw_unknown(format, column);
    case 'd':
      if (format[1] == ':') {
        return decimal(format, column);
      }
      throw_unknown(format, column);
    case 't':
      return temporal(format, column);
    case '+':
      return nested(format, column);
    default:
      throw_unknown(format, column);
  }
}

}  // namespace inlay::detail
