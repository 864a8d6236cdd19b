#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/summary/categories.hpp>
#include <string>
#include <utility>

#include "summary/item_name.hpp"
#include "summary/name_lookup.hpp"
#include "utf8.hpp"

namespace inlay {
namespace {

constexpr std::uint64_t kMaxTotal = INT64_MAX;  // counts become int64 columns

std::shared_ptr<const detail::NameLookup> checked(std::vector<std::string> names) {
  if (names.empty() || names.size() > Categories::kMaxNames) {
    detail::fail<InvalidArgument>("the number of names must lie within 1 to 1000000", names.size());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t valid = detail::utf8_prefix(names[i]);
    if (valid == names[i].size()) continue;
    detail::fail<InvalidArgument>(
        "names must be UTF-8; name " + std::to_string(i) + " is none from byte " +
            std::to_string(valid) + " on",
        static_cast<unsigned>(static_cast<unsigned char>(names[i][valid])));
  }
  std::size_t equal = 0;
  auto lookup = std::make_shared<const detail::NameLookup>(std::move(names), equal);
  if (equal != lookup->names.size()) {
    detail::fail<InvalidArgument>(
        "names must differ, but name " + std::to_string(equal) + " is also name " +
            std::to_string(lookup->find(std::string_view(lookup->names[equal]))),
        lookup->names[equal]);
  }
  return lookup;
}

template <class Item>
bool is_nan(const Item& item) noexcept {
  if constexpr (std::is_same_v<Item, double>) {
    return std::isnan(item);
  } else {
    return false;
  }
}

}  // namespace

Categories::Categories(std::shared_ptr<const detail::NameLookup> lookup)
    : lookup_(std::move(lookup)), counts_(lookup_->names.size()) {}

Categories::Categories(std::vector<std::string> names) : Categories(checked(std::move(names))) {}

std::uint64_t& Categories::place_of(std::size_t index) noexcept {
  return index == detail::NameLookup::kNone ? other_ : counts_[index];
}

template <class Item>
void Categories::add_all(const Item* items, std::size_t size) noexcept {
  const detail::NameLookup& lookup = *lookup_;
  // In two steps: were counts written between reads of the table, processors that guess by the low
  // bits of addresses which read depends on which write would guess wrong.
  constexpr std::size_t kBlock = 256;
  std::uint32_t found[kBlock];
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t length = std::min(size - at, kBlock);
    std::size_t named = 0;
    for (std::size_t i = at; i < at + length; ++i) {
      if (is_nan(items[i])) continue;
      found[named] = lookup.find(items[i]);
      ++named;
    }
    nan_count_ += length - named;
    for (std::size_t i = 0; i < named; ++i) ++place_of(found[i]);
  }
}

template <class Item>
std::size_t Categories::add_and_tell(const Item* items, std::size_t size, Item* outside) noexcept {
  const detail::NameLookup& lookup = *lookup_;
  constexpr std::size_t kBlock = 256;
  std::uint32_t found[kBlock];
  std::size_t num_outside = 0;
  for (std::size_t at = 0; at < size; at += kBlock) {
    const std::size_t length = std::min(size - at, kBlock);
    const Item* block = items + at;
    for (std::size_t i = 0; i < length; ++i) found[i] = lookup.find(block[i]);
    for (std::size_t i = 0; i < length; ++i) {
      if (found[i] == detail::NameLookup::kNone) [[unlikely]] {
        outside[num_outside++] = block[i];
      } else {
        ++counts_[found[i]];
      }
    }
  }
  other_ += num_outside;
  return num_outside;
}

template <class Item>
void Categories::add_weighted(const Item* items, const std::int64_t* counts, std::size_t size) {
  std::uint64_t left = room();
  for (std::size_t i = 0; i < size; ++i) {
    if (counts[i] < 0) {
      detail::fail<InvalidArgument>("a count must not be negative; at " + std::to_string(i),
                                    counts[i]);
    }
    if (static_cast<std::uint64_t>(counts[i]) > left) {
      detail::fail<InvalidArgument>("counts must add up to less than 2^63; at " + std::to_string(i),
                                    counts[i]);
    }
    left -= static_cast<std::uint64_t>(counts[i]);
  }
  for (std::size_t i = 0; i < size; ++i) {
    const auto times = static_cast<std::uint64_t>(counts[i]);
    if (is_nan(items[i])) {
      nan_count_ += times;
    } else {
      place_of(lookup_->find(items[i])) += times;
    }
  }
}

void Categories::update(const std::string_view* items, std::size_t size) noexcept {
  add_all(items, size);
}
void Categories::update(const std::int64_t* items, std::size_t size) noexcept {
  add_all(items, size);
}
void Categories::update(const std::uint64_t* items, std::size_t size) noexcept {
  add_all(items, size);
}
void Categories::update(const double* items, std::size_t size) noexcept { add_all(items, size); }
void Categories::update(const bool* items, std::size_t size) noexcept { add_all(items, size); }

std::size_t Categories::update(const std::string_view* items, std::size_t size,
                               std::string_view* outside) noexcept {
  return add_and_tell(items, size, outside);
}
std::size_t Categories::update(const std::int64_t* items, std::size_t size,
                               std::int64_t* outside) noexcept {
  return add_and_tell(items, size, outside);
}
std::size_t Categories::update(const std::uint64_t* items, std::size_t size,
                               std::uint64_t* outside) noexcept {
  return add_and_tell(items, size, outside);
}

std::optional<std::size_t> Categories::find(std::string_view name) const noexcept {
  const std::uint32_t at = lookup_->find(name);
  if (at == detail::NameLookup::kNone) return std::nullopt;
  return at;
}

void Categories::update(const std::string_view* items, const std::int64_t* counts,
                        std::size_t size) {
  add_weighted(items, counts, size);
}
void Categories::update(const std::int64_t* items, const std::int64_t* counts, std::size_t size) {
  add_weighted(items, counts, size);
}
void Categories::update(const std::uint64_t* items, const std::int64_t* counts, std::size_t size) {
  add_weighted(items, counts, size);
}
void Categories::update(const double* items, const std::int64_t* counts, std::size_t size) {
  add_weighted(items, counts, size);
}
void Categories::update(const bool* items, const std::int64_t* counts, std::size_t size) {
  add_weighted(items, counts, size);
}

void Categories::merge(const Categories& other) {
  const std::vector<std::string>& ours = lookup_->names;
  const std::vector<std::string>& theirs = other.lookup_->names;
  std::vector<std::uint32_t> places;  // of their names among ours; empty: the same
  if (lookup_ != other.lookup_ && ours != theirs) {
    for (const std::string& name : theirs) {
      const std::uint32_t place = lookup_->find(std::string_view(name));
      if (place == detail::NameLookup::kNone) break;
      places.push_back(place);
    }
    // Names differ among themselves, so as many of theirs found among ours are all of ours.
    if (places.size() != theirs.size() || ours.size() != theirs.size()) {
      const std::size_t both = std::min(ours.size(), theirs.size());
      std::size_t at = 0;
      while (at < both && ours[at] == theirs[at]) ++at;
      if (at == both) {
        detail::fail<InvalidArgument>(
            "categories with different names cannot be merged; there are " +
                std::to_string(ours.size()) + " and of the other",
            theirs.size());
      }
      detail::fail<InvalidArgument>("categories with different names cannot be merged; name " +
                                        std::to_string(at) + " is " + detail::describe(ours[at]) +
                                        " and of the other",
                                    theirs[at]);
    }
  }
  const std::uint64_t added = kMaxTotal - other.room();
  if (added > room()) {
    detail::fail<InvalidArgument>("counts must add up to less than 2^63; the other's", added);
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    counts_[places.empty() ? i : places[i]] += other.counts_[i];
  }
  other_ += other.other_;
  null_count_ += other.null_count_;
  nan_count_ += other.nan_count_;
}

void Categories::reset() noexcept {
  std::fill(counts_.begin(), counts_.end(), std::uint64_t{0});
  other_ = null_count_ = nan_count_ = 0;
}

const std::vector<std::string>& Categories::names() const noexcept { return lookup_->names; }

std::uint64_t Categories::count() const noexcept {
  std::uint64_t total = other_;
  for (const std::uint64_t count : counts_) total += count;
  return total;
}

std::uint64_t Categories::room() const noexcept {
  const std::uint64_t total = count() + null_count_ + nan_count_;
  return total < kMaxTotal ? kMaxTotal - total : 0;
}

std::size_t Categories::memory_bytes() const noexcept {
  return sizeof(*this) + lookup_->memory_bytes() + counts_.capacity() * sizeof(counts_[0]);
}

bool operator==(const Categories& a, const Categories& b) noexcept {
  return a.counts_ == b.counts_ && a.other_ == b.other_ && a.null_count_ == b.null_count_ &&
         a.nan_count_ == b.nan_count_ &&
         (a.lookup_ == b.lookup_ || a.lookup_->names == b.lookup_->names);
}

Categories Categories::from_fields(Fields fields) {
  Categories out(std::move(fields.names));
  if (fields.counts.size() != out.counts_.size()) {
    detail::fail<InvalidArgument>(
        "there must be one count a name (" + std::to_string(out.names().size()) + "); counts",
        fields.counts.size());
  }
  std::uint64_t total = 0;
  const auto add = [&total](std::uint64_t count) {
    if (count > kMaxTotal - total) {
      detail::fail<InvalidArgument>("counts must add up to less than 2^63; count", count);
    }
    total += count;
  };
  for (const std::uint64_t count : fields.counts) add(count);
  for (const std::uint64_t count : {fields.other, fields.null_count, fields.nan_count}) add(count);
  out.counts_ = std::move(fields.counts);
  out.other_ = fields.other;
  out.null_count_ = fields.null_count;
  out.nan_count_ = fields.nan_count;
  return out;
}

}  // namespace inlay
