#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/detect/online.hpp>
#include <vector>

namespace inlay::detect {

/// The fast Hoeffding drift detection method of Pesaranghader and Viktor, "Fast Hoeffding drift
/// detection method for evolving data streams" (2016): alarms when the mean of a sliding window
/// falls below its largest by Hoeffding's bound. It watches for falls, so values are 1 for a right
/// prediction and 0 for an error. Alarms where river 0.26's FHDDM does; the short window makes it
/// the stacking form.
struct INLAY_API Fhddm : TestState {
  struct Parameters {
    std::int64_t window_size = 100;      ///< 1 to 2^20
    double confidence = 0.000001;        ///< probability that the bound leaves for chance
    std::int64_t short_window_size = 0;  ///< 0: none; at most window_size
  };
  static constexpr bool kBinary = true;
  static constexpr const char* kMagic = "inFH";
  static constexpr const char* kName = "an FHDDM";
  static constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;

  explicit Fhddm(const Parameters& given);
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + ring.capacity(); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  std::vector<std::uint8_t> ring;  ///< the last values, one a byte
  std::size_t next = 0;            ///< where the next one goes
  std::size_t held = 0;
  std::int64_t ones = 0;
  std::int64_t short_ones = 0;
  std::int64_t most_ones = 0;
  std::int64_t most_short_ones = 0;

 private:
  std::size_t back(std::size_t by) const noexcept {
    return next >= by ? next - by : next + ring.size() - by;
  }

  double bound_;
  double short_bound_;
};

extern template class Online<Fhddm>;

}  // namespace inlay::detect
