#include "scenario_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "nvml_types.hpp"

namespace fake_nvml {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 24> kSizes{{
    {"%", 1},        {"k", 1e3},      {"kB", 1e3},     {"M", 1e6},      {"MB", 1e6},
    {"G", 1e9},      {"GB", 1e9},     {"T", 1e12},     {"TB", 1e12},    {"P", 1e15},
    {"PB", 1e15},    {"B", 1},        {"Ki", 0x1p10},  {"KiB", 0x1p10}, {"Mi", 0x1p20},
    {"MiB", 0x1p20}, {"Gi", 0x1p30},  {"GiB", 0x1p30}, {"Ti", 0x1p40},  {"TiB", 0x1p40},
    {"Pi", 0x1p50},  {"PiB", 0x1p50}, {"W", 1},        {"MHz", 1},
}};

constexpr std::array<std::pair<std::string_view, double>, 6> kTimes{
    {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"m", 60}, {"h", 3600}}};

constexpr std::array<std::pair<std::string_view, int>, 13> kCodes{{
    {"uninitialized", kUninitialized},
    {"invalid_argument", kInvalidArgument},
    {"not_supported", kNotSupported},
    {"no_permission", kNoPermission},
    {"not_found", kNotFound},
    {"driver_not_loaded", kDriverNotLoaded},
    {"timeout", kTimeout},
    {"function_not_found", kFunctionNotFound},
    {"gpu_is_lost", kGpuIsLost},
    {"reset_required", kResetRequired},
    {"version_mismatch", kLibraryVersionMismatch},
    {"no_data", kNoData},
    {"unknown", kUnknown},
}};

// Thirty years: what is longer is a slip, and doubles still tell microseconds apart.
constexpr double kLongest = 1e9;

template <std::size_t Count>
double scaled(std::string_view text, std::string_view what,
              const std::array<std::pair<std::string_view, double>, Count>& suffixes) {
  double value = 0;
  const char* end = text.end();
  const auto [rest, error] = std::from_chars(text.begin(), end, value);
  const std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  bool known = suffix.empty();
  for (const auto& [name, factor] : suffixes) {
    if (name == suffix) {
      value *= factor;
      known = true;
    }
  }
  if (error != std::errc() || !known || !std::isfinite(value)) {
    throw ScenarioError("not " + std::string(what) + ": " + quoted(text));
  }
  return value;
}

}  // namespace

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Words::Words(std::string_view line) {
  std::size_t i = 0;
  while (i < line.size()) {
    const char c = line[i];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++i;
    } else if (c == '#') {
      break;
    } else if (c == '"') {
      const std::size_t end = line.find('"', i + 1);
      if (end == std::string_view::npos) {
        throw ScenarioError("a quote that does not end");
      }
      words_.emplace_back(line.substr(i + 1, end - i - 1));
      i = end + 1;
    } else {
      const std::size_t end = std::min(line.find_first_of(" \t\r#", i), line.size());
      words_.emplace_back(line.substr(i, end - i));
      i = end;
    }
  }
}

std::string Words::take(std::string_view what) {
  if (empty()) {
    throw ScenarioError("no " + std::string(what));
  }
  return words_[next_++];
}

bool Words::accept(std::string_view word) {
  if (empty() || words_[next_] != word) {
    return false;
  }
  ++next_;
  return true;
}

double Words::take_at() {
  for (std::size_t i = next_; i < words_.size(); ++i) {
    if (words_[i] == "at") {
      if (i + 1 == words_.size()) {
        throw ScenarioError("no time after \"at\"");
      }
      const double at = parse_time(words_[i + 1], "a time");
      const auto first = words_.begin() + static_cast<std::ptrdiff_t>(i);
      words_.erase(first, first + 2);
      return at;
    }
  }
  return 0;
}

void Words::finish() const {
  if (!empty()) {
    throw ScenarioError("unexpected " + quoted(words_[next_]));
  }
}

double Words::number(std::string_view what) { return parse_number(take(what), what); }
double Words::time(std::string_view what, double unit) {
  return parse_time(take(what), what, unit);
}

unsigned Words::integer(std::string_view what, unsigned lowest, unsigned highest) {
  return parse_integer(take(what), what, lowest, highest);
}

double parse_number(std::string_view text, std::string_view what) {
  return scaled(text, what, kSizes);
}

double parse_time(std::string_view text, std::string_view what, double unit) {
  const bool bare = !text.empty() && text.back() >= '0' && text.back() <= '9';
  const double seconds = scaled(text, what, kTimes) * (bare ? unit : 1);
  if (!(seconds >= 0 && seconds <= kLongest)) {
    throw ScenarioError("not " + std::string(what) + " of 0 to 1e9 seconds: " + quoted(text));
  }
  return seconds;
}

unsigned parse_integer(std::string_view text, std::string_view what, unsigned lowest,
                       unsigned highest) {
  unsigned value = 0;
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  const char* end = digits.end();
  const auto [rest, error] = std::from_chars(digits.begin(), end, value, hexadecimal ? 16 : 10);
  if (error != std::errc() || rest != end || value < lowest || value > highest) {
    throw ScenarioError("not " + std::string(what) + " of " + std::to_string(lowest) + " to " +
                        std::to_string(highest) + ": " + quoted(text));
  }
  return value;
}

int parse_code(std::string_view text) {
  for (const auto& [name, code] : kCodes) {
    if (name == text) {
      return code;
    }
  }
  return static_cast<int>(parse_integer(text, "an error's name or number", 1, kUnknown));
}

bool parse_bus_id(std::string_view text, unsigned& domain, unsigned& bus, unsigned& slot) {
  const char* next = text.begin();
  const auto take = [&](unsigned& number, unsigned highest) {
    const auto [rest, error] = std::from_chars(next, text.end(), number, 16);
    next = rest;
    return error == std::errc() && number <= highest;
  };
  const auto pass = [&](char separator) {
    const bool there = next != text.end() && *next == separator;
    next += there ? 1 : 0;
    return there;
  };
  unsigned function = 0;
  return take(domain, ~0U) && pass(':') && take(bus, 0xff) && pass(':') && take(slot, 31) &&
         (next == text.end() || (pass('.') && take(function, 0) && next == text.end()));
}

std::vector<unsigned> parse_selector(std::string_view text, unsigned count, std::string_view what) {
  std::vector<unsigned> selected;
  if (count == 0) {
    throw ScenarioError("there is no " + std::string(what) + " to select: " + quoted(text));
  }
  if (text == "*") {
    for (unsigned i = 0; i < count; ++i) {
      selected.push_back(i);
    }
    return selected;
  }
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    const std::string_view part = text.substr(start, comma - start);
    const std::size_t dots = part.find("..");
    const unsigned first = parse_integer(part.substr(0, dots), what, 0, count - 1);
    const unsigned last = dots == std::string_view::npos
                              ? first
                              : parse_integer(part.substr(dots + 2), what, first, count - 1);
    for (unsigned i = first; i <= last; ++i) {
      selected.push_back(i);
    }
    if (selected.size() > 4096) {
      throw ScenarioError("too many in " + quoted(text));
    }
    start = comma + 1;
  }
  return selected;
}

}  // namespace fake_nvml
