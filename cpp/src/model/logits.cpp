#include <algorithm>
#include <atomic>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/model/logits.hpp>
#include <inlay/summary/fused.hpp>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "model/logits_row.hpp"

namespace inlay {
namespace {

// Rows are read in chunks and counted in their order, so that threads change nothing.
constexpr std::size_t kChunk = 256;
// Below, starting a thread costs more than it saves.
constexpr std::size_t kEntriesPerThread = 131072;

template <std::size_t... kNumbers>
std::array<ExpHistogram, sizeof...(kNumbers)> histograms_of(int scale,
                                                            std::index_sequence<kNumbers...>) {
  return {((void)kNumbers, ExpHistogram(scale))...};
}

unsigned threads_for(const LogitsBatch& batch, unsigned asked) noexcept {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t most = std::min(asked == 0 ? cores : asked, batch.rows);
  const std::size_t worth = batch.rows * batch.columns / kEntriesPerThread;
  return static_cast<unsigned>(std::max<std::size_t>(1, std::min(most, worth)));
}

void read_rows(const LogitsBatch& batch, std::size_t first, std::size_t size, unsigned threads,
               LogitsRow* out) {
  std::atomic<std::size_t> next{0};
  const auto work = [&]() noexcept {
    for (;;) {
      const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= size) return;
      out[i] = detail::read_logits_row(batch, first + i);
    }
  };
  std::vector<std::thread> others;
  others.reserve(threads - 1);
  for (unsigned i = 1; i < threads; ++i) {
    try {
      others.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // no more threads to be had; those that run do the work
    }
  }
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

Logits::Logits(int scale)
    : scale_(scale), histograms_(histograms_of(scale, std::make_index_sequence<kStatistics>())) {}

void Logits::update(const LogitsBatch& batch, unsigned threads, LogitsRow* out) {
  if (batch.columns >= kMaxColumns) {
    detail::fail<InvalidArgument>("rows of logits have fewer than 2^31 columns", batch.columns);
  }
  const unsigned used = threads_for(batch, threads);
  // With several threads everything at once: they are started once a batch.
  std::vector<LogitsRow> rows(out != nullptr ? 0
                              : used > 1     ? batch.rows
                                             : std::min(batch.rows, kChunk));
  const std::size_t chunk = used > 1 ? batch.rows : kChunk;
  for (std::size_t first = 0; first < batch.rows; first += chunk) {
    const std::size_t size = std::min(chunk, batch.rows - first);
    LogitsRow* const found = out != nullptr ? out + first : rows.data();
    read_rows(batch, first, size, used, found);
    add(found, size, batch.columns);
  }
}

void Logits::add(const LogitsRow* rows, std::size_t size, std::size_t columns) {
  float values[kStatistics][kChunk];
  for (std::size_t first = 0; first < size; first += kChunk) {
    const std::size_t last = std::min(size, first + kChunk);
    std::size_t defined = 0;
    std::size_t chosen = 0;
    for (std::size_t i = first; i < last; ++i) {
      const LogitsRow& row = rows[i];
      ++rows_;
      entries_ += columns;
      masked_count_ += row.masked;
      nonfinite_count_ += row.nonfinite;
      chosen_rows_ += row.chosen == LogitsChosen::kGiven ? 1 : 0;
      out_of_range_rows_ += row.chosen == LogitsChosen::kOutOfRange ? 1 : 0;
      if (row.undefined != LogitsUndefined::kDefined) {
        ++(row.undefined == LogitsUndefined::kMasked ? masked_rows_ : nonfinite_rows_);
        continue;
      }
      values[kEntropy][defined] = row.entropy;
      values[kTop1][defined] = row.top1;
      values[kTop2][defined] = row.top2;
      values[kMargin][defined] = row.margin;
      ++defined;
      if (row.chosen == LogitsChosen::kGiven) {
        values[kLogProb][chosen] = row.log_prob;
        values[kRank][chosen] = static_cast<float>(row.rank);
        ++chosen;
      }
    }
    for (std::size_t s = 0; s < kStatistics; ++s) {
      const std::size_t n = s < kLogProb ? defined : chosen;
      if (inlay::update(moments_[s], histograms_[s], values[s], n) != n) throw std::bad_alloc();
    }
  }
}

void Logits::merge(const Logits& other) {
  for (std::size_t s = 0; s < kStatistics; ++s) {
    if (!histograms_[s].merge(other.histograms_[s])) throw std::bad_alloc();
    moments_[s].merge(other.moments_[s]);
  }
  rows_ += other.rows_;
  masked_rows_ += other.masked_rows_;
  nonfinite_rows_ += other.nonfinite_rows_;
  entries_ += other.entries_;
  nonfinite_count_ += other.nonfinite_count_;
  masked_count_ += other.masked_count_;
  chosen_rows_ += other.chosen_rows_;
  out_of_range_rows_ += other.out_of_range_rows_;
}

void Logits::reset() noexcept {
  for (ExpHistogram& histogram : histograms_) histogram.reset();
  for (Moments& moments : moments_) moments.reset();
  rows_ = masked_rows_ = nonfinite_rows_ = entries_ = 0;
  nonfinite_count_ = masked_count_ = chosen_rows_ = out_of_range_rows_ = 0;
}

bool operator==(const Logits& a, const Logits& b) noexcept {
  return a.scale_ == b.scale_ && a.rows_ == b.rows_ && a.masked_rows_ == b.masked_rows_ &&
         a.nonfinite_rows_ == b.nonfinite_rows_ && a.entries_ == b.entries_ &&
         a.nonfinite_count_ == b.nonfinite_count_ && a.masked_count_ == b.masked_count_ &&
         a.chosen_rows_ == b.chosen_rows_ && a.out_of_range_rows_ == b.out_of_range_rows_ &&
         a.moments_ == b.moments_ && a.histograms_ == b.histograms_;
}

}  // namespace inlay
