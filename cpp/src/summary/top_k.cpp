#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/summary/top_k.hpp>
#include <new>
#include <utility>

#include "summary/top_k_table.hpp"

namespace inlay {
namespace {

constexpr std::size_t kBlock = detail::TopKTable::kBlock;
// Below this, looking for several items at once gains nothing.
constexpr std::size_t kShort = 8;

// The rank whose value a purge subtracts: half of the counters go, and no counter's error ever
// exceeds total / this.
constexpr std::uint32_t purge_rank(std::uint32_t capacity) { return capacity / 2 + 1; }

constexpr bool fits(std::uint64_t count, std::uint64_t more) {
  return more <= TopK::kMaxTotal - count;
}

bool is_finite(double value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) << 1) < std::uint64_t{0x7FF} << 53;
}

// One zero; all other bits as they are.
std::uint64_t bits_of(double value) noexcept { return std::bit_cast<std::uint64_t>(value + 0.0); }

}  // namespace

TopK::Item::Item(double value) noexcept : kind_(Kind::kReal), bits_(bits_of(value)) {}

TopK::Item TopK::Entry::item() const noexcept {
  switch (kind) {
    case Kind::kInt:
      return static_cast<std::int64_t>(bits);
    case Kind::kUint:
      return bits;
    case Kind::kReal:
      return std::bit_cast<double>(bits);
    case Kind::kBool:
      return bits != 0;
    case Kind::kText:
      break;
  }
  return std::string_view(text);
}

TopK::TopK(std::uint32_t capacity) : capacity_(capacity) {
  if (capacity < kMinCapacity || capacity > kMaxCapacity) {
    detail::fail<InvalidArgument>("capacity must lie within 1 to 1048576", capacity);
  }
}

TopK::TopK(const TopK& other) : TopK(other.capacity_) {
  if (!assign(other)) throw std::bad_alloc();
}

TopK::TopK(TopK&& other) noexcept : capacity_(other.capacity_) { swap(other); }

TopK& TopK::operator=(const TopK& other) {
  if (!assign(other)) throw std::bad_alloc();
  return *this;
}

TopK& TopK::operator=(TopK&& other) noexcept {
  TopK moved(std::move(other));
  swap(moved);
  return *this;
}

TopK::~TopK() = default;

void TopK::swap(TopK& other) noexcept {
  std::swap(capacity_, other.capacity_);
  std::swap(total_, other.total_);
  std::swap(null_count_, other.null_count_);
  std::swap(nan_count_, other.nan_count_);
  std::swap(pos_inf_count_, other.pos_inf_count_);
  std::swap(neg_inf_count_, other.neg_inf_count_);
  table_.swap(other.table_);
}

bool TopK::ensure_table() noexcept {
  if (table_ == nullptr) {
    table_.reset(new (std::nothrow) detail::TopKTable(std::size_t{capacity_} + 1));
  }
  return table_ != nullptr;
}

bool TopK::update(const Item& item, std::uint64_t weight) noexcept {
  if (item.kind() == Kind::kReal) {
    const auto value = std::bit_cast<double>(item.bits());
    if (!is_finite(value)) return count_apart(value, weight);
  }
  if (!fits(total_, weight)) return false;
  if (weight == 0) return true;
  if (!ensure_table() || !table_->count(detail::TopKTable::key_of(item), weight)) return false;
  if (table_->size() > capacity_) table_->purge(purge_rank(capacity_));
  total_ += weight;
  return true;
}

bool TopK::count_apart(double value, std::uint64_t weight) noexcept {
  std::uint64_t& count = std::isnan(value) ? nan_count_
                         : value > 0       ? pos_inf_count_
                                           : neg_inf_count_;
  if (!fits(count, weight)) return false;
  count += weight;
  return true;
}

bool TopK::add_distinct(std::uint64_t n) noexcept {
  if (!fits(total_, n)) return false;
  table_->raise_error(1);  // there is one: only with counters dropped does this come up
  total_ += n;
  return true;
}

bool TopK::add_nulls(std::uint64_t n) noexcept {
  if (!fits(null_count_, n)) return false;
  null_count_ += n;
  return true;
}

// Numbers of one kind, finite ones. Blocks end before a counter too many, so that counting what is
// found first and beginning counters afterwards comes to the same as one item after the other.
std::size_t TopK::count_keys(Kind kind, const std::uint64_t* keys, std::size_t size,
                             const std::uint64_t* weights) noexcept {
  if (size == 0) return 0;
  if (!ensure_table()) return 0;
  detail::TopKTable& table = *table_;
  detail::TopKTable::Missed missed;
  std::size_t done = 0;
  while (done < size) {
    const std::uint64_t* weight = weights == nullptr ? nullptr : weights + done;
    std::size_t block = std::min({size - done, kBlock, std::size_t{capacity_} - table.size()});
    std::uint64_t added = block;
    if (weight != nullptr) {
      added = 0;
      for (std::size_t i = 0; i < block && added <= kMaxTotal; ++i) {
        added = weight[i] <= kMaxTotal ? added + weight[i] : weight[i];
      }
    }
    // The rest one by one: what is left of the room before a purge, or up to the largest total, or
    // without memory for a block's counters.
    if (block < kShort || !fits(total_, added) || !table.reserve(table.size() + block)) {
      const detail::TopKTable::Key key = detail::TopKTable::key_of(kind, keys[done]);
      const std::uint64_t once = weight == nullptr ? 1 : *weight;
      if (!fits(total_, once)) return done;
      if (once != 0) {
        if (!table.count(key, once)) return done;
        if (table.size() > capacity_) table.purge(purge_rank(capacity_));
        total_ += once;
      }
      ++done;
      continue;
    }
    table.count_found(kind, keys + done, block, weight, missed);
    for (std::size_t i = 0; i < missed.size; ++i) {
      const std::size_t at = missed.places[i];
      const std::uint64_t once = weight == nullptr ? 1 : weight[at];
      if (once == 0) continue;
      table.count({kind, keys[done + at], missed.hashes[at], {}}, once);  // there is room
    }
    total_ += added;
    done += block;
  }
  return size;
}

std::size_t TopK::update(const std::int64_t* values, std::size_t size,
                         const std::uint64_t* weights) noexcept {
  return count_keys(Kind::kInt, reinterpret_cast<const std::uint64_t*>(values), size, weights);
}

std::size_t TopK::update(const std::uint64_t* values, std::size_t size,
                         const std::uint64_t* weights) noexcept {
  // Runs on one side of 2^63.
  for (std::size_t begin = 0; begin < size;) {
    const bool large = (values[begin] >> 63) != 0;
    std::size_t end = begin + 1;
    while (end < size && ((values[end] >> 63) != 0) == large) ++end;
    const std::size_t done =
        count_keys(large ? Kind::kUint : Kind::kInt, values + begin, end - begin,
                   weights == nullptr ? nullptr : weights + begin);
    if (done != end - begin) return begin + done;
    begin = end;
  }
  return size;
}

std::size_t TopK::update(const double* values, std::size_t size,
                         const std::uint64_t* weights) noexcept {
  std::uint64_t keys[kBlock];
  for (std::size_t begin = 0; begin < size;) {
    std::size_t block = 0;
    for (; begin + block < size && block < kBlock && is_finite(values[begin + block]); ++block) {
      keys[block] = bits_of(values[begin + block]);
    }
    const std::uint64_t* weight = weights == nullptr ? nullptr : weights + begin;
    const std::size_t done = count_keys(Kind::kReal, keys, block, weight);
    begin += done;
    if (done != block) return begin;
    if (begin < size && !is_finite(values[begin])) {
      if (!count_apart(values[begin], weights == nullptr ? 1 : weights[begin])) return begin;
      ++begin;
    }
  }
  return size;
}

std::size_t TopK::update(const bool* values, std::size_t size,
                         const std::uint64_t* weights) noexcept {
  std::uint64_t keys[kBlock];
  for (std::size_t begin = 0; begin < size; begin += kBlock) {
    const std::size_t block = std::min(size - begin, kBlock);
    for (std::size_t i = 0; i < block; ++i) keys[i] = values[begin + i] ? 1 : 0;
    const std::size_t done =
        count_keys(Kind::kBool, keys, block, weights == nullptr ? nullptr : weights + begin);
    if (done != block) return begin + done;
  }
  return size;
}

std::size_t TopK::update(const std::string_view* values, std::size_t size,
                         const std::uint64_t* weights) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    if (!update(Item(values[i]), weights == nullptr ? 1 : weights[i])) return i;
  }
  return size;
}

TopK TopK::renamed(const std::function<std::string(std::string_view)>& rename) const {
  TopK out(capacity_);
  out.total_ = total_;
  out.null_count_ = null_count_;
  out.nan_count_ = nan_count_;
  out.pos_inf_count_ = pos_inf_count_;
  out.neg_inf_count_ = neg_inf_count_;
  if (table_ == nullptr) return out;
  if (!out.ensure_table() || !out.table_->reserve(table_->size())) throw std::bad_alloc();
  out.table_->set_max_error(table_->max_error());
  for (const std::uint32_t at : sorted_positions()) {
    const std::uint64_t high = table_->high(at);
    const std::uint64_t error = table_->error(at);
    if (table_->kind(at) != Kind::kText) {
      if (!out.table_->insert(table_->key(at), high, error)) throw std::bad_alloc();
      continue;
    }
    const std::string text = rename(table_->text(at));
    if (!out.table_->join(detail::TopKTable::key_of(std::string_view(text)), high, error))
      throw std::bad_alloc();
  }
  return out;
}

TopK TopK::from_counters(std::uint32_t capacity, std::uint64_t total, std::uint64_t max_error,
                         const std::vector<Counter>& counters) {
  TopK out(capacity);
  if (counters.size() > capacity) {
    detail::fail<InvalidArgument>("there are more counters than capacity", counters.size());
  }
  // As from_bytes() has it: what purges removed, capacity / 2 + 1 times the error, is missing in
  // the counters.
  const std::uint64_t purged = std::uint64_t{capacity} / 2 + 1;
  if (total > kMaxTotal) detail::fail<InvalidArgument>("the total must be below 2^63", total);
  if (max_error > total / purged) {
    detail::fail<InvalidArgument>("the error is above total / (capacity / 2 + 1)", max_error);
  }
  std::uint64_t left = total;
  std::uint64_t unpurged = total - max_error * purged;
  if (!out.ensure_table() || !out.table_->reserve(counters.size())) throw std::bad_alloc();
  out.table_->set_max_error(max_error);
  for (const auto& [item, weight] : counters) {
    if (weight <= max_error || weight > left || weight - max_error > unpurged) {
      detail::fail<InvalidArgument>("a weight contradicts the total or the error", weight);
    }
    left -= weight;
    unpurged -= weight - max_error;
    const detail::TopKTable::Key key = detail::TopKTable::key_of(item);
    if (out.table_->find(key) != 0) {
      detail::fail<InvalidArgument>("an item is there twice; its weight", weight);
    }
    if (!out.table_->insert(key, weight, 0)) throw std::bad_alloc();
  }
  if (max_error == 0 && left != 0) {
    detail::fail<InvalidArgument>("weight without a counter, though the error is 0", left);
  }
  out.total_ = total;
  return out;
}

bool TopK::merge(const TopK& other) {
  const std::uint64_t counts[][2] = {{total_, other.total_},
                                     {null_count_, other.null_count_},
                                     {nan_count_, other.nan_count_},
                                     {pos_inf_count_, other.pos_inf_count_},
                                     {neg_inf_count_, other.neg_inf_count_}};
  for (const auto& [mine, theirs] : counts) {
    if (!fits(mine, theirs)) {
      detail::fail<InvalidArgument>(
          "counts must stay below 2^63; to " + detail::describe(mine) + " cannot be added", theirs);
    }
  }
  const std::uint32_t capacity = std::min(capacity_, other.capacity_);
  if (other.size() != 0 || other.max_error() != 0 || size() > capacity) {
    const detail::TopKTable none(1);
    const detail::TopKTable& mine = table_ == nullptr ? none : *table_;
    const detail::TopKTable& theirs = other.table_ == nullptr ? none : *other.table_;
    std::unique_ptr<detail::TopKTable> sum(new (std::nothrow)
                                               detail::TopKTable(std::size_t{capacity} + 1));
    if (sum == nullptr || !sum->add(mine, theirs)) return false;
    // One more than the capacity is enough to subtract, so as many counters stay as may.
    if (sum->size() > capacity) sum->purge(capacity + 1);
    sum->shrink();
    table_ = std::move(sum);
  }
  capacity_ = capacity;
  total_ += other.total_;
  null_count_ += other.null_count_;
  nan_count_ += other.nan_count_;
  pos_inf_count_ += other.pos_inf_count_;
  neg_inf_count_ += other.neg_inf_count_;
  return true;
}

bool TopK::assign(const TopK& other) noexcept {
  if (&other == this) return true;
  std::unique_ptr<detail::TopKTable> table;
  if (other.table_ != nullptr) {
    table.reset(new (std::nothrow) detail::TopKTable(std::size_t{other.capacity_} + 1));
    if (table == nullptr || !table->assign(*other.table_)) return false;
  }
  table_ = std::move(table);
  capacity_ = other.capacity_;
  total_ = other.total_;
  null_count_ = other.null_count_;
  nan_count_ = other.nan_count_;
  pos_inf_count_ = other.pos_inf_count_;
  neg_inf_count_ = other.neg_inf_count_;
  return true;
}

void TopK::reset(bool keep_memory) noexcept {
  if (!keep_memory) {
    table_.reset();
  } else if (table_ != nullptr) {
    table_->clear();
  }
  total_ = null_count_ = nan_count_ = pos_inf_count_ = neg_inf_count_ = 0;
}

}  // namespace inlay
