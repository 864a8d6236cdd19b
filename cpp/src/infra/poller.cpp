#include "inlay/infra/poller.hpp"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#include "infra/fork_guard.hpp"
#include "inlay/error.hpp"
#include "inlay/names.hpp"

namespace inlay::infra {

namespace {

constexpr std::int64_t kShortestPeriodUs = 1000;
constexpr int kMostDoublings = 4;        // 16 times
constexpr int kSlowTicks = 3;            // in a row, before the period doubles
constexpr int kQuickTicks = 10;          // in a row, before it halves
constexpr std::size_t kMostEvents = 64;  // between two calls of take()

// Two histograms a task at 16 buckets an octave are fine enough to see a millisecond late, and
// small; what lies within these bounds never makes one grow.
constexpr int kScale = 4;
constexpr double kShortest = 1e-7, kLongest = 100.0;

// A wait this long or longer is cut, so that a suspended machine is noticed.
constexpr std::int64_t kLongestWaitNs = 60'000'000'000;

std::int64_t thread_cpu_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

ExpHistogram roomy_histogram() {
  ExpHistogram histogram(kScale);
  histogram.update(kShortest);
  histogram.update(kLongest);
  histogram.reset(true);
  return histogram;
}

std::string seconds_text(std::int64_t us) {
  std::string text =
      std::to_string(us / 1'000'000) + '.' + std::to_string(1'000'000 + us % 1'000'000).substr(1);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

struct Poller::Entry {
  Task run;
  TaskStats stats;
  std::int64_t phase_ns = 0;
  std::int64_t due_ns = 0;
  int doublings = 0, slow = 0, quick = 0;
};

class Poller::Forks final : public ForkGuarded {
 public:
  explicit Forks(Poller& poller) : poller_(poller) { enter_fork_table(this, Order::kThreads); }
  ~Forks() { leave_fork_table(this); }
  void before_fork() noexcept override {
    poller_.change_mutex_.lock();
    poller_.tick_mutex_.lock();
    poller_.mutex_.lock();
  }
  void after_fork_in_parent() noexcept override {
    poller_.mutex_.unlock();
    poller_.tick_mutex_.unlock();
    poller_.change_mutex_.unlock();
  }
  void after_fork_in_child() noexcept override {
    renew(poller_.wake_);
    renew(poller_.done_);
    leave_behind(poller_.thread_);
    poller_.stopping_ = false;
    poller_.events_.clear();
    after_fork_in_parent();
  }

 private:
  Poller& poller_;
};

Poller::Poller(std::string name, std::shared_ptr<Clock> clock)
    : name_(std::move(name)),
      clock_(clock == nullptr ? std::make_shared<SystemClock>() : std::move(clock)),
      wake_(new std::condition_variable),
      done_(new std::condition_variable),
      forks_(std::make_unique<Forks>(*this)) {
  events_.reserve(kMostEvents);
}

Poller::~Poller() { stop(); }

std::uint32_t Poller::add(std::string name, std::int64_t period_us, Task run,
                          std::int64_t phase_us) {
  if (period_us < kShortestPeriodUs) {
    detail::fail<InvalidArgument>("a task's period must be at least 1 ms; microseconds", period_us);
  }
  auto entry = std::make_unique<Entry>();
  entry->run = std::move(run);
  entry->stats.name = std::move(name);
  entry->stats.period_us = entry->stats.period_now_us = period_us;
  entry->stats.jitter = roomy_histogram();
  entry->stats.cost = roomy_histogram();
  entry->phase_ns = std::max<std::int64_t>(phase_us, 0) * 1000;
  std::lock_guard lock(mutex_);
  if (thread_ != nullptr) {
    if (thread_->get_id() != std::this_thread::get_id()) {
      detail::fail<InvalidArgument>("a task cannot be added while the poller runs",
                                    entry->stats.name);
    }
    entry->due_ns = clock_->now().steady_ns + entry->phase_ns;
  }
  entries_.push_back(std::move(entry));
  return static_cast<std::uint32_t>(entries_.size() - 1);
}

void Poller::start() {
  std::lock_guard changing(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (thread_ != nullptr) return;
    stopping_ = false;
    seen_version_ = done_version_ = 0;
    const std::int64_t now_ns = clock_->now().steady_ns;
    for (const auto& entry : entries_) entry->due_ns = now_ns + entry->phase_ns;
    thread_ = std::make_unique<std::thread>([this] { run(); });
    pthread_setname_np(thread_->native_handle(), name_.substr(0, 15).c_str());
  }
  if (!clock_->runs_by_itself()) clock_->add_listener(this);
}

void Poller::stop() noexcept {
  std::lock_guard changing(change_mutex_);
  std::unique_ptr<std::thread> ending;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_->notify_all();
    done_->notify_all();
    ending = std::move(thread_);
  }
  if (ending == nullptr) return;
  if (!clock_->runs_by_itself()) clock_->remove_listener(this);
  ending->join();
}

bool Poller::running() const noexcept {
  std::lock_guard lock(mutex_);
  return thread_ != nullptr;
}

std::size_t Poller::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

TaskStats Poller::stats(std::uint32_t task) const {
  std::lock_guard lock(mutex_);
  if (task >= entries_.size()) detail::fail<OutOfRange>("there is no task", task);
  return entries_[task]->stats;
}

void Poller::take(std::vector<Event>& events) {
  std::lock_guard lock(mutex_);
  for (Event& event : events_) events.push_back(std::move(event));
  events_.clear();
}

Poller::Entry* Poller::next_due(std::int64_t now_ns, std::int64_t& wait_ns) noexcept {
  Entry* found = nullptr;
  wait_ns = kLongestWaitNs;
  for (const auto& entry : entries_) {
    if (entry->due_ns > now_ns) {
      wait_ns = std::min(wait_ns, entry->due_ns - now_ns);
    } else if (found == nullptr || entry->stats.period_us < found->stats.period_us) {
      found = entry.get();
    }
  }
  return found;
}

void Poller::run() noexcept {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::uint64_t version = seen_version_;
    std::int64_t wait_ns = 0;
    if (Entry* const due = next_due(clock_->now().steady_ns, wait_ns)) {
      tick(*due, lock);
      continue;
    }
    done_version_ = version;
    done_->notify_all();
    if (stopping_ || seen_version_ != version) continue;
    if (clock_->runs_by_itself()) {
      wake_->wait_for(lock, std::chrono::nanoseconds(wait_ns));
    } else {
      wake_->wait(lock);
    }
  }
}

void Poller::tick(Entry& entry, std::unique_lock<std::mutex>& lock) noexcept {
  // A fork takes the tick's lock before this one.
  lock.unlock();
  tick_mutex_.lock();
  const Instant began = clock_->now();
  const std::int64_t cpu_before = thread_cpu_ns();
  bool failed = false;
  try {
    entry.run({began.wall_us, began.steady_ns, entry.stats.period_now_us});
  } catch (...) {
    failed = true;
  }
  const std::int64_t cpu_ns = thread_cpu_ns() - cpu_before;
  const std::int64_t wall_ns = clock_->now().steady_ns - began.steady_ns;
  tick_mutex_.unlock();
  lock.lock();

  TaskStats& stats = entry.stats;
  const std::int64_t late_ns = std::max<std::int64_t>(began.steady_ns - entry.due_ns, 0);
  ++stats.ticks;
  if (failed) ++stats.failed;
  stats.cpu_ns += cpu_ns;
  stats.jitter.update(std::max(static_cast<double>(late_ns) * 1e-9, kShortest));
  stats.cost.update(std::max(static_cast<double>(wall_ns) * 1e-9, kShortest));

  const std::int64_t period_ns = stats.period_now_us * 1000;
  const std::int64_t skipped = late_ns / period_ns;
  stats.missed += static_cast<std::uint64_t>(skipped);
  entry.due_ns += (skipped + 1) * period_ns;
  adapt(entry, wall_ns);
}

void Poller::adapt(Entry& entry, std::int64_t wall_ns) noexcept {
  TaskStats& stats = entry.stats;
  const std::int64_t period_ns = stats.period_now_us * 1000;
  entry.slow = wall_ns > period_ns / 10 ? entry.slow + 1 : 0;
  entry.quick = wall_ns < period_ns / 50 ? entry.quick + 1 : 0;
  const bool slower = entry.slow >= kSlowTicks && entry.doublings < kMostDoublings;
  const bool faster = entry.quick >= kQuickTicks && entry.doublings > 0;
  if (!slower && !faster) return;
  entry.slow = entry.quick = 0;
  entry.doublings += slower ? 1 : -1;
  if (slower) ++stats.backoffs;
  stats.period_now_us = stats.period_us << entry.doublings;
  entry.due_ns += stats.period_now_us * 1000 - period_ns;
  if (events_.size() == kMostEvents) return;
  try {
    Event event;
    event.name = "inlay.collector.backoff";
    event.layer = "infra";
    event.time_us = clock_->now().wall_us;
    event.severity = slower ? 13 : 9;
    event.body =
        stats.name +
        (slower ? " took too long, its period is now " : " is quick again, its period is now ") +
        seconds_text(stats.period_now_us) + " s";
    event.attrs = canonical_json({{"collector", name_},
                                  {"task", stats.name},
                                  {"period", seconds_text(stats.period_now_us)},
                                  {"seconds", seconds_text(wall_ns / 1000)}});
    events_.push_back(std::move(event));
  } catch (...) {
    return;  // no memory to tell it with; the statistics do
  }
}

void Poller::clock_moved(std::uint64_t version) noexcept {
  std::unique_lock lock(mutex_);
  if (thread_ == nullptr) return;
  seen_version_ = version;
  wake_->notify_all();
  done_->wait(lock, [&] { return done_version_ >= version || stopping_; });
}

}  // namespace inlay::infra
