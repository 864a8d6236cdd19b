#pragma once

#include <cstdint>
#include <inlay/detect/online.hpp>
#include <optional>

namespace inlay::detect {

/// The two-sided cumulative sum of Page, "Continuous inspection schemes" (1954), over values in
/// units of a standard deviation: alarms when the sum of (z - allowance), never below 0, or that of
/// (-z - allowance) exceeds the threshold.
///
/// Mean and standard deviation are given, or those of the first values, after an alarm again. The
/// average run length without a change is known for independent normal values of the given mean
/// and deviation alone (Siegmund, "Sequential Analysis", 1985): with b = threshold + 1.166 it is
/// (exp(2 k b) - 2 k b - 1) / (4 k^2), k the allowance.
struct INLAY_API Cusum : TestState {
  struct Parameters {
    double allowance = 0.5;      ///< half the shift to be found, in standard deviations
    double threshold = 8.0;      ///< in standard deviations
    std::optional<double> mean;  ///< in control; fitted if absent
    std::optional<double> sd;    ///< likewise
    std::int64_t warm_up = 200;  ///< values that the fit takes, from 2
  };
  static constexpr bool kBinary = false;
  static constexpr const char* kMagic = "inCU";
  static constexpr const char* kName = "a CUSUM";

  explicit Cusum(const Parameters& given);
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  bool fitted;
  RunningMean seen;      ///< of the values that the fit takes
  double squares = 0.0;  ///< sum of their squared deviations
  double mean = 0.0;
  double sd = 1.0;
  double upper = 0.0;
  double lower = 0.0;
};

extern template class Online<Cusum>;

}  // namespace inlay::detect
