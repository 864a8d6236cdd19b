#include "metric/registry.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "inlay/error.hpp"
#include "inlay/names.hpp"
#include "metric/facts.hpp"

namespace inlay {

std::string_view kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::counter:
      return "counter";
    case Kind::gauge:
      return "gauge";
    case Kind::histogram:
      return "histogram";
  }
  return "";
}

}  // namespace inlay

namespace inlay::detail {

namespace {

// OpenTelemetry's name for the series that takes what is over the cap.
constexpr std::string_view kOverflowJson = R"({"otel.metric.overflow":"true"})";

// The rest of the slots is for overflow series, one a metric.
constexpr uint32_t kMaxOrdinarySlots = kMaxSlots - (1u << 16);

std::string describe(Kind kind, const InstrumentOptions& options) {
  std::string text(kind_name(kind));
  text += " of unit '" + options.unit + "', layer " + options.layer + ", attributes (";
  for (size_t i = 0; i < options.attributes.size(); ++i) {
    text += (i > 0 ? ", " : "") + options.attributes[i];
  }
  text += ")";
  if (kind == Kind::histogram) text += ", scale " + std::to_string(options.scale);
  if (options.quantiles) text += ", quantiles";
  if (options.cardinality) text += ", cardinality";
  return text + ", description '" + options.description + "'";
}

bool same(const InstrumentOptions& a, const InstrumentOptions& b) {
  return a.unit == b.unit && a.description == b.description && a.attributes == b.attributes &&
         a.layer == b.layer && a.scale == b.scale && a.quantiles == b.quantiles &&
         a.cardinality == b.cardinality;
}

void check(std::string_view name, Kind kind, const InstrumentOptions& options) {
  check_metric_name(name);
  for (const auto& key : options.attributes) {
    check_attribute_key(key);
    if (std::count(options.attributes.begin(), options.attributes.end(), key) > 1) {
      throw InvalidArgument("an attribute key is declared twice: '" + key + "'");
    }
  }
  check_layer(options.layer);
  if (!is_utf8(options.unit))
    throw InvalidArgument("a unit must be UTF-8, got '" + options.unit + "'");
  if (!is_utf8(options.description)) {
    throw InvalidArgument("a description must be UTF-8, got '" + options.description + "'");
  }
  if (kind == Kind::histogram && (options.scale < -4 || options.scale > 8)) {
    throw InvalidArgument("the scale of a histogram is from -4 to 8, got " +
                          std::to_string(options.scale));
  }
}

}  // namespace

Registry::Registry(Core* core, std::string service_name, uint32_t max_series)
    : core_(core), service_name_(std::move(service_name)), max_series_(max_series) {}

Registry::~Registry() {
  for (Series* series : all_) destroy(series);
}

void Registry::destroy(Series* series) noexcept {
  delete series->gauge;
  series->~Series();
  ::operator delete(series);
}

Instrument* Registry::instrument(Kind kind, std::string_view name,
                                 const InstrumentOptions& options) {
  check(name, kind, options);
  std::lock_guard lock(mutex_);
  if (const auto found = instruments_.find(name); found != instruments_.end()) {
    Instrument* const old = found->second.get();
    if (old->kind == kind && same(old->options, options)) return old;
    throw InvalidArgument("the metric '" + std::string(name) + "' exists as a " +
                          describe(old->kind, old->options) + " and was asked for as a " +
                          describe(kind, options));
  }
  auto made = std::make_unique<Instrument>();
  made->core = core_;
  made->kind = kind;
  made->name = name;
  made->options = options;
  made->json_order.resize(options.attributes.size());
  std::iota(made->json_order.begin(), made->json_order.end(), 0u);
  // Keys are ASCII, where the order of bytes is RFC 8785's order of UTF-16 code units.
  std::sort(made->json_order.begin(), made->json_order.end(),
            [&](uint32_t a, uint32_t b) { return options.attributes[a] < options.attributes[b]; });
  return instruments_.emplace(std::string(name), std::move(made)).first->second.get();
}

std::vector<InstrumentDescription> Registry::descriptions() {
  const std::scoped_lock lock(mutex_);
  std::vector<InstrumentDescription> found;
  found.reserve(instruments_.size());
  for (const auto& [name, instrument] : instruments_) {
    const InstrumentOptions& options = instrument->options;
    found.push_back(
        {name, std::string(kind_name(instrument->kind)), options.unit, options.description});
  }
  return found;
}

Series* Registry::bind(Instrument* instrument, const std::string_view* values, size_t count) {
  const auto& keys = instrument->options.attributes;
  if (count != keys.size()) {
    throw InvalidArgument("the metric '" + instrument->name + "' takes " +
                          std::to_string(keys.size()) + " attribute values, got " +
                          std::to_string(count));
  }
  std::string json = "{";
  for (size_t i = 0; i < count; ++i) {
    const uint32_t at = instrument->json_order[i];
    if (!is_utf8(values[at])) {
      throw InvalidArgument("the value of an attribute must be UTF-8, got another for '" +
                            keys[at] + "'");
    }
    if (i > 0) json += ',';
    append_json_string(json, keys[at]);
    json += ':';
    append_json_string(json, values[at]);
  }
  json += '}';
  const int64_t id = inlay::series_id(instrument->name, json, service_name_);

  std::lock_guard lock(mutex_);
  Series* series = instrument->table.find(id, json);
  if (series == nullptr) {
    const bool full = instrument->table.size() >= max_series_ ||
                      (slots_[static_cast<int>(instrument->kind)] >= kMaxOrdinarySlots &&
                       free_slots_[static_cast<int>(instrument->kind)].empty());
    if (full) {
      ++overflowed_;
      if (instrument->overflow == nullptr) {
        const std::string overflow(kOverflowJson);
        instrument->overflow =
            make(instrument, overflow, inlay::series_id(instrument->name, overflow, service_name_));
      }
      series = instrument->overflow;
    } else {
      series = make(instrument, json, id);
      instrument->table.insert(series);
    }
  }
  series->refs.fetch_add(1, std::memory_order_relaxed);
  return series;
}

Series* Registry::make(Instrument* instrument, const std::string& json, int64_t id) {
  const int kind = static_cast<int>(instrument->kind);
  all_.reserve(all_.size() + 1 > all_.capacity() ? all_.size() + all_.size() / 4 + 16
                                                 : all_.capacity());
  void* const memory = ::operator new(sizeof(Series) + json.size());
  auto* const series = new (memory) Series{};
  std::memcpy(static_cast<void*>(series + 1), json.data(), json.size());
  series->core = core_;
  series->instrument = instrument;
  series->json_size = static_cast<uint32_t>(json.size());
  series->series_id = id;
  series->refs.store(1, std::memory_order_relaxed);
  series->active_us = std::numeric_limits<int64_t>::max();  // the next cut sets it
  if (instrument->kind == Kind::gauge) {
    series->gauge = new (std::nothrow) GaugeCell;
    if (series->gauge == nullptr) {
      destroy(series);
      throw std::bad_alloc();
    }
  }
  uint32_t slot;
  if (free_slots_[kind].empty()) {
    slot = slots_[kind]++;
  } else {
    slot = free_slots_[kind].back();
    free_slots_[kind].pop_back();
  }
  series->key =
      instrument->kind == Kind::histogram ? histogram_key(slot, instrument->options) : slot;
  all_.push_back(series);
  return series;
}

void Registry::snapshot(std::vector<Series*>& out) {
  std::lock_guard lock(mutex_);
  out.assign(all_.begin(), all_.end());
}

void Registry::retire(int64_t idle_since_us) {
  std::lock_guard lock(mutex_);
  const auto unused = [&](const Series* series) {
    return series->refs.load(std::memory_order_acquire) == 1 && series->active_us <= idle_since_us;
  };
  bool any = false;
  for (Series* series : all_) {
    if (!unused(series)) {
      series->retiring = false;
    } else if (series->retiring) {
      any = true;
    }
  }
  if (any) {
    const auto expired = [&](const Series* series) { return series->retiring && unused(series); };
    for (auto& [name, instrument] : instruments_) {
      instrument->table.erase_if(expired);
      if (instrument->overflow != nullptr && expired(instrument->overflow))
        instrument->overflow = nullptr;
    }
    const auto gone =
        std::stable_partition(all_.begin(), all_.end(), [&](Series* s) { return !expired(s); });
    for (auto it = gone; it != all_.end(); ++it) {
      free_slots_[static_cast<int>((*it)->instrument->kind)].push_back(slot_of((*it)->key));
      destroy(*it);
    }
    all_.erase(gone, all_.end());
  }
  for (Series* series : all_) {
    if (unused(series)) series->retiring = true;
  }
}

uint32_t Registry::slots(Kind kind) {
  std::lock_guard lock(mutex_);
  return slots_[static_cast<int>(kind)];
}

size_t Registry::size() {
  std::lock_guard lock(mutex_);
  return all_.size();
}

int64_t Registry::overflowed() {
  std::lock_guard lock(mutex_);
  return overflowed_;
}

void Registry::forget_values() noexcept {
  overflowed_ = 0;
  for (Series* series : all_) {
    if (series->gauge != nullptr) series->gauge->forget();
  }
}

}  // namespace inlay::detail
