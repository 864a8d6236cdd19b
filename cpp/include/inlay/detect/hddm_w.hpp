#pragma once

#include <cstdint>
#include <inlay/detect/online.hpp>
#include <limits>

namespace inlay::detect {

/// The W-test of Frías-Blanco et al., "Online and non-parametric drift detection methods based on
/// Hoeffding's bounds" (2014): as HddmA, over exponentially weighted means with McDiarmid's bound.
/// Values are 1 for an error and 0. Alarms and warns where river 0.26's HDDMW does.
struct INLAY_API HddmW : TestState {
  struct Parameters {
    double drift_confidence = 0.001;
    double warning_confidence = 0.005;
    double lambda = 0.05;    ///< weight of the newest value, 0 to 1
    bool two_sided = false;  ///< whether falling rates alarm as well
  };
  static constexpr bool kBinary = true;
  static constexpr const char* kMagic = "inHW";
  static constexpr const char* kName = "an HDDM_W";

  /// A weighted mean and the sum of its squared weights.
  struct Weighted {
    double mean = 0.0;
    double bound = 1.0;
    bool any = false;
  };

  explicit HddmW(const Parameters& given);
  static void check(const Parameters& given);
  void restart() noexcept;
  void step(double value) noexcept;
  Undefined undefined() const noexcept;
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }
  void write(detail::ByteWriter& out) const;
  static Parameters read_parameters(detail::ByteReader& in);
  void read(detail::ByteReader& in);

  Parameters parameters;
  Weighted all;
  Weighted before_rise, after_rise;
  Weighted before_fall, after_fall;
  double rise_cut = std::numeric_limits<double>::infinity();
  double fall_cut = -std::numeric_limits<double>::infinity();

 private:
  void add(Weighted& to, double value) const noexcept;
  static bool exceeds(const Weighted& low, const Weighted& high, double log_confidence) noexcept;

  // Of the parameters.
  double square_;
  double square_of_rest_;
  double log_drift_;
  double log_warning_;
};

extern template class Online<HddmW>;

}  // namespace inlay::detect
