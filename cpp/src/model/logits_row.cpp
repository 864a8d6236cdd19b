#include "model/logits_row.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "model/logits_kernels.hpp"
#include "model/softmax_terms.hpp"

namespace inlay::detail {
namespace {

template <class T>
constexpr T kInf = std::numeric_limits<T>::infinity();

void scan(const LogitsKernels& k, const float* entries, std::size_t size, float chosen,
          LogitsScan<float>& out) noexcept {
  k.scan_f32(entries, size, chosen, out);
}
void scan(const LogitsKernels& k, const double* entries, std::size_t size, double chosen,
          LogitsScan<double>& out) noexcept {
  k.scan_f64(entries, size, chosen, out);
}
void count(const LogitsKernels& k, const float* entries, std::size_t size,
           LogitsEntries& out) noexcept {
  k.count_f32(entries, size, out);
}
void count(const LogitsKernels& k, const double* entries, std::size_t size,
           LogitsEntries& out) noexcept {
  k.count_f64(entries, size, out);
}

// A row's entries of type Stored, handed out in blocks of type T.
template <class Stored, class T>
class Row {
 public:
  Row(const LogitsBatch& batch, std::size_t row) noexcept
      : data_(static_cast<const Stored*>(batch.data) +
              static_cast<std::ptrdiff_t>(row) * batch.row_stride),
        stride_(batch.column_stride),
        mask_(batch.mask == nullptr
                  ? nullptr
                  : batch.mask + static_cast<std::ptrdiff_t>(row) * batch.mask_row_stride),
        mask_stride_(batch.mask_column_stride),
        columns_(batch.columns) {}

  /// Entry `column`; -infinity where the mask hides it.
  T entry(const LogitsKernels& kernels, std::size_t column) const noexcept {
    if (hidden(column)) return -kInf<T>;
    alignas(64) Stored stored[kLogitsLanes] = {};
    std::memcpy(stored, data_ + static_cast<std::ptrdiff_t>(column) * stride_, sizeof(Stored));
    T wide[kLogitsLanes];
    widen(kernels, stored, kLogitsLanes, wide);
    return wide[0];
  }

  /// The entries from `first` on, `size` of them and -infinities up to a multiple of
  /// kLogitsLanes: in place, or in `room`.
  const T* block(const LogitsKernels& kernels, std::size_t first, std::size_t size,
                 T* room) const noexcept {
    const Stored* from = data_ + static_cast<std::ptrdiff_t>(first) * stride_;
    if constexpr (std::is_same_v<Stored, T>) {
      const bool aligned = reinterpret_cast<std::uintptr_t>(from) % alignof(T) == 0;
      if (stride_ == 1 && mask_ == nullptr && size % kLogitsLanes == 0 && aligned) return from;
    }
    alignas(64) Stored gathered[kLogitsBlock];
    const std::size_t padded = (size + kLogitsLanes - 1) / kLogitsLanes * kLogitsLanes;
    if (stride_ == 1) {
      std::memcpy(gathered, from, size * sizeof(Stored));
    } else {
      for (std::size_t i = 0; i < size; ++i) {
        std::memcpy(gathered + i, from + static_cast<std::ptrdiff_t>(i) * stride_, sizeof(Stored));
      }
    }
    std::memset(gathered + size, 0, (padded - size) * sizeof(Stored));
    widen(kernels, gathered, padded, room);
    for (std::size_t i = size; i < padded; ++i) room[i] = -kInf<T>;
    if (mask_ != nullptr) {
      for (std::size_t i = 0; i < size; ++i) {
        if (hidden(first + i)) room[i] = -kInf<T>;
      }
    }
    return room;
  }

  /// Where the block from `first` on lies if it is handed out in place; null otherwise.
  const T* in_place(std::size_t first) const noexcept {
    if constexpr (std::is_same_v<Stored, T>) {
      if (stride_ == 1 && mask_ == nullptr && first + kLogitsBlock <= columns_) {
        return data_ + first;
      }
    }
    return nullptr;
  }

 private:
  bool hidden(std::size_t column) const noexcept {
    return mask_ != nullptr && mask_[static_cast<std::ptrdiff_t>(column) * mask_stride_] == 0;
  }
  static void widen(const LogitsKernels& kernels, const Stored* stored, std::size_t size,
                    T* out) noexcept {
    if constexpr (std::is_same_v<Stored, std::uint16_t>) {
      kernels.widen_f16(stored, size, out);
    } else if constexpr (std::is_same_v<Stored, std::int16_t>) {  // the other kind of 16 bits
      kernels.widen_bf16(reinterpret_cast<const std::uint16_t*>(stored), size, out);
    } else {
      std::memcpy(out, stored, size * sizeof(T));
    }
  }

  const Stored* data_;
  std::ptrdiff_t stride_;
  const std::uint8_t* mask_;
  std::ptrdiff_t mask_stride_;
  std::size_t columns_;
};

// Sums over a block at most `top`, of which one entry equal to top is left out if `skip`.
void sum_block(const LogitsKernels& kernels, const float* entries, std::size_t size, float top,
               bool skip, const float* ahead, double& rest, double& weighted) noexcept {
  alignas(64) float copy[kLogitsBlock];
  if (skip) {
    std::memcpy(copy, entries, size * sizeof(float));
    *std::find(copy, copy + size, top) = -kInf<float>;
    entries = copy;
  }
  kernels.sum(entries, size, top, ahead, rest, weighted);
}
void sum_block(const LogitsKernels& kernels, const double* entries, std::size_t size, double top,
               bool skip, const double* /*ahead*/, double& rest, double& weighted) noexcept {
  alignas(64) float copy[kLogitsBlock];
  kernels.below(entries, size, top, copy);
  if (skip) copy[std::find(entries, entries + size, top) - entries] = -kInf<float>;
  kernels.sum(copy, size, 0.0F, nullptr, rest, weighted);
}

struct Entries {
  std::uint64_t masked = 0;
  std::uint64_t nonfinite = 0;
};

// Counts what is not finite in a block of which `padding` -infinities are not the row's.
template <class T>
void count_block(const LogitsKernels& kernels, const T* entries, std::size_t size,
                 std::size_t padding, Entries& to) noexcept {
  LogitsEntries found{};
  count(kernels, entries, size, found);
  to.nonfinite += found.nan + found.pos_inf;
  to.masked += found.neg_inf - padding;
}

template <class Stored, class T>
LogitsRow read(const LogitsBatch& batch, std::size_t number) noexcept {
  const LogitsKernels& kernels = logits_kernels();
  const Row<Stored, T> row(batch, number);
  const std::size_t columns = batch.columns;
  LogitsRow out;
  T chosen = kInf<T>;  // no entry is above it
  if (batch.chosen != nullptr && batch.chosen[number] >= 0) {
    const auto id = static_cast<std::uint64_t>(batch.chosen[number]);
    out.chosen = id < columns ? LogitsChosen::kGiven : LogitsChosen::kOutOfRange;
    if (id < columns) chosen = row.entry(kernels, id);
  }

  alignas(64) T room[kLogitsBlock];
  SoftmaxTerms terms = no_terms();
  Entries entries;
  std::uint64_t above = 0;
  for (std::size_t first = 0; first < columns; first += kLogitsBlock) {
    const std::size_t size = std::min(kLogitsBlock, columns - first);
    const std::size_t padded = (size + kLogitsLanes - 1) / kLogitsLanes * kLogitsLanes;
    const T* block = row.block(kernels, first, size, room);
    if (entries.nonfinite != 0) {  // the row is undefined; what is left is counted
      count_block(kernels, block, padded, padded - size, entries);
      continue;
    }
    LogitsScan<T> scanned{};
    scan(kernels, block, padded, chosen, scanned);
    double rest = 0;
    double weighted = 0;
    const bool rises = scanned.top > terms.top;
    const T top = rises ? scanned.top : static_cast<T>(terms.top);
    // Infinite and NaN entries show in the extremes or make `weighted` NaN.
    const bool finite_top = std::isfinite(top) && std::isfinite(scanned.top);
    if (finite_top) {
      sum_block(kernels, block, padded, top, rises, row.in_place(first + kLogitsBlock), rest,
                weighted);
    }
    if (!finite_top || std::isnan(weighted) || scanned.lowest == -kInf<T>) {
      const std::uint64_t before = entries.nonfinite;
      count_block(kernels, block, padded, padded - size, entries);
      if (entries.nonfinite != before) continue;
      if (scanned.top == -kInf<T>) continue;  // all masked
    }
    above += scanned.above;
    if (rises) {
      SoftmaxTerms part{scanned.top, scanned.second, rest, weighted};
      terms = merged(part, terms);
    } else {
      terms.second = std::max(terms.second, static_cast<double>(scanned.top));
      terms.rest += rest;
      terms.weighted += weighted;
    }
  }
  out.masked = static_cast<std::uint32_t>(entries.masked);
  out.nonfinite = static_cast<std::uint32_t>(entries.nonfinite);
  if (entries.nonfinite != 0) {
    out.undefined = LogitsUndefined::kNotFinite;
    return out;
  }
  if (entries.masked == columns) {
    out.undefined = LogitsUndefined::kMasked;
    return out;
  }
  const SoftmaxRow softmax = row_of(terms);
  out.entropy = softmax.entropy;
  out.top1 = softmax.top1;
  out.top2 = softmax.top2;
  out.margin = softmax.margin;
  if (out.chosen == LogitsChosen::kGiven) {
    out.log_prob = log_probability(terms.top, softmax.log_sum, chosen);
    out.rank = static_cast<std::uint32_t>(above + 1);
  }
  return out;
}

}  // namespace

LogitsRow read_logits_row(const LogitsBatch& batch, std::size_t row) noexcept {
  switch (batch.element) {
    case LogitsElement::kF64:
      return read<double, double>(batch, row);
    case LogitsElement::kF16:
      return read<std::uint16_t, float>(batch, row);
    case LogitsElement::kBF16:
      return read<std::int16_t, float>(batch, row);
    default:
      return read<float, float>(batch, row);
  }
}

}  // namespace inlay::detail
