#include <inlay/data/profile.hpp>
#include <inlay/error.hpp>
#include <string>
#include <unordered_set>

#include "data/column_access.hpp"

// Version 1, after the magic "inPR" and the version byte: k, lg_k, top, numeric_top (base 128) and
// scale (zigzag); rows and the number of columns (base 128); for each column its size in bytes
// (base 128) and the bytes that column_profile_bytes.cpp describes.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inPR";
constexpr std::uint8_t kVersion = 1;

}  // namespace

std::vector<std::uint8_t> Profile::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(options_.k);
  out.varint(static_cast<std::uint64_t>(options_.lg_k));
  out.varint(options_.top);
  out.varint(options_.numeric_top);
  out.zigzag(options_.scale);
  out.varint(rows_);
  out.varint(columns_.size());
  for (const ColumnProfile& column : columns_) {
    detail::ByteWriter of_column;
    detail::ColumnAccess::write(column, of_column);
    const std::vector<std::uint8_t> bytes = of_column.take();
    out.varint(bytes.size());
    out.raw(bytes.data(), bytes.size());
  }
  return out.take();
}

Profile Profile::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "a Profile");
  in.expect(kMagic, kVersion);
  Profile out;
  const auto option = [&in](const char* what, std::uint64_t least, std::uint64_t most) {
    const std::uint64_t value = in.varint();
    if (value < least || value > most) in.refuse(std::string("have ") + what, value);
    return static_cast<std::uint32_t>(value);
  };
  out.options_.k = option("k", Kll<double>::kMinK, Kll<double>::kMaxK);
  out.options_.lg_k = static_cast<int>(option("lg_k", Hll::kMinLgK, Hll::kMaxLgK));
  out.options_.top = option("top", TopK::kMinCapacity, TopK::kMaxCapacity);
  out.options_.numeric_top = option("numeric_top", TopK::kMinCapacity, TopK::kMaxCapacity);
  const std::int64_t scale = in.zigzag();
  if (scale < ExpHistogram::kMinScale || scale > ExpHistogram::kMaxScale) {
    in.refuse("have scale", scale);
  }
  out.options_.scale = static_cast<int>(scale);
  out.rows_ = in.varint();
  if (out.rows_ > TopK::kMaxTotal) in.refuse("have too many rows", out.rows_);
  const std::uint64_t columns = in.varint();
  std::unordered_set<std::string> paths;
  for (std::uint64_t i = 0; i < columns; ++i) {
    const std::uint64_t length = in.varint();
    detail::ByteReader of_column(in.raw(length), static_cast<std::size_t>(length),
                                 "a column of a Profile");
    out.columns_.push_back(detail::ColumnAccess::read(of_column, out.options_));
    of_column.expect_end();
    if (!paths.insert(out.columns_.back().path()).second) {
      in.refuse("have two columns named", out.columns_.back().path());
    }
  }
  in.expect_end();
  return out;
}

}  // namespace inlay
