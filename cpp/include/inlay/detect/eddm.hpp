#pragma once

#include <cstdint>
#include <inlay/detect/online.hpp>

namespace inlay::detect {

/// The early drift detection method of Baena-García et al., "Early drift detection method" (2006):
/// alarms when the distance between errors, mean plus two standard deviations, falls to a fraction
/// of its largest. Values are 1 for an error and 0. Alarms and warns where river 0.26's EDDM does.
struct INLAY_API Eddm : TestState {
  struct Parameters {
    std::int64_t warm_start = 30;
    double alpha = 0.95;  ///< of the warning
    double beta = 0.9;    ///< of the alarm, at most alpha
  };
  static constexpr bool kBinary = true;
  static constexpr const char* kMagic = "inED";
  static constexpr const char* kName = "an EDDM";

  explicit Eddm(const Parameters& given) : parameters(given) {}
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  std::int64_t n = 0;
  std::int64_t last_error = 0;
  RunningMean distance;  ///< its n is the number of errors
  double squares = 0.0;  ///< sum of squared deviations of the distances
  double largest = -1.0;
};

extern template class Online<Eddm>;

}  // namespace inlay::detect
