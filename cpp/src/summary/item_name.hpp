#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace inlay::detail {

/// The name under which an item is counted, as Categories describes it. Numbers are written into
/// memory of its own, so it must outlive the name. One thread at a time.
class ItemName {
 public:
  std::string_view of(std::string_view text) noexcept { return text; }
  std::string_view of(std::int64_t value) noexcept;
  std::string_view of(std::uint64_t value) noexcept;
  /// Not NaN.
  std::string_view of(double value) noexcept;
  std::string_view of(bool value) noexcept { return value ? "True" : "False"; }

 private:
  char text_[32];
};

/// Whether a double is named as an integer.
inline bool is_named_whole(double value) noexcept {
  constexpr double kBeyond = 1e16;
  return value > -kBeyond && value < kBeyond &&
         value == static_cast<double>(static_cast<std::int64_t>(value));
}

}  // namespace inlay::detail
