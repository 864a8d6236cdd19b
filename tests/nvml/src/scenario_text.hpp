/// Words, numbers and times of a scenario's lines.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fake_nvml {

struct ScenarioError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One line's words, taken from the left.
class Words {
 public:
  /// Splits at blanks; "double quotes" hold blanks together, `#` begins a comment.
  explicit Words(std::string_view line);

  bool empty() const { return next_ == words_.size(); }
  /// Throws where nothing is left; `what` names what was looked for.
  std::string take(std::string_view what);
  /// Takes the word if it is next.
  bool accept(std::string_view word);
  const std::string* peek() const { return empty() ? nullptr : &words_[next_]; }
  /// Takes out `at TIME`, wherever it stands; 0 without.
  double take_at();
  void finish() const;

  double number(std::string_view what);
  /// A bare number is in `unit` seconds.
  double time(std::string_view what, double unit = 1);
  unsigned integer(std::string_view what, unsigned lowest, unsigned highest);

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

/// A finite number, perhaps with % or a suffix of size (k M G T P, Ki Mi Gi Ti Pi, with or without
/// B).
double parse_number(std::string_view text, std::string_view what);
/// Seconds of "10s", "50ms", "20us", "3ns", "2m", "1h"; a bare number is in `unit` seconds.
double parse_time(std::string_view text, std::string_view what, double unit = 1);
unsigned parse_integer(std::string_view text, std::string_view what, unsigned lowest,
                       unsigned highest);
/// A number or a name such as "no_permission".
int parse_code(std::string_view text);
/// "3", "0..7", "0,2,5", "*" below `count`.
std::vector<unsigned> parse_selector(std::string_view text, unsigned count, std::string_view what);

/// Domain, bus and slot of "0000:1b:00.0", the function left out or 0.
bool parse_bus_id(std::string_view text, unsigned& domain, unsigned& bus, unsigned& slot);

std::string quoted(std::string_view text);

}  // namespace fake_nvml
