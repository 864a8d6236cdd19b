#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <inlay/detect/sorted_sample.hpp>
#include <inlay/error.hpp>
#include <memory>

#include "summary/block_sort.hpp"

namespace inlay {

SpanSink::~SpanSink() = default;
SampleSource::~SampleSource() = default;

namespace {

using Key = std::uint64_t;

constexpr unsigned kLevels = 8;
constexpr std::size_t kBuckets = 255;     // one byte, less the number of NaN's own
constexpr std::uint8_t kNan = 255;        // the bucket of NaN
constexpr std::size_t kPerBucket = 4096;  // keys and scratch of one fit the second-level cache
constexpr std::size_t kPerSplitter = 8;   // sampled keys a splitter, so that buckets come out even
constexpr std::size_t kAtOnce = 8;        // independent searches hide one another's waiting

// Zeros of either sign are one value.
Key key_of(double value) noexcept { return detail::ordered_bits(value + 0.0); }

// The sink of one pass: F is called with (const T* values, size).
template <class F>
class Pass final : public SpanSink {
 public:
  explicit Pass(F& f) : f_(f) {}
  void take(const double* values, std::size_t size) noexcept override { f_(values, size); }
  void take(const float* values, std::size_t size) noexcept override { f_(values, size); }

 private:
  F& f_;
};

template <class F>
std::size_t read(const SampleSource& source, F&& f) {
  Pass<F> pass(f);
  return source.read(pass);
}

// Up to 254 ascending splitters as an implicit search tree: bucket b holds the keys that as many
// splitters do not exceed.
class Splitters {
 public:
  // Every stride-th value is looked at. Periodic data make uneven buckets, which only cost time.
  Splitters(const SampleSource& source, std::size_t buckets) {
    const std::size_t wanted = buckets * kPerSplitter;
    const std::size_t stride = std::max<std::size_t>(1, source.size() / wanted);
    std::array<Key, 2 * kBuckets * kPerSplitter + 2> sample;
    std::array<Key, sample.size()> scratch;
    std::size_t found = 0;
    std::size_t next = stride / 2;  // from the start of the run at hand
    read(source, [&](const auto* values, std::size_t size) {
      for (; next < size && found < sample.size(); next += stride) {
        const auto value = static_cast<double>(values[next]);
        if (!std::isnan(value)) sample[found++] = key_of(value);
      }
      next = next < size ? 0 : next - size;
    });
    detail::sort_keys(sample.data(), scratch.data(), found);
    std::array<Key, kBuckets> sorted;
    sorted.fill(SortedSample::kEnd);
    std::size_t count = 0;
    for (std::size_t b = 1; b < buckets && found != 0; ++b) {
      const Key key = sample[b * found / buckets];
      if (count == 0 || key != sorted[count - 1]) sorted[count++] = key;
    }
    place(sorted, 0, kBuckets, 1);
  }

  std::size_t bucket(Key key) const noexcept {
    std::size_t at = 1;
    for (unsigned level = 0; level < kLevels; ++level) at = 2 * at + (key >= tree_[at] ? 1U : 0U);
    return at - kBuckets - 1;
  }

  // Writes the buckets of kAtOnce keys.
  void buckets(const Key* keys, std::uint8_t* out) const noexcept {
    std::uint32_t at[kAtOnce];
    std::fill_n(at, kAtOnce, 1U);
    for (unsigned level = 0; level < kLevels; ++level) {
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kAtOnce; ++i) {
        at[i] = 2 * at[i] + (keys[i] >= tree_[at[i]] ? 1U : 0U);
      }
    }
    for (std::size_t i = 0; i < kAtOnce; ++i) out[i] = static_cast<std::uint8_t>(at[i]);
  }

 private:
  // The middle of 2^k - 1 keys is the root, the halves its subtrees.
  void place(const std::array<Key, kBuckets>& sorted, std::size_t begin, std::size_t end,
             std::size_t at) noexcept {
    if (begin == end) return;
    const std::size_t middle = begin + (end - begin) / 2;
    tree_[at] = sorted[middle];
    place(sorted, begin, middle, 2 * at);
    place(sorted, middle + 1, end, 2 * at + 1);
  }

  std::array<Key, kBuckets + 1> tree_{};
};

// The numbers of buckets of a run, and how many keys each bucket gets.
template <class T>
void classify(const Splitters& splitters, const T* values, std::size_t size, std::uint8_t* out,
              std::array<std::size_t, kBuckets + 1>& counts) noexcept {
  Key keys[kAtOnce];
  std::size_t at = 0;
  for (; at + kAtOnce <= size; at += kAtOnce) {
    for (std::size_t i = 0; i < kAtOnce; ++i) keys[i] = key_of(static_cast<double>(values[at + i]));
    splitters.buckets(keys, out + at);
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      const T value = values[at + i];
      out[at + i] = value != value ? kNan : out[at + i];
      ++counts[out[at + i]];
    }
  }
  for (; at < size; ++at) {
    const auto value = static_cast<double>(values[at]);
    out[at] = std::isnan(value) ? kNan : static_cast<std::uint8_t>(splitters.bucket(key_of(value)));
    ++counts[out[at]];
  }
}

}  // namespace

SortedSample::SortedSample(const SampleSource& source) {
  const std::size_t total = source.size();
  if (total > kMaxSize) {
    detail::fail<InvalidArgument>("a sample to sort has at most 2^30 - 1 values", total);
  }
  if (total == 0) return;
  const std::size_t wanted = std::clamp<std::size_t>(total / kPerBucket, 1, kBuckets);
  const Splitters splitters(source, wanted);
  const std::unique_ptr<std::uint8_t[]> buckets(new std::uint8_t[total]);
  std::array<std::size_t, kBuckets + 1> begins{};
  std::size_t at = 0;
  null_count_ = read(source, [&](const auto* values, std::size_t size) {
    classify(splitters, values, size, buckets.get() + at, begins);
    at += size;
  });
  nan_count_ = begins[kNan];
  std::size_t before = 0;
  std::size_t largest = 0;
  for (std::size_t& begin : begins) {
    largest = std::max(largest, &begin == &begins[kNan] ? 0 : begin);
    before += std::exchange(begin, before);
  }
  const std::size_t size = begins[kNan];
  if (size == 0) return;
  keys_.resize(before + 1);  // NaN go behind the others and are cut off
  at = 0;
  std::array<std::size_t, kBuckets + 1> ends = begins;
  read(source, [&](const auto* values, std::size_t run) {
    for (std::size_t i = 0; i < run; ++i) {
      keys_[ends[buckets[at + i]]++] = key_of(static_cast<double>(values[i]));
    }
    at += run;
  });
  keys_.resize(size + 1);
  keys_.back() = kEnd;
  const std::unique_ptr<Key[]> scratch(new Key[largest]);
  for (std::size_t b = 0; b < kBuckets; ++b) {
    detail::sort_keys(keys_.data() + begins[b], scratch.get(), ends[b] - begins[b]);
  }
}

bool SortedSample::has_infinity() const noexcept {
  return size() != 0 && (std::isinf(value(0)) || std::isinf(value(size() - 1)));
}

double SortedSample::value(std::size_t i) const noexcept {
  return detail::from_ordered_bits<double>(keys_[i]);
}

}  // namespace inlay
