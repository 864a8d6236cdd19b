#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inlay::prometheus {

/// What a metric is for Prometheus.
enum class Kind : std::uint8_t { kCounter = 0, kGauge = 1, kHistogram = 2 };

/// The word Prometheus uses for a kind.
std::string_view kind_text(Kind kind);

/// A metric's names in the exposition.
struct ExposedName {
  std::string family;  ///< without the `_total` of a counter, as OpenMetrics names families
  std::string unit;    ///< the word for the unit that `family` ends with, or empty
};

/// Maps a metric to its Prometheus name as OpenTelemetry's compatibility rules say: every character
/// outside [a-zA-Z0-9_:] becomes one underscore, the unit is spelled out and appended unless the
/// name has it already, a gauge of unit 1 is a ratio, `total` is left to the sample name.
ExposedName exposed_name(std::string_view metric, std::string_view unit, Kind kind);

/// Maps an attribute key to a label name: characters outside [a-zA-Z0-9_] become underscores, and
/// leading double underscores, which Prometheus keeps for itself, become one.
std::string label_name(std::string_view key);

/// A set of labels in the one form all encoders read: for each label the name and the value, each
/// preceded by its length as four little-endian bytes. Values are valid UTF-8.
class LabelSet {
 public:
  LabelSet() = default;
  explicit LabelSet(std::string bytes) : bytes_(std::move(bytes)) {}

  /// Reads a flat JSON object of strings. Keys that map to one label name are joined by ';' in the
  /// order of their keys; `reserved` is a name the exposition needs for itself (`le`), which
  /// becomes `exported_<name>`.
  /// @throws InvalidArgument if the text is no such object.
  static LabelSet from_json(std::string_view json, std::string_view reserved);

  /// Whether the bytes are well formed, and if `ordered` the names strictly ascending: for bytes
  /// from a file.
  static bool valid(std::string_view bytes, bool ordered);

  void add(std::string_view name, std::string_view value);
  const std::string& bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

  /// Calls `visit(name, value)` for each label.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::string_view rest = bytes_;
    while (!rest.empty()) {
      const std::string_view name = take(rest);
      visit(name, take(rest));
    }
  }

  bool operator==(const LabelSet& other) const { return bytes_ == other.bytes_; }

 private:
  static std::string_view take(std::string_view& rest);
  std::string bytes_;
};

/// Parses a flat JSON object of strings into pairs in the order of the text.
/// @throws InvalidArgument if the text is no such object.
std::vector<std::pair<std::string, std::string>> parse_flat_json(std::string_view json);

/// Appends a label value with `\`, `"` and line feeds escaped.
void append_escaped(std::string& out, std::string_view value);

/// Appends a help text; OpenMetrics escapes quotes too.
void append_help(std::string& out, std::string_view help, bool open_metrics);

/// The text with every ill-formed UTF-8 sequence replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace inlay::prometheus
