#include "inlay/infra/intervals.hpp"

#include <algorithm>
#include <charconv>

#include "infra/fork_guard.hpp"
#include "inlay/names.hpp"

namespace inlay::infra {

namespace {

// A tick that was busy for all but this share of it was busy throughout: clocks differ a little.
constexpr double kThroughout = 0.98;

std::string number_text(double value) {
  char text[32];
  const auto end =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 9).ptr;
  return std::string(text, end);
}

}  // namespace

class IntervalLog::Forks final : public ForkGuarded {
 public:
  explicit Forks(IntervalLog& log) : log_(log) { enter_fork_table(this, Order::kStores); }
  ~Forks() { leave_fork_table(this); }
  void before_fork() noexcept override { log_.mutex_.lock(); }
  void after_fork_in_parent() noexcept override { log_.mutex_.unlock(); }
  void after_fork_in_child() noexcept override {
    for (Open& open : log_.open_) open = {};
    log_.first_ = log_.size_ = 0;
    log_.dropped_ = 0;
    log_.mutex_.unlock();
  }

 private:
  IntervalLog& log_;
};

IntervalLog::IntervalLog(std::size_t capacity)
    : ring_(std::max<std::size_t>(capacity, 1)), forks_(std::make_unique<Forks>(*this)) {}

IntervalLog::~IntervalLog() = default;

std::uint32_t IntervalLog::add(IntervalTrack track) {
  auto shared = std::make_shared<const IntervalTrack>(std::move(track));
  std::lock_guard lock(mutex_);
  tracks_.reserve(tracks_.size() + 1);
  open_.push_back({});
  tracks_.push_back(std::move(shared));
  return static_cast<std::uint32_t>(open_.size() - 1);
}

void IntervalLog::extend(std::uint32_t track, std::int64_t start_us, std::int64_t end_us,
                         double amount) noexcept {
  std::lock_guard lock(mutex_);
  extend_locked(track, start_us, end_us, amount);
}

void IntervalLog::stalled(std::uint32_t track, std::int64_t start_us, std::int64_t end_us,
                          double busy_us) noexcept {
  std::lock_guard lock(mutex_);
  if (track >= open_.size()) return;
  if (!(busy_us > 0) || end_us <= start_us) {
    close_locked(track, false);
    return;
  }
  const auto length = static_cast<double>(end_us - start_us);
  const bool throughout = busy_us >= kThroughout * length;
  const auto busy = static_cast<std::int64_t>(throughout ? length : busy_us);
  Open& open = open_[track];
  if (!open.open) {
    // What goes on into the next tick began so long before this one's end.
    extend_locked(track, end_us - busy, end_us, busy_us);
    return;
  }
  // Between the two it went on: what ends in this tick ended so long after its beginning.
  open.end_us = std::max(open.end_us, start_us + busy);
  open.amount += busy_us;
}

void IntervalLog::quiet(std::uint32_t track) noexcept {
  std::lock_guard lock(mutex_);
  if (track < open_.size()) close_locked(track, false);
}

void IntervalLog::extend_locked(std::uint32_t track, std::int64_t start_us, std::int64_t end_us,
                                double amount) noexcept {
  if (track >= open_.size() || end_us < start_us) return;
  Open& open = open_[track];
  if (!open.open) open = {start_us, end_us, 0, true};
  open.end_us = std::max(open.end_us, end_us);
  open.amount += amount;
}

void IntervalLog::close_locked(std::uint32_t track, bool open) noexcept {
  Open& ended = open_[track];
  if (!ended.open) return;
  ended.open = false;
  if (ended.end_us == ended.start_us && ended.amount == 0) return;  // told up to here already
  if (size_ == ring_.size()) {
    first_ = (first_ + 1) % ring_.size();
    --size_;
    ++dropped_;
  }
  ring_[(first_ + size_) % ring_.size()] = {ended.start_us, ended.end_us, ended.amount, track,
                                            open};
  ++size_;
}

void IntervalLog::take(std::vector<Event>& events) {
  std::vector<Finished> finished;
  std::vector<std::shared_ptr<const IntervalTrack>> tracks;
  {
    std::lock_guard lock(mutex_);
    finished.reserve(size_ + open_.size());
    tracks = tracks_;
    for (std::size_t i = 0; i < size_; ++i) {
      finished.push_back(ring_[(first_ + i) % ring_.size()]);
    }
    first_ = size_ = 0;
    for (std::uint32_t track = 0; track < open_.size(); ++track) {
      Open& open = open_[track];
      if (!open.open || (open.end_us == open.start_us && open.amount == 0)) continue;
      finished.push_back({open.start_us, open.end_us, open.amount, track, true});
      open = {open.end_us, open.end_us, 0, true};
    }
  }
  std::sort(finished.begin(), finished.end(), [](const Finished& a, const Finished& b) {
    return a.start_us != b.start_us ? a.start_us < b.start_us : a.track < b.track;
  });
  for (const Finished& each : finished) {
    const IntervalTrack& track = *tracks[each.track];
    auto attrs = track.attrs;
    if (!track.amount.empty()) {
      attrs.emplace_back(track.amount, number_text(each.amount * track.factor));
    }
    if (!track.share.empty() && each.end_us > each.start_us) {
      const double seconds = static_cast<double>(each.end_us - each.start_us) * 1e-6;
      attrs.emplace_back(track.share, number_text(each.amount * track.factor / seconds));
    }
    if (each.open) attrs.emplace_back("open", "true");
    Event event;
    event.name = track.name;
    event.layer = track.layer;
    event.time_us = each.start_us;
    event.end_time_us = each.end_us;
    event.severity = track.severity;
    event.attrs = canonical_json(std::move(attrs));
    events.push_back(std::move(event));
  }
}

std::uint64_t IntervalLog::dropped() const {
  std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace inlay::infra
