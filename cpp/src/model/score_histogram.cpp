#include <algorithm>
#include <bit>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/score_histogram.hpp>
#include <iterator>
#include <string>
#include <utility>

#include "model/score_place.hpp"

namespace inlay {
namespace {

constexpr std::uint64_t kCarry = std::uint64_t{1} << 31;
// Rows after which it is looked for counts to carry: seldom, and long before any overflows.
constexpr std::uint64_t kCarryEvery = std::uint64_t{1} << 20;

constexpr std::string_view kKinds[] = {"probability", "logit", "label"};

}  // namespace

std::string_view name_of(ScoreKind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }

ScoreKind score_kind_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kKinds); ++i) {
    if (name == kKinds[i]) return static_cast<ScoreKind>(i);
  }
  throw InvalidArgument("kind is 'probability', 'logit' or 'label': '" + std::string(name) + "'");
}

std::unique_ptr<ScoreHistogram::Page> ScoreHistogram::copy_of(const Page& page) {
  auto out = std::make_unique<Page>();
  out->low = page.low;
  if (page.high) out->high = std::make_unique<std::array<std::uint32_t, 2 * kPageBins>>(*page.high);
  if (page.weights)
    out->weights = std::make_unique<std::array<double, 2 * kPageBins>>(*page.weights);
  return out;
}

ScoreHistogram::ScoreHistogram(const ScoreHistogram& other)
    : kind_(other.kind_), weighted_(other.weighted_), since_carry_(other.since_carry_) {
  pages_.resize(other.pages_.size());
  for (std::size_t p = 0; p < pages_.size(); ++p) {
    if (other.pages_[p]) pages_[p] = copy_of(*other.pages_[p]);
  }
}

ScoreHistogram& ScoreHistogram::operator=(const ScoreHistogram& other) {
  return *this = ScoreHistogram(other);
}

std::uint16_t ScoreHistogram::place_of(ScoreKind kind, double score) noexcept {
  return kind == ScoreKind::kLogit ? detail::logit_place(score) : detail::probability_place(score);
}

ScoreHistogram::Page& ScoreHistogram::page_at(std::size_t page) {
  if (pages_.empty()) pages_.resize(2 * pages_per_side(kind_));
  std::unique_ptr<Page>& found = pages_[page];
  if (!found) {
    auto made = std::make_unique<Page>();
    if (weighted_) made->weights = std::make_unique<std::array<double, 2 * kPageBins>>();
    found = std::move(made);
  }
  return *found;
}

void ScoreHistogram::carry(Page& page) {
  if (!page.high) {
    if (std::all_of(page.low.begin(), page.low.end(), [](std::uint32_t n) { return n < kCarry; })) {
      return;
    }
    page.high = std::make_unique<std::array<std::uint32_t, 2 * kPageBins>>();
  }
  for (std::size_t i = 0; i < 2 * kPageBins; ++i) {
    (*page.high)[i] += page.low[i] >> 31;
    page.low[i] &= kCarry - 1;
  }
}

void ScoreHistogram::add(const std::uint16_t* places, const double* weights, std::size_t size) {
  if (since_carry_ + size > kCarryEvery) {
    for (const std::unique_ptr<Page>& page : pages_) {
      if (page) carry(*page);
    }
    since_carry_ = 0;
  }
  since_carry_ += size;
  if (size != 0 && pages_.empty()) pages_.resize(2 * pages_per_side(kind_));
  if (weighted_) {
    for (std::size_t i = 0; i < size; ++i) {
      Page& page = page_at(places[i] >> 8);
      ++page.low[places[i] & 0xFF];
      (*page.weights)[places[i] & 0xFF] += weights == nullptr ? 1.0 : weights[i];
    }
    return;
  }
  const std::unique_ptr<Page>* pages = pages_.data();
  for (std::size_t i = 0; i < size; ++i) {
    Page* page = pages[places[i] >> 8].get();
    if (page == nullptr) [[unlikely]]
      page = &page_at(places[i] >> 8);
    ++page->low[places[i] & 0xFF];
  }
}

void ScoreHistogram::add(std::uint16_t place, std::uint64_t count, double weight) {
  Page& page = page_at(place >> 8);
  const std::size_t i = place & 0xFF;
  const std::uint64_t total = count_at(place >> 8, i) + count;
  if (total >= kCarry && !page.high) {
    page.high = std::make_unique<std::array<std::uint32_t, 2 * kPageBins>>();
  }
  page.low[i] = static_cast<std::uint32_t>(total & (kCarry - 1));
  if (page.high) (*page.high)[i] = static_cast<std::uint32_t>(total >> 31);
  if (weighted_) (*page.weights)[i] += weight;
}

void ScoreHistogram::weigh() {
  if (weighted_) return;
  for (const std::unique_ptr<Page>& page : pages_) {
    if (page && !page->weights) {
      page->weights = std::make_unique<std::array<double, 2 * kPageBins>>();
    }
  }
  for (std::size_t p = 0; p < pages_.size(); ++p) {
    if (!pages_[p]) continue;
    for (std::size_t i = 0; i < 2 * kPageBins; ++i) {
      (*pages_[p]->weights)[i] = static_cast<double>(count_at(p, i));
    }
  }
  weighted_ = true;
}

void ScoreHistogram::merge(const ScoreHistogram& other) {
  other.for_each_place([this](std::uint16_t place, std::uint64_t count, double weight) {
    add(place, count, weight);
  });
}

std::size_t ScoreHistogram::memory() const noexcept {
  std::size_t bytes = pages_.capacity() * sizeof(pages_[0]);
  for (const std::unique_ptr<Page>& page : pages_) {
    if (!page) continue;
    bytes += sizeof(Page) + (page->high ? sizeof(*page->high) : 0) +
             (page->weights ? sizeof(*page->weights) : 0);
  }
  return bytes;
}

std::vector<ScoreHistogram::Bin> ScoreHistogram::bins() const {
  std::vector<Bin> out;
  const std::size_t per_side = pages_per_side(kind_);
  const auto add_page = [&](std::size_t p, bool upper) {
    if (pages_.empty() || !pages_[p]) return;
    const std::size_t first = (p - (upper ? per_side : 0)) * kPageBins;
    for (std::size_t step = 0; step < kPageBins; ++step) {
      // Towards the ends of the range for a probability, away from 0 for a logit.
      const bool falling = upper == (kind_ != ScoreKind::kLogit);
      const std::size_t i = falling ? kPageBins - 1 - step : step;
      const std::uint64_t negatives = count_at(p, 2 * i);
      const std::uint64_t positives = count_at(p, 2 * i + 1);
      if (negatives + positives == 0) continue;
      const auto [low, high] = detail::score_range(kind_, first + i, upper);
      out.push_back({low,
                     high,
                     {negatives, positives},
                     {weight_at(p, 2 * i, negatives), weight_at(p, 2 * i + 1, positives)}});
    }
  };
  // The lower half of probabilities rises with its places, that of logits falls.
  const bool logit = kind_ == ScoreKind::kLogit;
  for (std::size_t p = 0; p < per_side; ++p) add_page(logit ? per_side - 1 - p : p, false);
  for (std::size_t p = 0; p < per_side; ++p) {
    add_page(per_side + (logit ? p : per_side - 1 - p), true);
  }
  return out;
}

bool operator==(const ScoreHistogram& a, const ScoreHistogram& b) noexcept {
  if (a.kind_ != b.kind_ || a.weighted_ != b.weighted_) return false;
  const std::size_t pages = std::max(a.pages_.size(), b.pages_.size());
  for (std::size_t p = 0; p < pages; ++p) {
    const bool in_a = p < a.pages_.size() && a.pages_[p];
    const bool in_b = p < b.pages_.size() && b.pages_[p];
    if (in_a != in_b) return false;
    if (!in_a) continue;
    for (std::size_t i = 0; i < 2 * ScoreHistogram::kPageBins; ++i) {
      const std::uint64_t count = a.count_at(p, i);
      if (count != b.count_at(p, i)) return false;
      if (a.weight_at(p, i, count) != b.weight_at(p, i, count)) return false;
    }
  }
  return true;
}

}  // namespace inlay
