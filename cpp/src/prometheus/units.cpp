#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "prometheus/names.hpp"

namespace inlay::prometheus {
namespace {

using Word = std::pair<std::string_view, std::string_view>;

// UCUM codes that OpenTelemetry's rules spell out, and the plural Prometheus wants.
constexpr std::array kUnits = {
    Word{"d", "days"},         Word{"h", "hours"},         Word{"min", "minutes"},
    Word{"s", "seconds"},      Word{"ms", "milliseconds"}, Word{"us", "microseconds"},
    Word{"ns", "nanoseconds"}, Word{"By", "bytes"},        Word{"KiBy", "kibibytes"},
    Word{"MiBy", "mebibytes"}, Word{"GiBy", "gibibytes"},  Word{"TiBy", "tebibytes"},
    Word{"KBy", "kilobytes"},  Word{"kBy", "kilobytes"},   Word{"MBy", "megabytes"},
    Word{"GBy", "gigabytes"},  Word{"TBy", "terabytes"},   Word{"m", "meters"},
    Word{"V", "volts"},        Word{"A", "amperes"},       Word{"J", "joules"},
    Word{"W", "watts"},        Word{"g", "grams"},         Word{"Cel", "celsius"},
    Word{"Hz", "hertz"},       Word{"%", "percent"},
};

// After a slash: one of them.
constexpr std::array kPerUnits = {
    Word{"s", "second"}, Word{"min", "minute"}, Word{"m", "minute"}, Word{"h", "hour"},
    Word{"d", "day"},    Word{"w", "week"},     Word{"mo", "month"}, Word{"y", "year"},
};

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Replaces what a name may not hold by single underscores, none at the ends.
std::string cleaned(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == ':') {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

template <class Words>
std::string spelled(std::string_view code, const Words& words) {
  for (const auto& [key, word] : words) {
    if (key == code) return std::string(word);
  }
  return cleaned(code);
}

/// Drops annotations such as {request}, which name what is counted and are no unit.
std::string without_annotations(std::string_view unit) {
  std::string out;
  int depth = 0;
  for (const char c : unit) {
    if (c == '{') {
      ++depth;
    } else if (c == '}') {
      if (depth > 0) --depth;
    } else if (depth == 0 && c != ' ') {
      out += c;
    }
  }
  return out;
}

std::string unit_words(std::string_view raw, Kind kind) {
  const std::string unit = without_annotations(raw);
  if (unit == "1") return kind == Kind::kGauge ? "ratio" : "";
  const std::size_t slash = unit.find('/');
  std::string words;
  const std::string_view above = std::string_view(unit).substr(0, slash);
  if (above != "1") words = spelled(above, kUnits);
  if (slash != std::string::npos) {
    const std::string below = spelled(std::string_view(unit).substr(slash + 1), kPerUnits);
    if (!below.empty()) words += words.empty() ? "per_" + below : "_per_" + below;
  }
  return words;
}

bool ends_with_word(std::string_view name, std::string_view word) {
  if (name.size() <= word.size()) return name == word;
  return name.substr(name.size() - word.size()) == word &&
         name[name.size() - word.size() - 1] == '_';
}

void drop_last_word(std::string& name, std::string_view word) {
  while (name.size() > word.size() && ends_with_word(name, word)) {
    name.resize(name.size() - word.size() - 1);
  }
}

}  // namespace

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
      return "gauge";
    case Kind::kHistogram:
      return "histogram";
  }
  return "unknown";
}

ExposedName exposed_name(std::string_view metric, std::string_view unit, Kind kind) {
  ExposedName name;
  name.family = cleaned(metric);
  if (name.family.empty()) name.family = "unnamed";
  if (name.family.front() >= '0' && name.family.front() <= '9') name.family.insert(0, 1, '_');
  // The sample name of a counter ends in _total, after the unit; a family may not.
  if (kind == Kind::kCounter) drop_last_word(name.family, "total");
  name.unit = unit_words(unit, kind);
  if (!name.unit.empty() && !ends_with_word(name.family, name.unit)) {
    name.family += '_';
    name.family += name.unit;
  }
  return name;
}

}  // namespace inlay::prometheus
