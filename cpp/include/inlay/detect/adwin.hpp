#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <inlay/detect/online.hpp>
#include <vector>

namespace inlay::detect {

/// Adaptive windowing of Bifet and Gavaldà, "Learning from time-changing data with adaptive
/// windowing" (2007): keeps a window whose mean did not change, as sums over buckets of 2^i values,
/// and alarms when two parts of it differ in mean by more than chance allows.
///
/// Alarms where river 0.26's ADWIN does: same buckets, same bound, same order of operations. The
/// bound's false-alarm rate is an approximation for bounded values, not a guarantee.
struct INLAY_API Adwin : TestState {
  struct Parameters {
    double delta = 0.002;                ///< significance of a cut, above 0 and below 1
    std::int64_t clock = 32;             ///< values between looks for a cut, from 1
    std::int64_t max_buckets = 5;        ///< of each size, 2 to 255
    std::int64_t min_window_length = 5;  ///< of either side of a cut, from 0
    std::int64_t grace_period = 10;      ///< no look before there are more values than this
  };
  static constexpr bool kBinary = false;
  static constexpr const char* kMagic = "inAW";
  static constexpr const char* kName = "an ADWIN";
  /// Buckets of up to 2^47 values; in a window longer yet the oldest ones are dropped.
  static constexpr std::size_t kRows = 48;

  explicit Adwin(const Parameters& given);
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + (totals.capacity() + variances.capacity()) * sizeof(double);
  }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  double width = 0.0;     ///< values in the window
  double total = 0.0;     ///< their sum
  double variance = 0.0;  ///< sum of squared deviations from their mean
  std::int64_t until_look;
  std::size_t rows = 0;  ///< sizes of buckets in use
  std::size_t stride;    ///< of a row in totals and variances
  std::array<std::uint16_t, kRows> sizes{};
  std::vector<double> totals;     ///< of the buckets, a row for each size, oldest first
  std::vector<double> variances;  ///< likewise

 private:
  void merge_buckets() noexcept;
  void drop_oldest() noexcept;
  bool has_cut() const noexcept;
};

extern template class Online<Adwin>;

}  // namespace inlay::detect
