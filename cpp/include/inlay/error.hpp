#pragma once

#include <inlay/export.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace inlay {

/// The root of everything the core throws. Messages end with the offending value.
/// Immutable once thrown, so any thread may read it.
class INLAY_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  Error(const Error&) = default;
  Error& operator=(const Error&) = default;
  ~Error() override;
};

/// A value or a combination of values the caller may not pass. Immutable once thrown.
class INLAY_API InvalidArgument : public Error {
 public:
  using Error::Error;
  InvalidArgument(const InvalidArgument&) = default;
  InvalidArgument& operator=(const InvalidArgument&) = default;
  ~InvalidArgument() override;
};

/// An index or a position outside what exists. Immutable once thrown.
class INLAY_API OutOfRange : public Error {
 public:
  using Error::Error;
  OutOfRange(const OutOfRange&) = default;
  OutOfRange& operator=(const OutOfRange&) = default;
  ~OutOfRange() override;
};

/// Bytes that are no valid state: cut short, damaged, or of a newer version. Immutable once thrown.
class INLAY_API SerializationError : public Error {
 public:
  using Error::Error;
  SerializationError(const SerializationError&) = default;
  SerializationError& operator=(const SerializationError&) = default;
  ~SerializationError() override;
};

namespace detail {

/// Writes a value for the end of a message: numbers shortest, text quoted and cut at 120 bytes.
INLAY_API std::string describe(double value);
INLAY_API std::string describe(long long value);
INLAY_API std::string describe(unsigned long long value);
INLAY_API std::string describe(std::string_view value);
inline std::string describe(int value) { return describe(static_cast<long long>(value)); }
inline std::string describe(long value) { return describe(static_cast<long long>(value)); }
inline std::string describe(unsigned value) {
  return describe(static_cast<unsigned long long>(value));
}
inline std::string describe(unsigned long value) {
  return describe(static_cast<unsigned long long>(value));
}
inline std::string describe(float value) { return describe(static_cast<double>(value)); }
inline std::string describe(bool value) { return value ? "true" : "false"; }
inline std::string describe(const char* value) { return describe(std::string_view(value)); }
inline std::string describe(const std::string& value) { return describe(std::string_view(value)); }

/// Throws `Exception` with "<message>: <value>".
template <class Exception, class Value>
[[noreturn]] void fail(std::string_view message, const Value& value) {
  throw Exception(std::string(message) + ": " + describe(value));
}

}  // namespace detail
}  // namespace inlay
