#include "signal.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fake_nvml {
namespace {

// A tick of what has no refresh period, for its jitter.
constexpr double kJitterTick = 1e-3;

struct Step {
  double at;
  std::size_t change;
  bool ends;
};

}  // namespace

double hashed_unit(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = seed ^ (a * 0x9e3779b97f4a7c15ULL) ^ (b * 0xc2b2ae3d27d4eb4fULL);
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  x ^= x >> 33;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

double Signal::Piece::value(double t) const {
  const double since = t - origin;
  switch (shape) {
    case Shape::kHold:
      return a;
    case Shape::kRamp:
      return since >= duration ? b : a + (b - a) * since / duration;
    case Shape::kRate:
      return a + b * since;
    case Shape::kWave:
      return (a + b) / 2 +
             (b - a) / 2 * std::sin(2 * std::numbers::pi * std::fmod(since, duration) / duration);
    case Shape::kSquare:
      return std::fmod(since, duration) < duration / 2 ? a : b;
  }
  return a;
}

double Signal::Piece::primitive(double since) const {
  switch (shape) {
    case Shape::kHold:
      return a * since;
    case Shape::kRamp: {
      const double inside = std::min(since, duration);
      const double ramp = a * inside + (b - a) * inside * inside / (2 * duration);
      return ramp + b * (since - inside);
    }
    case Shape::kRate:
      return a * since + b * since * since / 2;
    case Shape::kWave: {
      const double angle = 2 * std::numbers::pi * std::fmod(since, duration) / duration;
      const double scale = (b - a) / 2 * duration / (2 * std::numbers::pi);
      return (a + b) / 2 * since + scale * (1 - std::cos(angle));
    }
    case Shape::kSquare: {
      const double periods = std::floor(since / duration);
      const double rest = since - periods * duration;
      const double high = std::min(rest, duration / 2);
      return periods * (a + b) / 2 * duration + a * high + b * (rest - high);
    }
  }
  return 0;
}

double Signal::Piece::integral(double from, double to) const {
  return shape == Shape::kHold ? a * (to - from)
                               : primitive(to - origin) - primitive(from - origin);
}

void Signal::build() {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    steps.push_back({changes_[i].at, i, false});
    if (std::isfinite(changes_[i].until)) {
      steps.push_back({changes_[i].until, i, true});
    }
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& x, const Step& y) { return x.at < y.at; });
  pieces_.assign(1, Piece{0, 0, Shape::kHold, base_, base_, 0});
  std::vector<Piece> covered(changes_.size(), pieces_.front());
  for (const Step& step : steps) {
    const Change& change = changes_[step.change];
    Piece next = pieces_.back();
    if (step.ends) {
      next = covered[step.change];
    } else {
      covered[step.change] = next;
      if (change.add) {
        // What grows goes on growing.
        const double now = next.value(step.at);
        const bool grows = next.shape == Shape::kRate;
        next.a = now + change.a;
        next.b = grows ? next.b : 0;
        next.shape = grows ? Shape::kRate : Shape::kHold;
      } else {
        next = Piece{0, 0, change.shape, change.a, change.b, change.duration};
        if (change.shape == Shape::kRate && std::isnan(change.a)) {
          next.a = pieces_.back().value(step.at);
        }
      }
      next.origin = step.at;
    }
    next.start = step.at;
    if (pieces_.back().start == step.at) {
      next.before = pieces_.back().before;
      pieces_.back() = next;
    } else {
      next.before = pieces_.back().before + pieces_.back().integral(pieces_.back().start, step.at);
      pieces_.push_back(next);
    }
  }
}

const Signal::Piece& Signal::piece(double t) const {
  if (pieces_.size() == 1) {
    return pieces_.front();
  }
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), t,
                                [](double at, const Piece& piece) { return at < piece.start; });
  return after == pieces_.begin() ? pieces_.front() : *(after - 1);
}

double Signal::refreshed(double t) const {
  // A whole number of periods; the small part is for 0.3 / 0.1.
  return refresh_ > 0 ? std::floor(t / refresh_ + 1e-9) * refresh_ : t;
}

double Signal::value(double t) const {
  t = refreshed(t);
  double value = piece(t).value(t);
  if (jitter_ > 0) {
    const double tick = std::floor(t / (refresh_ > 0 ? refresh_ : kJitterTick) + 0.5);
    value += jitter_ * (2 * hashed_unit(seed_, static_cast<std::uint64_t>(tick), 1) - 1);
  }
  return value;
}

double Signal::integral_to(double t) const {
  const Piece& last = piece(t);
  return last.before + last.integral(last.start, t);
}

double Signal::total(double t) const { return integral_to(refreshed(t)); }

double Signal::mean(double from, double to) const {
  const Piece& last = piece(to);
  if (to <= from || (last.shape == Shape::kHold && last.start <= from)) {
    return last.value(to);  // not a difference of large integrals
  }
  return (integral_to(to) - integral_to(from)) / (to - from);
}

bool Signal::absent() const { return changes_.empty() && std::isnan(base_); }

std::uint64_t Signal::counted(double amount) const {
  if (!(amount > 0)) {
    return 0;
  }
  if (modulus_ > 0) {
    amount = std::fmod(amount, modulus_);
  }
  if (ceiling_ > 0) {
    amount = std::min(amount, ceiling_);
  }
  // The small part is for what 0.1 * 10 loses.
  return amount < 0x1p63 ? static_cast<std::uint64_t>(amount + 1e-6)
                         : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace fake_nvml
