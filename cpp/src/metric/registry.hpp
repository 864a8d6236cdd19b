#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "metric/series.hpp"

namespace inlay::detail {

/// The instruments of one observer and their series. Thread-safe: one mutex, never held for long.
class Registry {
 public:
  Registry(Core* core, std::string service_name, uint32_t max_series);
  ~Registry();

  /// Finds or makes. Throws InvalidArgument for a bad name or a clash.
  Instrument* instrument(Kind kind, std::string_view name, const InstrumentOptions& options);

  /// What was made so far, by name.
  std::vector<InstrumentDescription> descriptions();

  /// Finds or makes the series and counts one more reference to it.
  Series* bind(Instrument* instrument, const std::string_view* values, size_t count);

  /// All series that are not retired, in the order they were made.
  void snapshot(std::vector<Series*>& out);

  /// Forgets series nobody refers to that were idle at this cut and the one before it. The two cuts
  /// make sure that no thread's log still names a slot that is given away again.
  void retire(int64_t idle_since_us);

  /// Number of slots handed out so far per kind: the collector's arrays are that long.
  uint32_t slots(Kind kind);

  size_t size();
  int64_t overflowed();

  std::mutex& mutex() noexcept { return mutex_; }

  /// Child of a fork: what the parent collected is the parent's.
  void forget_values() noexcept;

 private:
  Series* make(Instrument* instrument, const std::string& json, int64_t id);
  static void destroy(Series* series) noexcept;

  Core* const core_;
  const std::string service_name_;
  const uint32_t max_series_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Instrument>, std::less<>> instruments_;
  std::vector<Series*> all_;
  uint32_t slots_[3] = {};               // by Kind
  std::vector<uint32_t> free_slots_[3];  // by Kind
  int64_t overflowed_ = 0;
};

}  // namespace inlay::detail
