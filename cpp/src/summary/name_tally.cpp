#include <algorithm>
#include <cmath>
#include <functional>
#include <inlay/error.hpp>
#include <inlay/summary/categories.hpp>
#include <unordered_map>
#include <utility>

#include "summary/item_name.hpp"

namespace inlay {
namespace detail {

// Finds a name by a view of it.
struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};

struct NameCounts {
  std::unordered_map<std::string, std::uint64_t, NameHash, std::equal_to<>> by_name;
  // Numbers first, as their digits need only be written once each.
  std::unordered_map<std::int64_t, std::uint64_t> by_whole;

  void add(std::string_view name, std::uint64_t times) {
    const auto found = by_name.find(name);
    if (found != by_name.end()) {
      found->second += times;
    } else {
      by_name.emplace(name, times);
    }
  }
};

}  // namespace detail

NameTally::NameTally() : counts_(std::make_unique<detail::NameCounts>()) {}
NameTally::NameTally(NameTally&& other) noexcept = default;
NameTally& NameTally::operator=(NameTally&& other) noexcept = default;
NameTally::~NameTally() = default;

template <class Item>
void NameTally::add_all(const Item* items, const std::int64_t* counts, std::size_t size) {
  detail::ItemName name;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t times = counts == nullptr ? 1 : static_cast<std::uint64_t>(counts[i]);
    if (times == 0) continue;
    if constexpr (std::is_same_v<Item, std::int64_t>) {
      counts_->by_whole[items[i]] += times;
      continue;
    } else if constexpr (std::is_same_v<Item, double>) {
      if (std::isnan(items[i])) {
        nan_count_ += times;
        continue;
      }
    }
    counts_->add(name.of(items[i]), times);
  }
}

void NameTally::update(const std::string_view* items, const std::int64_t* counts,
                       std::size_t size) {
  add_all(items, counts, size);
}
void NameTally::update(const std::int64_t* items, const std::int64_t* counts, std::size_t size) {
  add_all(items, counts, size);
}
void NameTally::update(const std::uint64_t* items, const std::int64_t* counts, std::size_t size) {
  add_all(items, counts, size);
}
void NameTally::update(const double* items, const std::int64_t* counts, std::size_t size) {
  add_all(items, counts, size);
}
void NameTally::update(const bool* items, const std::int64_t* counts, std::size_t size) {
  add_all(items, counts, size);
}

Categories NameTally::most_frequent(std::size_t most) const {
  if (most == 0 || most > Categories::kMaxNames) {
    detail::fail<InvalidArgument>("the number of names must lie within 1 to 1000000", most);
  }
  detail::NameCounts all = *counts_;
  detail::ItemName name;
  for (const auto& [whole, count] : all.by_whole) all.add(name.of(whole), count);
  if (all.by_name.empty()) {
    detail::fail<InvalidArgument>("there must be at least one item with a name; items without",
                                  null_count_ + nan_count_);
  }
  std::vector<std::pair<std::string_view, std::uint64_t>> order(all.by_name.begin(),
                                                                all.by_name.end());
  const std::size_t kept = std::min(most, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [](const auto& a, const auto& b) {
                      return a.second != b.second ? a.second > b.second : a.first < b.first;
                    });
  Categories::Fields fields;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i < kept) {
      fields.names.emplace_back(order[i].first);
      fields.counts.push_back(order[i].second);
    } else {
      fields.other += order[i].second;
    }
  }
  fields.null_count = null_count_;
  fields.nan_count = nan_count_;
  return Categories::from_fields(std::move(fields));
}

}  // namespace inlay
