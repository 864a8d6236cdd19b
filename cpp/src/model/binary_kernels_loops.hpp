// The bodies of BinaryKernels. No include guard: each binary_kernels_<isa>.cpp includes this once,
// after defining INLAY_KERNEL_WIDTH (doubles in a vector register), and is compiled for its
// instruction set. Everything here has internal linkage, so that no function compiled for a newer
// machine can stand in for the baseline's when the linker merges duplicates.

#include <cmath>
#include <cstring>
#include <type_traits>

#include "model/binary_kernels.hpp"
#include "vector_lanes.hpp"

namespace inlay::detail {
namespace {

// As in score_place.hpp and log_loss.hpp, whose functions may not be used here.
constexpr std::uint32_t kPlaceBins = 39 * 128 + 1;
constexpr std::uint32_t kUpperPlaces = 40 << 8;
constexpr double kClip = 0x1p-53;

// As many factors of at least 2^-53 stay a normal number.
constexpr std::size_t kFactors = 15;  // and one more of a tail
// Adding it to a score rounds that to a multiple of 2^-40, which are then the lowest bits.
constexpr double kRounder = 4096.0;
constexpr std::int64_t kRounderBits = 0x40B0000000000000;
constexpr std::int64_t kOneRow = std::int64_t{1} << 52;

#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
// The compiler would narrow them in four steps.
inline __m256i low_words(const std::int64_t* labels, __m256i& all) noexcept {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(labels));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(labels + 4));
  all = _mm256_or_si256(all, _mm256_or_si256(a, b));
  return _mm256_castps_si256(
      _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
}

bool labels_of(const std::int64_t* labels, std::size_t size, std::uint8_t* out) noexcept {
  __m256i all = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    const __m256i a = low_words(labels + i, all);
    const __m256i b = low_words(labels + i + 8, all);
    const __m256i c = low_words(labels + i + 16, all);
    const __m256i d = low_words(labels + i + 24, all);
    // Packing works in halves: the lower one has the first two of each four labels.
    const __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    const __m128i low = _mm256_castsi256_si128(bytes);
    const __m128i high = _mm256_extracti128_si256(bytes, 1);
    auto* const to = reinterpret_cast<__m128i*>(out + i);
    _mm_storeu_si128(to, _mm_unpacklo_epi16(low, high));
    _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(low, high));
  }
  std::uint64_t each[4];
  std::memcpy(each, &all, sizeof(each));
  std::uint64_t rest = each[0] | each[1] | each[2] | each[3];
  for (; i < size; ++i) {
    rest |= static_cast<std::uint64_t>(labels[i]);
    out[i] = static_cast<std::uint8_t>(labels[i]);
  }
  return rest <= 1;
}
#else
bool labels_of(const std::int64_t* labels, std::size_t size, std::uint8_t* out) noexcept {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < size; ++i) {
    all |= static_cast<std::uint64_t>(labels[i]);
    out[i] = static_cast<std::uint8_t>(labels[i]);
  }
  return all <= 1;
}
#endif

template <class T>
bool within(const T* scores, std::size_t size, T low, T high) noexcept {
  using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  Word inside = 1;
  for (std::size_t i = 0; i < size; ++i) {
    inside &= static_cast<Word>(scores[i] >= low) & static_cast<Word>(scores[i] <= high);
  }
  return inside != 0;
}

template <class T>
void count(const T* scores, const std::uint8_t* labels, std::size_t size, T threshold,
           BinaryCounts& out) noexcept {
  std::uint32_t predicted = 0;
  std::uint32_t true_positive = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t positive = scores[i] >= threshold ? 1U : 0U;
    predicted += positive;
    true_positive += positive & labels[i];
  }
  out.predicted = predicted;
  out.true_positive = true_positive;
}

using Floats = float __attribute__((vector_size(kWidth * sizeof(double))));
using Words = std::int32_t __attribute__((vector_size(kWidth * sizeof(double))));

// A register of scores, and the integers that its comparisons give.
template <class T>
struct Register;
template <>
struct Register<float> {
  using Entries = Floats;
  using Integer = std::int32_t;
  using Integers = Words;
};
template <>
struct Register<double> {
  using Entries = Vector;
  using Integer = std::int64_t;
  using Integers = detail::Integers;
};

// Calls f(registers, found) for four registers of scores at a time, which writes one integer an
// entry, and stores the lowest bits of that plus the label.
template <class T, class Out, class F>
inline void map_scores(const T* scores, const std::uint8_t* labels, std::size_t size, Out* out,
                       F&& f) noexcept {
  using Entries = typename Register<T>::Entries;
  constexpr std::size_t kWide = sizeof(Entries) / sizeof(T);
  constexpr std::size_t kRows = 4 * kWide;
  T last[kRows];
  for (std::size_t i = 0; i < size; i += kRows) {
    const std::size_t rows = size - i < kRows ? size - i : kRows;
    const T* from = scores + i;
    if (rows != kRows) {
      for (std::size_t r = 0; r < kRows; ++r) last[r] = r < rows ? from[r] : T{0};
      from = last;
    }
    Entries entries[4];
    for (std::size_t part = 0; part < 4; ++part) {
      std::memcpy(&entries[part], from + part * kWide, sizeof(Entries));
    }
    typename Register<T>::Integers found[4];
    f(entries, found);
    typename Register<T>::Integer each[kRows];
    std::memcpy(each, found, sizeof(each));
    if (rows == kRows) {
      for (std::size_t r = 0; r < kRows; ++r)
        out[i + r] = static_cast<Out>(each[r] + labels[i + r]);
    } else {
      for (std::size_t r = 0; r < rows; ++r) out[i + r] = static_cast<Out>(each[r] + labels[i + r]);
    }
  }
}

template <class T>
void places(const T* scores, const std::uint8_t* labels, std::size_t size,
            std::uint16_t* out) noexcept {
  using R = Register<T>;
  using Integer = typename R::Integer;
  constexpr int kShift = sizeof(T) == 4 ? 16 : 45;
  constexpr Integer kFirst = (((sizeof(T) == 4 ? 127 : 1023) - 40) << 7) - 1;
  constexpr Integer kLast = kFirst + kPlaceBins - 1;
  map_scores(scores, labels, size, out,
             [](const typename R::Entries* entries, typename R::Integers* found) {
               for (int part = 0; part < 4; ++part) {
                 const typename R::Integers upper = entries[part] >= T{0.5};
                 const typename R::Entries low = upper ? T{1} - entries[part] : entries[part];
                 typename R::Integers bin = typename R::Integers(low) >> kShift;
                 bin = bin < kFirst ? typename R::Integers{} + kFirst : bin;
                 bin = bin > kLast ? typename R::Integers{} + kLast : bin;
                 found[part] = 2 * (bin - kFirst) + (upper & Integer{kUpperPlaces});
               }
             });
}

// Labels as masks: all ones for a positive.
inline Integers masks_of(const std::uint8_t* labels) noexcept {
#if defined(__x86_64__) && INLAY_KERNEL_WIDTH == 2
  return Integers{} - Integers(_mm_cvtepu8_epi64(_mm_loadu_si16(labels)));
#elif defined(__x86_64__) && INLAY_KERNEL_WIDTH == 4
  return Integers{} - Integers(_mm256_cvtepu8_epi64(_mm_loadu_si32(labels)));
#else
  Integers out;
  for (std::size_t r = 0; r < kWidth; ++r) out[r] = -std::int64_t{labels[r]};
  return out;
#endif
}

// Products of p in lanes; exponents are taken out before they get too small.
struct LossLanes {
  static constexpr std::size_t kParts = kLanes / kWidth;

  Vector product[kParts];
  Vector squares[kParts];
  Integers clipped[kParts];
  std::int64_t exponent = 0;

  LossLanes() noexcept {
    for (std::size_t part = 0; part < kParts; ++part) {
      product[part] = Vector{} + 1.0;
      squares[part] = Vector{};
      clipped[part] = Integers{};
    }
  }

  // `others` are 1 - score; of floats they are computed.
  template <class T>
  void add(const T* scores, const double* others, const std::uint8_t* labels,
           std::uint64_t* units) noexcept {
    constexpr bool kGiven = sizeof(T) == sizeof(double);
    for (std::size_t part = 0; part < kParts; ++part) {
      const std::size_t i = part * kWidth;
      const Vector score = load(scores + i);
      const Vector other = kGiven ? load(others + i) : 1.0 - score;
      const Integers positive = masks_of(labels + i);
      const Vector right = positive ? score : other;
      const Vector wrong = positive ? other : score;
      const Vector least = Vector{} + kClip;
      clipped[part] -= Integers(right < least);
      product[part] *= higher_of(right, least);
      squares[part] += (wrong * wrong + kRounder) - kRounder;
      const Integers bits = Integers(score + kRounder) - (kRounderBits - kOneRow);
      std::memcpy(units + i, &bits, sizeof(bits));
    }
  }

  void take_exponents() noexcept {
    std::int64_t bits[kLanes];
    std::memcpy(bits, product, sizeof(bits));
    for (std::int64_t& lane : bits) {
      exponent += (lane >> 52) - 1023;
      lane = (lane & (kOneRow - 1)) | std::int64_t{1023} << 52;
    }
    std::memcpy(product, bits, sizeof(bits));
  }

  BinaryLosses sum() noexcept {
    take_exponents();
    BinaryLosses out{0.0, 0.0, 0};
    double all = 1.0;  // of lanes from 1 to 2
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      all *= product[lane / kWidth][lane % kWidth];
      out.squared_errors += squares[lane / kWidth][lane % kWidth];
      out.clipped += static_cast<std::uint64_t>(clipped[lane / kWidth][lane % kWidth]);
    }
    constexpr double kLn2 = 0x1.62e42fefa39efp-1;
    // Near certainty rounding may leave a little less than nothing.
    const double loss = -(std::log(all) + static_cast<double>(exponent) * kLn2);
    out.log_loss = loss > 0.0 ? loss : 0.0;
    return out;
  }
};

template <class T>
void losses(const T* scores, const double* others, const std::uint8_t* labels, std::size_t size,
            std::uint64_t* units, BinaryLosses& out) noexcept {
  constexpr bool kGiven = sizeof(T) == sizeof(double);
  LossLanes lanes;
  std::size_t i = 0;
  std::size_t factors = 0;
  for (; i + kLanes <= size; i += kLanes) {
    lanes.add(scores + i, kGiven ? others + i : nullptr, labels + i, units + i);
    if (++factors == kFactors) {
      lanes.take_exponents();
      factors = 0;
    }
  }
  if (i < size) {
    // Filled up with rows that were certainly negative: nothing is lost by them.
    T last_scores[kLanes] = {};
    double last_others[kLanes];
    std::uint8_t last_labels[kLanes] = {};
    std::uint64_t last_units[kLanes];
    for (double& other : last_others) other = 1.0;
    const std::size_t rows = size - i;
    std::memcpy(last_scores, scores + i, rows * sizeof(T));
    std::memcpy(last_labels, labels + i, rows);
    if (kGiven) std::memcpy(last_others, others + i, rows * sizeof(double));
    lanes.add(last_scores, last_others, last_labels, last_units);
    std::memcpy(units + i, last_units, rows * sizeof(std::uint64_t));
  }
  out = lanes.sum();
}

void losses_f32(const float* scores, const std::uint8_t* labels, std::size_t size,
                std::uint64_t* units, BinaryLosses& out) noexcept {
  losses(scores, nullptr, labels, size, units, out);
}

constexpr BinaryKernels make_binary_kernels() {
  return {
      labels_of,     within<float>,  within<double>, count<float>,   count<double>,
      places<float>, places<double>, losses_f32,     losses<double>,
  };
}

}  // namespace
}  // namespace inlay::detail
