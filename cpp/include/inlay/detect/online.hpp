#pragma once

#include <cstddef>
#include <cstdint>
#include <inlay/export.hpp>
#include <vector>

namespace inlay {

namespace detail {
class ByteReader;
class ByteWriter;
}  // namespace detail

namespace detect {

/// Whether a detector has an answer, and why not.
enum class Undefined : std::uint8_t {
  kDefined,
  kInsufficient,  ///< fewer values than it needs since it began or last alarmed
  kConstant,      ///< no spread to measure the values by
  kOverflow,      ///< values so large that a sum left the range of doubles
};

/// A detector of changes in a stream of numbers, one value at a time.
///
/// `Test` is the rule: Adwin, PageHinkley, Cusum, Ddm, Eddm, HddmA, HddmW, Fhddm or Kswin. After an
/// alarm the rule starts anew with the next value, and knows nothing of what was before.
///
/// NaN and infinities, for a rule over errors also all but 0 and 1, change nothing and are counted
/// in ignored_count(). However the values are cut into batches, the state is the same bit for bit.
///
/// Not safe for concurrent use of one object when any of the uses changes it.
template <class Test>
class INLAY_API Online {
 public:
  using Parameters = typename Test::Parameters;

  /// @throws InvalidArgument if a parameter is out of range.
  explicit Online(const Parameters& parameters = Parameters());

  /// Shows one value and returns whether it raised an alarm.
  bool update(double value) noexcept;
  /// Shows values up to the first one that raises an alarm or begins a warning, and returns how
  /// many those were: `size` if there is none, or if the last one does.
  std::size_t update(const double* values, std::size_t size) noexcept;
  /// Whether the rule can use the value.
  static bool takes(double value) noexcept;
  /// Returns to the state it was made in.
  void reset() noexcept;

  /// Whether the last value raised an alarm.
  bool drift_detected() const noexcept { return test_.drift; }
  /// Whether the stream is in the warning zone; never so for rules without one.
  bool warning_detected() const noexcept { return test_.warning; }
  Undefined undefined() const noexcept { return test_.undefined(); }

  /// Values taken since the object was made or reset.
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t ignored_count() const noexcept { return ignored_count_; }
  std::uint64_t drift_count() const noexcept { return drift_count_; }
  /// Number of times a warning began.
  std::uint64_t warning_count() const noexcept { return warning_count_; }

  const Parameters& parameters() const noexcept { return test_.parameters; }
  const Test& test() const noexcept { return test_; }
  /// Object plus what it allocated, in bytes.
  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(Test) + test_.memory_bytes();
  }

  /// Equal states give equal bytes.
  std::vector<std::uint8_t> to_bytes() const;
  /// @throws SerializationError if the bytes are not what some to_bytes() returned, or newer.
  static Online from_bytes(const std::uint8_t* bytes, std::size_t size);

  /// Equal parameters, counts and all later alarms.
  friend bool operator==(const Online& a, const Online& b) { return a.to_bytes() == b.to_bytes(); }
  friend bool operator!=(const Online& a, const Online& b) { return !(a == b); }

 private:
  Test test_;
  std::uint64_t count_ = 0;
  std::uint64_t ignored_count_ = 0;
  std::uint64_t drift_count_ = 0;
  std::uint64_t warning_count_ = 0;
};

/// What every rule holds for Online.
struct TestState {
  bool drift = false;
  bool warning = false;
};

/// A mean that is updated value by value, in river's order of operations.
struct RunningMean {
  double n = 0.0;
  double mean = 0.0;
  void update(double value) noexcept {
    n += 1.0;
    mean += (1.0 / n) * (value - mean);
  }
};

}  // namespace detect
}  // namespace inlay
