#include <inlay/inlay.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "inlay/error.hpp"
#include "inlay/observer.hpp"

using inlay::BoundCounter;
using inlay::BoundGauge;
using inlay::BoundHistogram;

struct inlay_observer {
  inlay::Observer observer;
};

struct inlay_series {
  std::variant<BoundCounter, BoundGauge, BoundHistogram> handle;
};

namespace {

thread_local std::string t_last_error;

int fail(int code, const char* message) noexcept {
  try {
    t_last_error = message;
  } catch (...) {
    t_last_error.clear();
  }
  return code;
}

/// Runs the body of a function of the interface: nothing is thrown across it.
template <typename Body>
int guarded(Body body) noexcept {
  try {
    return body();
  } catch (const inlay::InvalidArgument& error) {
    return fail(INLAY_INVALID_ARGUMENT, error.what());
  } catch (const std::bad_alloc&) {
    return fail(INLAY_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return fail(INLAY_ERROR, error.what());
  } catch (...) {
    return fail(INLAY_ERROR, "an exception of unknown type");
  }
}

std::string text_or(const char* text, const char* otherwise) {
  return text == nullptr ? otherwise : text;
}

/// The handle of a series of this kind, or null with the error set.
template <typename Handle>
const Handle* as(const inlay_series* series) noexcept {
  const Handle* const handle = series == nullptr ? nullptr : std::get_if<Handle>(&series->handle);
  if (handle == nullptr) {
    fail(INLAY_INVALID_ARGUMENT,
         series == nullptr ? "the series is null" : "the series is of another kind");
  }
  return handle;
}

template <typename Amount>
int add(const inlay_series* series, Amount amount) noexcept {
  const auto* const counter = as<BoundCounter>(series);
  if (counter == nullptr) return INLAY_INVALID_ARGUMENT;
  if (counter->add(amount)) return INLAY_OK;
  return guarded([&]() -> int {
    throw inlay::InvalidArgument("a counter only goes up, got " + std::to_string(amount));
  });
}

template <typename T>
int record_array(const inlay_series* series, const T* values, size_t count) noexcept {
  const auto* const histogram = as<BoundHistogram>(series);
  if (histogram == nullptr) return INLAY_INVALID_ARGUMENT;
  if (values == nullptr && count > 0) return fail(INLAY_INVALID_ARGUMENT, "the values are null");
  histogram->record_many(values, count);
  return INLAY_OK;
}

inlay::InstrumentOptions options_of(const inlay_instrument& instrument) {
  inlay::InstrumentOptions options;
  options.unit = text_or(instrument.unit, "");
  options.description = text_or(instrument.description, "");
  options.layer = text_or(instrument.layer, "app");
  for (size_t i = 0; i < instrument.num_attributes; ++i) {
    options.attributes.emplace_back(text_or(instrument.attribute_keys[i], ""));
  }
  return options;
}

}  // namespace

const char* inlay_last_error(void) { return t_last_error.c_str(); }

int inlay_observer_new(const inlay_observer_options* options, inlay_observer** out) {
  return guarded([&] {
    if (out == nullptr) throw inlay::InvalidArgument("the place for the observer is null");
    inlay::ObserverOptions chosen;
    if (options != nullptr) {
      if (options->struct_size < sizeof(inlay_observer_options)) {
        throw inlay::InvalidArgument("struct_size of the options is too small, got " +
                                     std::to_string(options->struct_size));
      }
      chosen.service_name = text_or(options->service_name, "");
      chosen.resource = text_or(options->resource, "{}");
      if (options->window_us != 0) chosen.window_us = options->window_us;
      if (options->max_series != 0) chosen.max_series = options->max_series;
    }
    *out = new inlay_observer{inlay::Observer(std::move(chosen))};
    return INLAY_OK;
  });
}

inlay_observer* inlay_observer_installed(void) {
  inlay_observer* found = nullptr;
  guarded([&] {
    if (auto installed = inlay::Observer::installed()) found = new inlay_observer{*installed};
    return INLAY_OK;
  });
  return found;
}

int inlay_observer_install(inlay_observer* observer) {
  return guarded([&] {
    if (observer == nullptr) throw inlay::InvalidArgument("the observer is null");
    observer->observer.install();
    return INLAY_OK;
  });
}

void inlay_observer_free(inlay_observer* observer) { delete observer; }

int inlay_observer_start(inlay_observer* observer) {
  return guarded([&] {
    if (observer == nullptr) throw inlay::InvalidArgument("the observer is null");
    observer->observer.start();
    return INLAY_OK;
  });
}

int inlay_observer_stop(inlay_observer* observer) {
  return guarded([&] {
    if (observer == nullptr) throw inlay::InvalidArgument("the observer is null");
    observer->observer.stop();
    return INLAY_OK;
  });
}

int inlay_observer_turn(inlay_observer* observer, struct ArrowArrayStream* points) {
  return guarded([&] {
    if (observer == nullptr || points == nullptr) {
      throw inlay::InvalidArgument("the observer or the place for its points is null");
    }
    observer->observer.turn()->points.export_stream(points);
    return INLAY_OK;
  });
}

int inlay_series_new(inlay_observer* observer, const inlay_instrument* instrument,
                     inlay_series** out) {
  return guarded([&] {
    if (observer == nullptr || instrument == nullptr || out == nullptr) {
      throw inlay::InvalidArgument(
          "the observer, the instrument or the place for the series is null");
    }
    if (instrument->struct_size < sizeof(inlay_instrument)) {
      throw inlay::InvalidArgument("struct_size of the instrument is too small, got " +
                                   std::to_string(instrument->struct_size));
    }
    const std::string name = text_or(instrument->name, "");
    const inlay::InstrumentOptions options = options_of(*instrument);
    std::vector<std::string_view> values;
    for (size_t i = 0; i < instrument->num_attributes; ++i) {
      if (instrument->attribute_values[i] == nullptr) {
        throw inlay::InvalidArgument("the value of an attribute is null: " + options.attributes[i]);
      }
      values.emplace_back(instrument->attribute_values[i]);
    }
    const auto bound = [&](const inlay::detail::InstrumentHandle& handle) {
      return inlay::detail::bind(handle, values.data(), values.size());
    };
    inlay::Observer& of = observer->observer;
    switch (instrument->kind) {
      case INLAY_COUNTER:
        *out = new inlay_series{BoundCounter(bound(of.counter(name, options)))};
        return INLAY_OK;
      case INLAY_GAUGE:
        *out = new inlay_series{BoundGauge(bound(of.gauge(name, options)))};
        return INLAY_OK;
      case INLAY_HISTOGRAM:
        *out = new inlay_series{BoundHistogram(bound(of.histogram(name, options)))};
        return INLAY_OK;
      default:
        throw inlay::InvalidArgument("the kind of an instrument is 0, 1 or 2, got " +
                                     std::to_string(instrument->kind));
    }
  });
}

void inlay_series_free(inlay_series* series) { delete series; }

int inlay_counter_add_i64(const inlay_series* series, int64_t amount) {
  return add(series, amount);
}
int inlay_counter_add_f64(const inlay_series* series, double amount) { return add(series, amount); }

int inlay_gauge_set(const inlay_series* series, double value) {
  const auto* const gauge = as<BoundGauge>(series);
  if (gauge == nullptr) return INLAY_INVALID_ARGUMENT;
  gauge->set(value);
  return INLAY_OK;
}

int inlay_gauge_add(const inlay_series* series, double amount) {
  const auto* const gauge = as<BoundGauge>(series);
  if (gauge == nullptr) return INLAY_INVALID_ARGUMENT;
  gauge->add(amount);
  return INLAY_OK;
}

int inlay_histogram_record(const inlay_series* series, double value) {
  const auto* const histogram = as<BoundHistogram>(series);
  if (histogram == nullptr) return INLAY_INVALID_ARGUMENT;
  histogram->record(value);
  return INLAY_OK;
}

int inlay_histogram_record_f64s(const inlay_series* series, const double* values, size_t count) {
  return record_array(series, values, count);
}

int inlay_histogram_record_f32s(const inlay_series* series, const float* values, size_t count) {
  return record_array(series, values, count);
}
