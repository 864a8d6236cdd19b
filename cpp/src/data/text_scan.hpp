#pragma once

#include <cstdint>
#include <inlay/data/column_profile.hpp>
#include <string>
#include <string_view>

#include "utf8.hpp"

namespace inlay::detail {

/// The number of code points, -1 if the text is no UTF-8.
std::int64_t code_points(std::string_view text) noexcept;

/// The smallest and the largest of some texts, as ColumnProfile::Extreme orders them.
class TextExtremes {
 public:
  void add(std::string_view text) noexcept {
    const std::uint64_t key = key_of(text);
    if (!any_) {
      min_ = max_ = text;
      min_key_ = max_key_ = key;
      any_ = true;
      return;
    }
    if (key <= min_key_ && (key < min_key_ || less(text, min_))) {
      min_ = text;
      min_key_ = key;
    }
    if (key >= max_key_ && (key > max_key_ || less(max_, text))) {
      max_ = text;
      max_key_ = key;
    }
  }
  bool any() const noexcept { return any_; }
  ColumnProfile::Extreme min() const { return cut(min_); }
  ColumnProfile::Extreme max() const { return cut(max_); }

 private:
  static constexpr std::size_t kKept = ColumnProfile::kExtremeText;

  /// The first bytes as a number that orders as they do; what decides nearly always.
  static std::uint64_t key_of(std::string_view text) noexcept;
  static bool less(std::string_view a, std::string_view b) noexcept {
    const int order = a.substr(0, kKept).compare(b.substr(0, kKept));
    return order != 0 ? order < 0 : (a.size() > kKept) < (b.size() > kKept);
  }
  static ColumnProfile::Extreme cut(std::string_view text) {
    return {std::string(text.substr(0, kKept)), text.size() > kKept};
  }

  bool any_ = false;
  std::string_view min_;
  std::string_view max_;
  std::uint64_t min_key_ = 0;
  std::uint64_t max_key_ = 0;
};

/// Under what a text of more than ColumnProfile::kLongText bytes is counted as a frequent one.
std::string long_text_name(std::string_view text);

}  // namespace inlay::detail
