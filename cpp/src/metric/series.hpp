#pragma once

#include <atomic>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "inlay/metric/instrument.hpp"

namespace inlay::detail {

/// The one cell of a gauge series, shared by all threads. "Last" is last by modification order.
struct GaugeCell {
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  std::atomic<double> last{0.0};
  std::atomic<double> min{kNone}, max{-kNone};  // of the window; crossed when nobody set it
  std::atomic<uint32_t> nan{0}, pos_inf{0}, neg_inf{0};
  std::atomic<bool> set{false};
  std::atomic<bool> cleared{false};  // in the window

  void store(double value) noexcept;
  void add(double amount) noexcept;
  void clear() noexcept;
  void forget() noexcept;

 private:
  void widen(double value) noexcept;
  bool keep_apart(double value) noexcept;
};

/// One instrument with one set of attribute values. Allocated with its JSON text behind it; its
/// address is stable until it is retired. `refs` counts the registry and every handle.
struct Series {
  Core* core;
  Instrument* instrument;
  uint32_t key;  ///< Counters: slot. Histograms: slot and scale, see histogram_key.
  std::atomic<uint32_t> refs;
  int64_t series_id;
  int64_t active_us;  ///< Cut of the last window that saw a record. Collector only.
  GaugeCell* gauge;   ///< Null unless the instrument is a gauge.
  uint32_t json_size;
  bool retiring;  ///< Was idle and without handles at the last cut. Collector only.

  std::string_view json() const noexcept {
    return {reinterpret_cast<const char*>(this + 1), json_size};
  }
};

/// Log entries carry what a histogram's state is made of beside the slot, so that the fold can make
/// one without a look-up.
constexpr uint32_t kSlotBits = 24;
constexpr uint32_t kMaxSlots = 1u << kSlotBits;
constexpr uint32_t kQuantilesBit = 1u << 31;
constexpr uint32_t kCardinalityBit = 1u << 30;
constexpr int kScaleBias = 16;
inline uint32_t histogram_key(uint32_t slot, const InstrumentOptions& options) noexcept {
  return slot | static_cast<uint32_t>(options.scale + kScaleBias) << kSlotBits |
         (options.quantiles ? kQuantilesBit : 0) | (options.cardinality ? kCardinalityBit : 0);
}
constexpr uint32_t slot_of(uint32_t key) noexcept { return key & (kMaxSlots - 1); }
constexpr int scale_of(uint32_t key) noexcept {
  return static_cast<int>((key & ~(kQuantilesBit | kCardinalityBit)) >> kSlotBits) - kScaleBias;
}

/// Series of one instrument by series_id; open addressing, no deletion but by rebuild.
class SeriesTable {
 public:
  Series* find(int64_t series_id, std::string_view json) const noexcept;
  void insert(Series*);
  /// Drops every series marked by `expired`.
  template <typename Predicate>
  void erase_if(Predicate expired) {
    std::vector<Series*> old(slots_.size(), nullptr);
    old.swap(slots_);
    size_ = 0;
    for (Series* series : old) {
      if (series != nullptr && !expired(series)) insert(series);
    }
  }
  size_t size() const noexcept { return size_; }

 private:
  void grow(size_t capacity);
  std::vector<Series*> slots_;
  size_t size_ = 0;
};

struct Instrument {
  Core* core;
  Kind kind;
  std::string name;
  InstrumentOptions options;
  std::vector<uint32_t> json_order;  ///< Indices of the attribute keys in canonical order.
  SeriesTable table;                 ///< Guarded by the registry's mutex.
  Series* overflow = nullptr;
};

}  // namespace inlay::detail
