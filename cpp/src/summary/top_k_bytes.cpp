#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>

#include "summary/bytes.hpp"
#include "summary/item_hash.hpp"
#include "summary/top_k_table.hpp"

// Version 1, after the magic "inTK" and the version byte, base-128 integers: capacity, total, null,
// NaN, +inf and -inf counts, max_error. Then for each kind of item (integers below 2^63, those
// above, doubles, booleans, texts) the number of its counters, and for each counter, by rising
// value: the item, `low`, and the error (high - low). Integers are the first one (zigzag below
// 2^63) and then differences, doubles 8 bytes, booleans one, texts their length and bytes. Values
// rise, so a state has one form and no item two counters.

namespace inlay {
namespace {

using detail::ByteReader;
using detail::ByteWriter;
using detail::TopKTable;

constexpr std::string_view kMagic = "inTK";
constexpr std::uint8_t kVersion = 1;
constexpr TopK::Kind kKinds[] = {TopK::Kind::kInt, TopK::Kind::kUint, TopK::Kind::kReal,
                                 TopK::Kind::kBool, TopK::Kind::kText};

// Reads the items of one kind, which must rise.
class RisingItems {
 public:
  RisingItems(ByteReader& in, TopK::Kind kind) : in_(in), kind_(kind) {}

  TopKTable::Key next() {
    const bool first = std::exchange(first_, false);
    if (kind_ == TopK::Kind::kText) {
      std::string text = read_text();
      if (!first && text <= text_) in_.refuse("have, after a text that sorts no lower,", text);
      text_ = std::move(text);
      return TopKTable::key_of(std::string_view(text_));
    }
    const std::uint64_t bits = read_number(first);
    bits_ = bits;
    return TopKTable::key_of(kind_, bits);
  }

 private:
  std::string read_text() {
    const std::uint64_t size = in_.varint();
    if (size > in_.left()) in_.refuse("are cut short in a text; its length", size);
    std::string text(static_cast<std::size_t>(size), '\0');
    for (char& c : text) c = static_cast<char>(in_.u8());
    return text;
  }

  std::uint64_t read_number(bool first) {
    switch (kind_) {
      case TopK::Kind::kInt: {
        if (first) return static_cast<std::uint64_t>(in_.zigzag());
        return risen(std::uint64_t{INT64_MAX});
      }
      case TopK::Kind::kUint: {
        if (!first) return risen(UINT64_MAX);
        const std::uint64_t value = in_.varint();
        if (value >> 63 == 0) in_.refuse("have, where 2^63 or more belongs,", value);
        return value;
      }
      case TopK::Kind::kReal: {
        const double value = in_.f64();
        if (!std::isfinite(value)) in_.refuse("have, where a finite item belongs,", value);
        if (value == 0 && std::signbit(value)) in_.refuse("have, where only 0 is written,", value);
        if (!first && !(value > std::bit_cast<double>(bits_))) {
          in_.refuse("have, after an item no less,", value);
        }
        return std::bit_cast<std::uint64_t>(value);
      }
      default: {
        const std::uint8_t value = in_.u8();
        if (value > 1) in_.refuse("have, where 0 or 1 belongs,", value);
        if (!first && value <= bits_) in_.refuse("have, after an item no less,", value);
        return value;
      }
    }
  }

  std::uint64_t risen(std::uint64_t last) {
    const std::uint64_t step = in_.varint();
    if (step == 0) in_.refuse("have an item twice; difference", step);
    // Unsigned differences are right for signed items too.
    if (step > last - bits_) in_.refuse("have an integer beyond 64 bits; difference", step);
    return bits_ + step;
  }

  ByteReader& in_;
  TopK::Kind kind_;
  bool first_ = true;
  std::uint64_t bits_ = 0;
  std::string text_;
};

}  // namespace

std::vector<std::uint8_t> TopK::to_bytes() const {
  ByteWriter out(kMagic, kVersion);
  for (const std::uint64_t count : {std::uint64_t{capacity_}, total_, null_count_, nan_count_,
                                    pos_inf_count_, neg_inf_count_, max_error()}) {
    out.varint(count);
  }
  const std::vector<std::uint32_t> positions = sorted_positions();
  auto at = positions.begin();
  for (const Kind kind : kKinds) {
    const auto end =
        std::find_if(at, positions.end(), [&](std::uint32_t p) { return table_->kind(p) != kind; });
    out.varint(static_cast<std::uint64_t>(end - at));
    std::uint64_t last = 0;
    for (const auto begin = at; at != end; ++at) {
      const std::uint64_t bits = table_->bits(*at);
      if (kind == Kind::kText) {
        const std::string_view text = table_->text(*at);
        out.varint(text.size());
        for (const char c : text) out.u8(static_cast<std::uint8_t>(c));
      } else if (kind == Kind::kReal) {
        out.u64(bits);
      } else if (kind == Kind::kBool) {
        out.u8(static_cast<std::uint8_t>(bits));
      } else if (at == begin && kind == Kind::kInt) {
        out.zigzag(static_cast<std::int64_t>(bits));
      } else {
        out.varint(bits - last);  // of the first unsigned one itself
      }
      last = bits;
      out.varint(table_->high(*at) - table_->error(*at));
      out.varint(table_->error(*at));
    }
  }
  return out.take();
}

TopK TopK::from_bytes(const std::uint8_t* bytes, std::size_t size) {
  ByteReader in(bytes, size, "a TopK");
  in.expect(kMagic, kVersion);
  const std::uint64_t capacity = in.varint();
  if (capacity < kMinCapacity || capacity > kMaxCapacity) in.refuse("have capacity", capacity);
  TopK out(static_cast<std::uint32_t>(capacity));
  for (std::uint64_t* count :
       {&out.total_, &out.null_count_, &out.nan_count_, &out.pos_inf_count_, &out.neg_inf_count_}) {
    *count = in.varint();
    if (*count > kMaxTotal) in.refuse("have too large a count", *count);
  }
  const std::uint64_t max_error = in.varint();
  // What purges removed: at least capacity / 2 + 1 counters lost max_error. So the rest of the
  // total bounds the counters, and with that every sum below.
  const std::uint64_t purged = capacity / 2 + 1;
  if (max_error > out.total_ / purged) in.refuse("have an error above its bound", max_error);
  std::uint64_t unpurged = out.total_ - max_error * purged;
  std::uint64_t unseen = out.total_;
  if (!out.ensure_table()) throw std::bad_alloc();
  TopKTable& table = *out.table_;
  table.set_max_error(max_error);
  for (const Kind kind : kKinds) {
    const std::uint64_t items = in.varint();
    if (items > capacity - table.size()) in.refuse("have more counters than capacity", items);
    if (items > in.left() / 3) in.refuse("are cut short; counters", items);
    if (!table.reserve(table.size() + static_cast<std::size_t>(items))) throw std::bad_alloc();
    RisingItems rising(in, kind);
    for (std::uint64_t i = 0; i < items; ++i) {
      const TopKTable::Key key = rising.next();
      const std::uint64_t low = in.varint();
      if (low == 0) in.refuse("have a counter of weight", low);
      if (low > unseen) in.refuse("have more weight than their total; counter", low);
      unseen -= low;
      const std::uint64_t error = in.varint();
      if (error > max_error) in.refuse("have an error above the largest", error);
      const std::uint64_t high = low + error;
      if (high <= max_error) in.refuse("have a counter that was purged; highest weight", high);
      if (high - max_error > unpurged) in.refuse("have too large a counter; highest weight", high);
      unpurged -= high - max_error;
      if (!table.insert(key, high, error)) throw std::bad_alloc();
    }
  }
  if (max_error == 0 && unseen != 0) in.refuse("have weight without a counter", unseen);
  in.expect_end();
  return out;
}

}  // namespace inlay
