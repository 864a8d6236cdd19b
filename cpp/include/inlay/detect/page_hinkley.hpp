#pragma once

#include <cstdint>
#include <inlay/detect/online.hpp>
#include <limits>

namespace inlay::detect {

/// The Page-Hinkley test (Page, "Continuous inspection schemes", 1954): sums deviations from the
/// running mean, and alarms when the sum is far from its lowest or highest point.
///
/// Alarms where river 0.26's PageHinkley does, also on streams without change: the threshold is in
/// units of the values and bounds no false-alarm rate.
struct INLAY_API PageHinkley : TestState {
  enum class Mode : std::uint8_t { kUp, kDown, kBoth };
  struct Parameters {
    std::int64_t min_instances = 30;  ///< values before the first alarm
    double delta = 0.005;             ///< deviations that are tolerated
    double threshold = 50.0;
    double alpha = 1 - 0.0001;  ///< how much of the sum is kept from value to value
    Mode mode = Mode::kBoth;    ///< which changes of the mean count
  };
  static constexpr bool kBinary = false;
  static constexpr const char* kMagic = "inPH";
  static constexpr const char* kName = "a PageHinkley";

  explicit PageHinkley(const Parameters& given) : parameters(given) {}
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  RunningMean mean;
  double increase = 0.0;
  double decrease = 0.0;
  double least_increase = std::numeric_limits<double>::infinity();
  double largest_decrease = -1.0;  // as river starts
};

extern template class Online<PageHinkley>;

}  // namespace inlay::detect
