#pragma once

#include <cstdint>
#include <inlay/detect/online.hpp>

namespace inlay::detect {

/// The A-test of Frías-Blanco et al., "Online and non-parametric drift detection methods based on
/// Hoeffding's bounds" (2014): compares the error rate with that before the cut at which its bound
/// was best. Values are 1 for an error and 0. Alarms and warns where river 0.26's HDDMA does.
struct INLAY_API HddmA : TestState {
  struct Parameters {
    double drift_confidence = 0.001;
    double warning_confidence = 0.005;
    bool two_sided = false;  ///< whether falling rates alarm as well
  };
  static constexpr bool kBinary = true;
  static constexpr const char* kMagic = "inHA";
  static constexpr const char* kName = "an HDDM_A";

  explicit HddmA(const Parameters& given);
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  RunningMean all;
  RunningMean low;   ///< up to the cut for increases
  RunningMean high;  ///< up to the cut for decreases

 private:
  double bound(double n) const noexcept;
  double allowed(const RunningMean& before, double log_confidence) const noexcept;

  // Logarithms of the parameters.
  double log_cut_;
  double log_drift_;
  double log_warning_;
};

extern template class Online<HddmA>;

}  // namespace inlay::detect
