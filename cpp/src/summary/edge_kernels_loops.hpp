// The bodies of EdgeKernels. No include guard: each edge_kernels_<isa>.cpp includes this once,
// after defining INLAY_KERNEL_WIDTH (doubles in a vector register), and is compiled for its
// instruction set. Everything here has internal linkage, so that no function compiled for a newer
// machine can stand in for the baseline's when the linker merges duplicates.

#include <cstring>

#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own header, whose "undefined" vectors start as copies of themselves.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

#include "summary/edge_kernels.hpp"

namespace inlay::detail {
namespace {

constexpr std::size_t kBytes = INLAY_KERNEL_WIDTH * sizeof(double);

// A register of values, one of integers as wide as a value, and one of cell numbers for as many.
template <class T>
struct Registers;

template <>
struct Registers<double> {
  using Values = double __attribute__((vector_size(kBytes)));
  using Integers = std::int64_t __attribute__((vector_size(kBytes)));
  using Bits = std::uint64_t __attribute__((vector_size(kBytes)));
  using Cells = std::int32_t __attribute__((vector_size(kBytes / 2)));
};

template <>
struct Registers<float> {
  using Values = float __attribute__((vector_size(kBytes)));
  using Integers = std::int32_t __attribute__((vector_size(kBytes)));
  using Cells = Integers;
};

template <class T>
constexpr std::size_t kWidthOf = kBytes / sizeof(T);

template <class Vector, class T>
inline Vector load(const T* from) noexcept {
  Vector out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

template <class T>
inline bool finite(const T* values, std::size_t size) noexcept {
  using Values = typename Registers<T>::Values;
  // Four sums, since each addition waits for the one before it.
  Values nothing[4] = {};
  std::size_t i = 0;
  for (; i + 4 * kWidthOf<T> <= size; i += 4 * kWidthOf<T>) {
    for (std::size_t k = 0; k < 4; ++k) {
      nothing[k] += load<Values>(values + i + k * kWidthOf<T>) * T{0};  // NaN if not finite
    }
  }
  const Values all = (nothing[0] + nothing[1]) + (nothing[2] + nothing[3]);
  T sum = 0;
  for (std::size_t lane = 0; lane < kWidthOf<T>; ++lane) sum += all[lane];
  for (; i < size; ++i) sum += values[i] * T{0};
  return sum == 0;
}

// Takes one from each lane where value > edge.
inline Registers<double>::Integers count_above(Registers<double>::Integers counts,
                                               Registers<double>::Values values,
                                               Registers<double>::Values edge) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  // The compiler would make a register of the mask first.
  const __mmask8 above = _mm512_cmp_pd_mask(__m512d(values), __m512d(edge), _CMP_GT_OQ);
  return Registers<double>::Integers(
      _mm512_mask_sub_epi64(__m512i(counts), above, __m512i(counts), _mm512_set1_epi64(1)));
#else
  return counts + (values > edge);
#endif
}

inline Registers<float>::Integers count_above(Registers<float>::Integers counts,
                                              Registers<float>::Values values,
                                              Registers<float>::Values edge) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 8
  const __mmask16 above = _mm512_cmp_ps_mask(__m512(values), __m512(edge), _CMP_GT_OQ);
  return Registers<float>::Integers(
      _mm512_mask_sub_epi32(__m512i(counts), above, __m512i(counts), _mm512_set1_epi32(1)));
#else
  return counts + (values > edge);
#endif
}

// A few edges at a time over all values, so that edges and counts stay in registers.
template <std::size_t kEdges, class T>
inline void above_some(const T* values, std::size_t size, const T* edges,
                       std::uint32_t* above) noexcept {
  using Values = typename Registers<T>::Values;
  using Integers = typename Registers<T>::Integers;
  Integers counts[kEdges] = {};
  Values edge[kEdges];
  for (std::size_t k = 0; k < kEdges; ++k) edge[k] = Values{} + edges[k];
  std::size_t i = 0;
  for (; i + kWidthOf<T> <= size; i += kWidthOf<T>) {
    const auto value = load<Values>(values + i);
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kEdges; ++k) counts[k] = count_above(counts[k], value, edge[k]);
  }
  for (std::size_t k = 0; k < kEdges; ++k) {
    std::int64_t total = 0;
    for (std::size_t lane = 0; lane < kWidthOf<T>; ++lane) total -= counts[k][lane];
    for (std::size_t rest = i; rest < size; ++rest) total += values[rest] > edges[k] ? 1 : 0;
    above[k] = static_cast<std::uint32_t>(total);
  }
}

// As many edges as registers allow beside their counts and the values.
constexpr std::size_t kEdgesAtOnce = 7;

template <class T>
inline void above(const T* values, std::size_t size, const T* edges, std::size_t num_edges,
                  std::uint32_t* out) noexcept {
  for (; num_edges >= kEdgesAtOnce; num_edges -= kEdgesAtOnce) {
    above_some<kEdgesAtOnce>(values, size, edges, out);
    edges += kEdgesAtOnce;
    out += kEdgesAtOnce;
  }
  switch (num_edges) {
    case 1:
      return above_some<1>(values, size, edges, out);
    case 2:
      return above_some<2>(values, size, edges, out);
    case 3:
      return above_some<3>(values, size, edges, out);
    case 4:
      return above_some<4>(values, size, edges, out);
    case 5:
      return above_some<5>(values, size, edges, out);
    case 6:
      return above_some<6>(values, size, edges, out);
    default:
      return;
  }
}

template <class Integers>
inline Integers within(Integers value, std::int32_t last) noexcept {
  const Integers zero{};
  const Integers most = zero + last;
  value = value > zero ? value : zero;
  return value < most ? value : most;
}

// The arithmetic is that of table_cell() in edge_lookup.cpp, operation by operation.
template <class T>
inline typename Registers<T>::Cells linear_cells(typename Registers<T>::Values value,
                                                 const EdgeTable<T>& table) noexcept {
  using Values = typename Registers<T>::Values;
  const Values zero{};
  const Values most = zero + static_cast<T>(table.last);
  Values step = (value - table.origin) * table.per_unit;
  step = step > zero ? step : zero;
  step = step < most ? step : most;
  return __builtin_convertvector(step, typename Registers<T>::Cells);
}

// The upper 32 bits of each value.
inline Registers<float>::Cells leading_bits(Registers<float>::Values value) noexcept {
  return Registers<float>::Cells(value);
}
inline Registers<double>::Cells leading_bits(Registers<double>::Values value) noexcept {
  return __builtin_convertvector(Registers<double>::Bits(value) >> 32, Registers<double>::Cells);
}

template <class T>
inline typename Registers<T>::Cells exponent_cells(typename Registers<T>::Values value,
                                                   const EdgeTable<T>& table) noexcept {
  using Cells = typename Registers<T>::Cells;
  const Cells bits = leading_bits(value);
  const Cells sign = bits >> 31;  // all ones where negative
  Cells step = ((bits & INT32_MAX) >> table.shift) - table.middle;
  step = step > Cells{} ? step : Cells{};
  step = (step ^ sign) - sign;
  return within(step - table.lowest, table.last);
}

template <class T>
inline void table(const T* values, std::size_t size, const EdgeTable<T>& in,
                  std::uint64_t* counts) noexcept {
  using Values = typename Registers<T>::Values;
  constexpr std::size_t kWidth = kWidthOf<T>;
  alignas(64) std::int32_t cells[kEdgeBlock];
  // The last register may begin before the values that are left, but not before all of them.
  T few[kWidth] = {};
  const T* from = values;
  if (size < kWidth) {
    std::memcpy(few, values, size * sizeof(T));
    from = few;
  }
  const std::size_t padded = size < kWidth ? kWidth : size;
  const auto fill = [&](auto cells_of) {
    for (std::size_t i = 0; i < padded; i += kWidth) {
      const std::size_t at = i + kWidth <= padded ? i : padded - kWidth;
      const auto found = cells_of(load<Values>(from + at));
      std::memcpy(cells + at, &found, sizeof(found));
    }
  };
  if (in.linear) {
    fill([&in](Values value) { return linear_cells<T>(value, in); });
  } else {
    fill([&in](Values value) { return exponent_cells<T>(value, in); });
  }
  // In two steps: were counts written between reads of the table, processors that guess by the low
  // bits of addresses which read depends on which write would guess wrong, at thrice the cost.
  std::uint16_t below[kEdgeBlock];
  const TableCell<T>* entries = in.cells.data();
  for (std::size_t i = 0; i < size; ++i) {
    const TableCell<T>& cell = entries[cells[i]];
    const unsigned shift = static_cast<unsigned>(values[i] > cell.edge) << 4;
    below[i] = static_cast<std::uint16_t>(cell.below_and_above >> shift);
  }
  for (std::size_t i = 0; i < size; ++i) ++counts[below[i]];
}

// Several values at once, since one alone would wait for each comparison in turn.
template <class T>
inline void search(const T* values, std::size_t size, const T* edges, std::size_t num_edges,
                   std::uint64_t* counts) noexcept {
  constexpr std::size_t kAtOnce = 8;
  T few[kAtOnce] = {};
  for (std::size_t i = 0; i < size; i += kAtOnce) {
    const std::size_t left = size - i < kAtOnce ? size - i : kAtOnce;
    std::memcpy(few, values + i, left * sizeof(T));
    std::size_t below[kAtOnce] = {};
    std::size_t length = num_edges;
    while (length > 1) {
      const std::size_t half = length / 2;
      // Multiplied, as the compiler makes a branch of a choice.
#pragma GCC unroll 8
      for (std::size_t k = 0; k < kAtOnce; ++k) {
        below[k] += half * static_cast<std::size_t>(edges[below[k] + half - 1] < few[k]);
      }
      length -= half;
    }
    for (std::size_t k = 0; k < kAtOnce; ++k) {
      below[k] += static_cast<std::size_t>(edges[below[k]] < few[k]);
    }
    for (std::size_t k = 0; k < left; ++k) ++counts[below[k]];
  }
}

bool finite_f64(const double* values, std::size_t size) noexcept { return finite(values, size); }

bool finite_f32(const float* values, std::size_t size) noexcept { return finite(values, size); }

void above_f64(const double* values, std::size_t size, const double* edges, std::size_t num_edges,
               std::uint32_t* out) noexcept {
  above(values, size, edges, num_edges, out);
}

void above_f32(const float* values, std::size_t size, const float* edges, std::size_t num_edges,
               std::uint32_t* out) noexcept {
  above(values, size, edges, num_edges, out);
}

void table_f64(const double* values, std::size_t size, const EdgeTable<double>& in,
               std::uint64_t* counts) noexcept {
  table(values, size, in, counts);
}

void table_f32(const float* values, std::size_t size, const EdgeTable<float>& in,
               std::uint64_t* counts) noexcept {
  table(values, size, in, counts);
}

void search_f64(const double* values, std::size_t size, const double* edges, std::size_t num_edges,
                std::uint64_t* counts) noexcept {
  search(values, size, edges, num_edges, counts);
}

void search_f32(const float* values, std::size_t size, const float* edges, std::size_t num_edges,
                std::uint64_t* counts) noexcept {
  search(values, size, edges, num_edges, counts);
}

template <std::size_t kFewF64, std::size_t kFewF32>
constexpr EdgeKernels make_edge_kernels() noexcept {
  static_assert(kFewF64 <= kMostFewEdges && kFewF32 <= kMostFewEdges);
  return {kFewF64,   kFewF32,   finite_f64, finite_f32, above_f64,
          above_f32, table_f64, table_f32,  search_f64, search_f32};
}

}  // namespace
}  // namespace inlay::detail
