#pragma once

#include <cstdint>
#include <inlay/detect/online.hpp>
#include <limits>

namespace inlay::detect {

/// The drift detection method of Gama, Medas, Castillo and Rodrigues, "Learning with drift
/// detection" (2004): alarms when a classifier's error rate rises standard deviations above its
/// lowest. Values are 1 for an error and 0. Alarms and warns where river 0.26's DDM does.
struct INLAY_API Ddm : TestState {
  struct Parameters {
    std::int64_t warm_start = 30;
    double warning_threshold = 2.0;  ///< in standard deviations
    double drift_threshold = 3.0;
  };
  static constexpr bool kBinary = true;
  static constexpr const char* kMagic = "inDD";
  static constexpr const char* kName = "a DDM";

  explicit Ddm(const Parameters& given) : parameters(given) {}
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  RunningMean rate;
  double least_rate = 0.0;
  double least_sd = 0.0;
  double least_sum = std::numeric_limits<double>::infinity();
};

extern template class Online<Ddm>;

}  // namespace inlay::detect
