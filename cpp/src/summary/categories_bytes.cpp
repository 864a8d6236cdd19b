#include <inlay/summary/categories.hpp>
#include <utility>

#include "summary/bytes.hpp"
#include "summary/name_lookup.hpp"
#include "utf8.hpp"

// Version 1, after the magic "inCA" and the version byte, all numbers being base-128 integers: the
// number of names; the length of each, followed by its UTF-8; null, NaN and other counts, and the
// count of each name.

namespace inlay {
namespace {

constexpr std::string_view kMagic = "inCA";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxTotal = INT64_MAX;  // counts become int64 columns

}  // namespace

std::vector<std::uint8_t> Categories::to_bytes() const {
  detail::ByteWriter out(kMagic, kVersion);
  out.varint(names().size());
  for (const std::string& name : names()) {
    out.varint(name.size());
    for (const char c : name) out.u8(static_cast<std::uint8_t>(c));
  }
  out.varint(null_count_);
  out.varint(nan_count_);
  out.varint(other_);
  for (const std::uint64_t count : counts_) out.varint(count);
  return out.take();
}

Categories Categories::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  detail::ByteReader in(bytes, size, "Categories");
  in.expect(kMagic, kVersion);
  const std::uint64_t num_names = in.varint();
  if (num_names == 0 || num_names > kMaxNames) in.refuse("have a wrong number of names", num_names);
  // A name takes a byte for its length and its count another.
  if (num_names > in.left() / 2) in.refuse("are cut short; names", num_names);
  std::vector<std::string> names;
  names.reserve(num_names);
  for (std::uint64_t i = 0; i < num_names; ++i) {
    const std::uint64_t length = in.varint();
    if (length > in.left()) in.refuse("are cut short in a name; its bytes", length);
    std::string name;
    name.reserve(length);
    for (std::uint64_t k = 0; k < length; ++k) name += static_cast<char>(in.u8());
    if (detail::utf8_prefix(name) != name.size()) in.refuse("have a name that is no UTF-8", i);
    names.push_back(std::move(name));
  }
  std::size_t equal = 0;
  auto lookup = std::make_shared<const detail::NameLookup>(std::move(names), equal);
  if (equal != lookup->names.size()) in.refuse("have a name twice", lookup->names[equal]);
  Categories out(std::move(lookup));
  std::uint64_t total = 0;
  const auto read_count = [&in, &total] {
    const std::uint64_t count = in.varint();
    if (count > kMaxTotal - total) in.refuse("have too large a total; with count", count);
    total += count;
    return count;
  };
  out.null_count_ = read_count();
  out.nan_count_ = read_count();
  out.other_ = read_count();
  for (std::uint64_t& count : out.counts_) count = read_count();
  in.expect_end();
  return out;
}

}  // namespace inlay
