#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inlay/export.hpp"

namespace inlay {

/// What an instrument measures; decides the shape of its rows.
enum class Kind : uint8_t { counter, gauge, histogram };

/// The name of a kind as it stands in the column `kind`.
INLAY_API std::string_view kind_name(Kind) noexcept;

/// Everything about an instrument but its name and kind.
struct InstrumentOptions {
  std::string unit;                     ///< UCUM unit, may be empty.
  std::string description;              ///< One sentence for people.
  std::vector<std::string> attributes;  ///< Keys, in the order `bind` takes their values.
  std::string layer = "app";            ///< app, data, model, infra, training or self.
  int scale = 5;                        ///< Histograms: 2^scale buckets an octave.
  bool quantiles = false;               ///< Histograms: also keep a Kll of each window.
  bool cardinality = false;             ///< Histograms: also keep an Hll of each window.
};

/// What an instrument was made as, in words. A plain value.
struct InstrumentDescription {
  std::string name;
  std::string kind;
  std::string unit;
  std::string description;
};

namespace detail {
class Core;
struct Instrument;
struct Series;

/// Shared description of an instrument of one observer. Copies are cheap; thread-safe.
class INLAY_API InstrumentHandle {
 public:
  InstrumentHandle() noexcept = default;
  InstrumentHandle(std::shared_ptr<Core> core, Instrument* instrument) noexcept;

  explicit operator bool() const noexcept { return instrument_ != nullptr; }
  const std::string& name() const noexcept;
  const InstrumentOptions& options() const noexcept;
  Kind kind() const noexcept;

  const std::shared_ptr<Core>& core() const noexcept { return core_; }
  Instrument* instrument() const noexcept { return instrument_; }

 private:
  std::shared_ptr<Core> core_;
  Instrument* instrument_ = nullptr;
};

/// A reference to one series, which lives as long as any of them. Thread-safe to use, not to
/// assign.
class INLAY_API SeriesHandle {
 public:
  SeriesHandle() noexcept = default;
  /// Takes over one reference the registry has counted already.
  SeriesHandle(std::shared_ptr<Core> core, Series* series) noexcept;
  SeriesHandle(const SeriesHandle&) noexcept;
  SeriesHandle(SeriesHandle&&) noexcept;
  SeriesHandle& operator=(SeriesHandle) noexcept;
  ~SeriesHandle();

  /// False for a default-made handle, on which every record is a no-op.
  explicit operator bool() const noexcept { return series_ != nullptr; }

  /// The column `series_id`: MD5 of metric, attributes and service.name.
  int64_t series_id() const noexcept;

  /// The column `attrs`: canonical JSON.
  std::string_view attributes_json() const noexcept;

  Series* series() const noexcept { return series_; }
  const std::shared_ptr<Core>& core() const noexcept { return core_; }

 private:
  std::shared_ptr<Core> core_;
  Series* series_ = nullptr;
};

/// Finds or makes the series of these attribute values, in the order the keys were declared.
INLAY_API SeriesHandle bind(const InstrumentHandle&, const std::string_view* values, size_t count);

}  // namespace detail
}  // namespace inlay
