#include "prometheus/number_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace inlay::prometheus {
namespace {

// Enough for the longest shortest double ("-2.2250738585072014e-308" has 24 characters).
constexpr std::size_t kNumberChars = 32;

template <class Number>
void append_chars(std::string& out, Number value) {
  std::array<char, kNumberChars> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

}  // namespace

void append_number(std::string& out, std::int64_t value) { append_chars(out, value); }

void append_number(std::string& out, std::uint64_t value) { append_chars(out, value); }

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    append_chars(out, value);
  }
}

std::string edge_text(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == 0) return "0.0";
  std::array<char, kNumberChars> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::scientific);
  const std::string_view scientific(buffer.data(),
                                    static_cast<std::size_t>(result.ptr - buffer.data()));
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(std::string(scientific.substr(e + 1)).c_str());
  if (exponent < -4 || exponent >= 6) return std::string(scientific);
  const auto fixed =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  std::string text(buffer.data(), fixed.ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

void append_seconds(std::string& out, std::int64_t time_us) {
  auto rest = static_cast<std::uint64_t>(time_us);
  if (time_us < 0) {
    out += '-';
    rest = 0 - rest;
  }
  append_number(out, rest / 1'000'000);
  rest %= 1'000'000;
  std::array<char, 6> digits;
  for (std::size_t i = digits.size(); i-- > 0; rest /= 10) {
    digits[i] = static_cast<char>('0' + rest % 10);
  }
  std::size_t kept = digits.size();
  while (kept > 1 && digits[kept - 1] == '0') --kept;
  out += '.';
  out.append(digits.data(), kept);
}

}  // namespace inlay::prometheus
