#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <inlay/error.hpp>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inlay::detail {

/// Appends little-endian fields and base-128 integers to a serialised state.
class ByteWriter {
 public:
  /// A part of a state, without a header.
  ByteWriter() = default;
  explicit ByteWriter(std::string_view magic, std::uint8_t version) {
    for (const char c : magic) bytes_.push_back(static_cast<std::uint8_t>(c));
    u8(version);
  }
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u64(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) u8(static_cast<std::uint8_t>(value >> shift));
  }
  void f64(double value) { u64(std::bit_cast<std::uint64_t>(value)); }
  /// Seven bits a byte, lowest first.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80));
    u8(static_cast<std::uint8_t>(value));
  }
  /// Small magnitudes of either sign in few bytes.
  void zigzag(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void raw(const std::uint8_t* bytes, std::size_t size) {
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  /// The size, then the bytes.
  void text(std::string_view text) {
    varint(text.size());
    raw(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Reads what ByteWriter wrote from bytes that may be anything at all; throws SerializationError
/// rather than read beyond them.
class ByteReader {
 public:
  ByteReader(const std::uint8_t* bytes, std::size_t size, std::string_view what)
      : begin_(bytes), at_(bytes), end_(bytes + size), what_(what) {}

  /// Reads the header. Versions start at 1; anything above `newest` is refused as newer.
  void expect(std::string_view magic, std::uint8_t newest) {
    for (const char c : magic) {
      const std::uint8_t found = u8();
      if (found != static_cast<std::uint8_t>(c)) refuse("do not begin like one; byte", found);
    }
    const std::uint8_t version = u8();
    if (version == 0) refuse("have version", version);
    if (version > newest) refuse("are of a newer version", version);
  }
  std::uint8_t u8() {
    need(1);
    return *at_++;
  }
  std::uint64_t u64() {
    need(8);
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 8) value |= std::uint64_t{*at_++} << shift;
    return value;
  }
  double f64() { return std::bit_cast<double>(u64()); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      if (shift == 63 && byte > 1) refuse("hold a number above 64 bits, with last byte", byte);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) refuse("hold a number with a needless byte", byte);
        return value;
      }
    }
    refuse("hold a number that does not end", value);
  }
  std::int64_t zigzag() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  /// The next `size` bytes, where they lie.
  const std::uint8_t* raw(std::uint64_t size) {
    need(size);
    const std::uint8_t* at = at_;
    at_ += size;
    return at;
  }
  /// What text() wrote.
  std::string_view text() {
    const std::uint64_t size = varint();
    return {reinterpret_cast<const char*>(raw(size)), static_cast<std::size_t>(size)};
  }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  void expect_end() const {
    if (at_ != end_) refuse("go on after their end; bytes left over", left());
  }
  /// Says how far reading came and why it goes no further.
  template <class Value>
  [[noreturn]] void refuse(std::string_view why, const Value& value) const {
    fail<SerializationError>("up to byte " + std::to_string(at_ - begin_) + " of " +
                                 std::to_string(end_ - begin_) + ", the bytes of " +
                                 std::string(what_) + " " + std::string(why),
                             value);
  }

 private:
  void need(std::uint64_t size) const {
    if (left() < size) refuse("are cut short; bytes missing", size - left());
  }

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::string_view what_;
};

}  // namespace inlay::detail
