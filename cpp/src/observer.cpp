#include "inlay/observer.hpp"

#include "metric/core.hpp"
#include "metric/facts.hpp"

namespace inlay {

namespace detail {

InstrumentHandle::InstrumentHandle(std::shared_ptr<Core> core, Instrument* instrument) noexcept
    : core_(std::move(core)), instrument_(instrument) {}

const std::string& InstrumentHandle::name() const noexcept { return instrument_->name; }
const InstrumentOptions& InstrumentHandle::options() const noexcept { return instrument_->options; }
Kind InstrumentHandle::kind() const noexcept { return instrument_->kind; }

SeriesHandle::SeriesHandle(std::shared_ptr<Core> core, Series* series) noexcept
    : core_(std::move(core)), series_(series) {}

SeriesHandle::SeriesHandle(const SeriesHandle& other) noexcept
    : core_(other.core_), series_(other.series_) {
  if (series_ != nullptr) series_->refs.fetch_add(1, std::memory_order_relaxed);
}

SeriesHandle::SeriesHandle(SeriesHandle&& other) noexcept
    : core_(std::move(other.core_)), series_(std::exchange(other.series_, nullptr)) {}

SeriesHandle& SeriesHandle::operator=(SeriesHandle other) noexcept {
  std::swap(core_, other.core_);
  std::swap(series_, other.series_);
  return *this;
}

SeriesHandle::~SeriesHandle() {
  if (series_ != nullptr) series_->refs.fetch_sub(1, std::memory_order_release);
}

int64_t SeriesHandle::series_id() const noexcept {
  return series_ == nullptr ? 0 : series_->series_id;
}

std::string_view SeriesHandle::attributes_json() const noexcept {
  return series_ == nullptr ? std::string_view("{}") : series_->json();
}

SeriesHandle bind(const InstrumentHandle& handle, const std::string_view* values, size_t count) {
  if (!handle) return {};
  return {handle.core(), handle.core()->registry().bind(handle.instrument(), values, count)};
}

}  // namespace detail

void BoundHistogram::exemplar(double value, std::string_view trace_id,
                              std::string_view span_id) const {
  detail::check_trace_id(trace_id);
  detail::check_span_id(span_id);
  if (series() == nullptr) return;
  core()->side_tables().add(series(),
                            {value, core()->now_us(), std::string(trace_id), std::string(span_id)});
}

Observer::Observer(ObserverOptions options)
    : core_(std::make_shared<detail::Core>(std::move(options))) {}

Counter Observer::counter(std::string_view name, const InstrumentOptions& options) {
  return {core_, core_->registry().instrument(Kind::counter, name, options)};
}

Gauge Observer::gauge(std::string_view name, const InstrumentOptions& options) {
  return {core_, core_->registry().instrument(Kind::gauge, name, options)};
}

Histogram Observer::histogram(std::string_view name, const InstrumentOptions& options) {
  return {core_, core_->registry().instrument(Kind::histogram, name, options)};
}

void Observer::install() { detail::install(core_); }
void Observer::uninstall() noexcept { detail::uninstall(core_.get()); }

std::optional<Observer> Observer::installed() {
  auto core = detail::installed();
  return core == nullptr ? std::nullopt : std::optional(Observer(std::move(core)));
}

std::vector<InstrumentDescription> Observer::instruments() const {
  return core_->registry().descriptions();
}

bool Observer::event(Event event) { return core_->add(std::move(event)); }
bool Observer::span(Span span) { return core_->add(std::move(span)); }
bool Observer::verdict(Verdict verdict) { return core_->add(std::move(verdict)); }

bool Observer::points(const Table& table) { return core_->add_points(table); }
bool Observer::verdicts(const Table& table) { return core_->add_verdicts(table); }
bool Observer::table(const std::string& name, const Table& table) {
  return core_->add_table(name, table);
}
int64_t Observer::now_us() const noexcept { return core_->now_us(); }

std::shared_ptr<const NativeBatch> Observer::turn() { return core_->turn(); }
std::shared_ptr<const NativeBatch> Observer::peek() { return core_->peek(); }
void Observer::start() { core_->start(); }
std::shared_ptr<const NativeBatch> Observer::stop() { return core_->stop(); }
Next Observer::next(int64_t timeout_us) { return core_->outbox().next(timeout_us); }
void Observer::observed() noexcept { core_->outbox().observed(); }
void Observer::set_observing(bool on) noexcept { core_->set_observing(on); }
void Observer::set_resource(std::string resource) { core_->set_resource(std::move(resource)); }
ObserverStats Observer::stats() { return core_->stats(); }
int64_t Observer::origin() const noexcept { return core_->origin(); }
int64_t Observer::window_seq() const noexcept { return core_->window_seq(); }
int64_t Observer::expire_us() const noexcept { return core_->options().expire_us; }
std::atomic<uint32_t>& Observer::attention() noexcept { return core_->attention(); }
bool Observer::started() const noexcept { return core_->started(); }

}  // namespace inlay
