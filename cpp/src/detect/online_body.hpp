#pragma once

// The body of Online, for the file of each rule to instantiate with the rule's step inlined.
//
// Bytes, version 1: the rule's magic and the version byte; base-128 integers: values taken,
// ignored, alarms, warnings; one byte: 1 if the last value raised an alarm, plus 2 in the warning
// zone; then what the rule writes, its parameters first.

#include <cmath>
#include <cstring>
#include <inlay/detect/online.hpp>
#include <inlay/error.hpp>
#include <type_traits>
#include <utility>

#include "summary/bytes.hpp"

namespace inlay::detect {

constexpr std::uint8_t kOnlineVersion = 1;

/// @throws InvalidArgument unless low <= value <= high.
template <class Value>
void expect_within(const char* name, Value value, Value low, Value high) {
  if (value >= low && value <= high) return;
  detail::fail<InvalidArgument>(std::string(name) + " must lie within " + detail::describe(low) +
                                    " to " + detail::describe(high),
                                value);
}

/// @throws InvalidArgument unless 0 < value < 1.
inline void expect_probability(const char* name, double value) {
  if (value > 0.0 && value < 1.0) return;
  detail::fail<InvalidArgument>(std::string(name) + " must lie between 0 and 1, both excluded",
                                value);
}

/// @throws InvalidArgument unless the value is finite and at least 0.
inline void expect_finite_positive(const char* name, double value, bool zero_too) {
  if (std::isfinite(value) && (value > 0.0 || (zero_too && value == 0.0))) return;
  detail::fail<InvalidArgument>(std::string(name) + (zero_too ? " must be finite and not negative"
                                                              : " must be finite and positive"),
                                value);
}

/// Integers that parameters are checked to hold.
constexpr std::int64_t kLargestCount = std::int64_t{1} << 53;  // doubles count that far

/// Reads an integer that a parameter or a count of an int64 may hold.
inline std::int64_t read_count(detail::ByteReader& in) {
  const std::uint64_t value = in.varint();
  if (value > static_cast<std::uint64_t>(INT64_MAX)) in.refuse("have too large a count", value);
  return static_cast<std::int64_t>(value);
}

inline bool read_flag(detail::ByteReader& in) {
  const std::uint8_t value = in.u8();
  if (value > 1) in.refuse("have, where 0 or 1 belongs,", value);
  return value != 0;
}

/// Reads a whole number that a double holds.
inline double read_whole(detail::ByteReader& in) {
  const std::uint64_t value = in.varint();
  if (value > static_cast<std::uint64_t>(kLargestCount)) in.refuse("have too large a count", value);
  return static_cast<double>(value);
}

inline void write_mean(detail::ByteWriter& out, const RunningMean& mean) {
  out.varint(static_cast<std::uint64_t>(mean.n));
  out.f64(mean.mean);
}

inline RunningMean read_mean(detail::ByteReader& in) {
  RunningMean out;
  out.n = read_whole(in);
  out.mean = in.f64();
  return out;
}

template <class Test>
Online<Test>::Online(const Parameters& parameters) : test_((Test::check(parameters), parameters)) {}

template <class Test>
bool Online<Test>::takes(double value) noexcept {
  if constexpr (Test::kBinary) {
    return value == 0.0 || value == 1.0;
  } else {
    return value - value == 0.0;
  }
}

template <class Test>
bool Online<Test>::update(double value) noexcept {
  const std::uint64_t before = drift_count_;
  update(&value, 1);
  return drift_count_ != before;
}

template <class Test>
std::size_t Online<Test>::update(const double* values, std::size_t size) noexcept {
  std::size_t read = 0;
  while (read < size && !takes(values[read])) ++read;
  std::size_t ignored = read;
  if (read < size && test_.drift) {
    test_.drift = false;
    test_.warning = false;
    test_.restart();
  }
  // A small rule is worked on in registers; nothing below may take its address.
  constexpr bool kSmall = std::is_trivially_copyable_v<Test>;
  using Worked = std::conditional_t<kSmall, Test, Test&>;
  Worked test = test_;
  while (read < size) {
    const double value = values[read++];
    if (!takes(value)) [[unlikely]] {
      ++ignored;
      continue;
    }
    const bool warned = test.warning;
    test.step(value);
    if (test.drift || test.warning != warned) [[unlikely]] {
      const bool begins = test.warning && !warned;
      drift_count_ += test.drift ? 1 : 0;
      warning_count_ += begins ? 1 : 0;
      if (test.drift || begins) break;
    }
  }
  ignored_count_ += ignored;
  count_ += read - ignored;
  if constexpr (kSmall) test_ = test;
  return read;
}

template <class Test>
void Online<Test>::reset() noexcept {
  test_.drift = false;
  test_.warning = false;
  test_.restart();
  count_ = ignored_count_ = drift_count_ = warning_count_ = 0;
}

template <class Test>
std::vector<std::uint8_t> Online<Test>::to_bytes() const {
  detail::ByteWriter out(Test::kMagic, kOnlineVersion);
  out.varint(count_);
  out.varint(ignored_count_);
  out.varint(drift_count_);
  out.varint(warning_count_);
  out.u8(static_cast<std::uint8_t>((test_.drift ? 1U : 0U) | (test_.warning ? 2U : 0U)));
  test_.write(out);
  return out.take();
}

template <class Test>
Online<Test> Online<Test>::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, Test::kName);
  in.expect(Test::kMagic, kOnlineVersion);
  const std::uint64_t count = in.varint();
  const std::uint64_t ignored = in.varint();
  const std::uint64_t drifts = in.varint();
  const std::uint64_t warnings = in.varint();
  for (const std::uint64_t each : {count, ignored, drifts, warnings}) {
    if (each > static_cast<std::uint64_t>(INT64_MAX)) in.refuse("have too large a count", each);
  }
  const std::uint8_t flags = in.u8();
  if (flags > 3) in.refuse("have flags", flags);
  try {
    Online out(Test::read_parameters(in));
    out.count_ = count;
    out.ignored_count_ = ignored;
    out.drift_count_ = drifts;
    out.warning_count_ = warnings;
    out.test_.drift = (flags & 1U) != 0;
    out.test_.warning = (flags & 2U) != 0;
    out.test_.read(in);
    in.expect_end();
    return out;
  } catch (const InvalidArgument& error) {  // a parameter
    in.refuse("have a parameter out of range;", error.what());
  }
}

}  // namespace inlay::detect
