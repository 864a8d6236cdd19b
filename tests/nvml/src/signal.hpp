/// A quantity over time, put together from pieces: held, ramps, growth, waves.

#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace fake_nvml {

enum class Shape : std::uint8_t { kHold, kRamp, kRate, kWave, kSquare };

/// One line of a scenario about one signal.
struct Change {
  double at = 0;
  Shape shape = Shape::kHold;
  double a = 0;
  double b = 0;
  double duration = 0;  // of a ramp, or the period of a wave
  bool add = false;     // `a` on top of what it is then
  double until = std::numeric_limits<double>::infinity();
};

/// Not thread-safe while it is built; afterwards it only answers.
class Signal {
 public:
  Signal() = default;
  explicit Signal(double value) : Signal() { base_ = value; }

  /// Takes changes in any order; `build` sorts them by time, equal times as given.
  void change(const Change& change) { changes_.push_back(change); }
  void build();

  /// What it is at `t` seconds; NaN: there is no such thing on this device.
  double value(double t) const;
  /// The sum of it over [0, t], of a quantity per second.
  double total(double t) const;
  /// The mean over [from, to].
  double mean(double from, double to) const;

  bool absent() const;
  void set_base(double value) { base_ = value; }
  double base() const { return base_; }
  void set_refresh(double seconds) { refresh_ = seconds; }
  void set_jitter(double amount, std::uint64_t seed) {
    jitter_ = amount;
    seed_ = seed;
  }
  void set_modulus(double modulus) { modulus_ = modulus; }
  void set_ceiling(double ceiling) { ceiling_ = ceiling; }

  /// As a counter shows it: what is past the modulus wraps, past the ceiling stays there.
  std::uint64_t counted(double amount) const;

 private:
  struct Piece {
    double start;
    double origin;  // where its shape begins; not its start once something else lay over it
    Shape shape;
    double a;
    double b;
    double duration;
    double before = 0;  // the integral up to `start`

    double value(double t) const;
    double integral(double from, double to) const;
    double primitive(double since_origin) const;
  };

  const Piece& piece(double t) const;
  double refreshed(double t) const;
  double integral_to(double t) const;

  double base_ = 0;
  double refresh_ = 0;
  double jitter_ = 0;
  double modulus_ = 0;
  double ceiling_ = 0;
  std::uint64_t seed_ = 0;
  std::vector<Change> changes_;
  std::vector<Piece> pieces_;
};

/// A number in [0, 1) that is the same for the same arguments.
double hashed_unit(std::uint64_t seed, std::uint64_t a, std::uint64_t b);

}  // namespace fake_nvml
