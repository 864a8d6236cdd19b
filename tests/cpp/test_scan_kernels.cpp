#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "data/scan_kernels.hpp"
#include "summary/kernels.hpp"

namespace {

using inlay::detail::kScanBlock;
using inlay::detail::kScanWords;
using inlay::detail::RealScan;
using inlay::detail::scan_kernels;
using inlay::detail::ScanKernels;
using inlay::detail::SummaryKernels;
using inlay::detail::WholeScan;
using inlay::detail::Wide;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::size_t> kSizes = {0,  1,  2,  3,   7,   8,   15,  16,   17,   31,   32,  33,
                                         63, 64, 65, 127, 128, 129, 500, 1000, 1008, 1023, 1024};

// Runs f with the kernels of each instruction set that this machine has.
template <class F>
void for_each_set(F&& f) {
  const SummaryKernels& before = inlay::detail::summary_kernels();
  for (const SummaryKernels* kernels : inlay::detail::all_summary_kernels()) {
    if (kernels == nullptr || !inlay::detail::use_summary_kernels(*kernels)) continue;
    SCOPED_TRACE(kernels->name);
    f(scan_kernels());
  }
  inlay::detail::use_summary_kernels(before);
}

// Reads what lies at an address that is aligned to nothing but the type.
template <class T>
class Shifted {
 public:
  explicit Shifted(const std::vector<T>& values) : room_(values.size() + 1) {
    std::copy(values.begin(), values.end(), room_.begin() + 1);
  }
  const T* data() const { return room_.data() + 1; }

 private:
  std::vector<T> room_;
};

template <class T>
std::vector<T> reals_of(int kind, std::size_t size) {
  std::mt19937_64 random(static_cast<std::uint64_t>(kind) * 7919 + size);
  std::normal_distribution<double> normal(0, 1);
  std::vector<T> values(size);
  for (T& value : values) {
    const double x = normal(random);
    double y = x;
    if (kind == 1) y = random() % 9 == 0 ? kNan : x * 1e30;
    if (kind == 2) y = random() % 5 == 0 ? kInfinity : x;
    if (kind == 3) y = random() % 5 == 0 ? -kInfinity : x;
    if (kind == 4) y = random() % 2 == 0 ? 0.0 : -0.0;
    if (kind == 5) y = x * static_cast<double>(std::numeric_limits<T>::denorm_min()) * 8;
    if (kind == 6) y = std::copysign(static_cast<double>(std::numeric_limits<T>::max()), x);
    if (kind == 7) y = kNan;
    if (kind == 8) {
      // Every payload and sign of NaN is one.
      y = std::bit_cast<double>(0x7FF0000000000001U | (random() & 0x800FFFFFFFFFFFFFU));
    }
    value = static_cast<T>(y);
  }
  return values;
}
constexpr int kRealKinds = 9;

std::vector<std::uint64_t> validity_of(int kind, std::size_t size) {
  std::mt19937_64 random(static_cast<std::uint64_t>(kind) + 17);
  std::vector<std::uint64_t> out(kScanWords, 0);
  for (std::size_t i = 0; i < size; ++i) {
    const bool valid = kind == 0 || (kind == 1 ? random() % 3 != 0 : kind == 2 && i % 64 == 63);
    if (valid) out[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return out;
}
constexpr int kValidityKinds = 4;  // all, some, few, none

bool bit(const std::vector<std::uint64_t>& words, std::size_t i) {
  return (words[i / 64] >> (i % 64) & 1) != 0;
}

// One value after the other, into the lanes and the tree that the header states.
template <class T>
RealScan plain_scan(const std::vector<T>& values, const std::vector<std::uint64_t>& valid) {
  RealScan out{0, kInfinity, -kInfinity, 0, 0, 0};
  double lanes[16] = {};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!bit(valid, i)) continue;
    const double value = values[i];
    if (std::isnan(value)) {
      ++out.nans;
    } else if (std::isinf(value)) {
      ++(value > 0 ? out.pos_infs : out.neg_infs);
    } else {
      lanes[i % 16] += value;
      out.min = std::min(out.min, value + 0.0);
      out.max = std::max(out.max, value + 0.0);
    }
  }
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  out.sum = lanes[0];
  return out;
}

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

template <class T>
void compare_reals() {
  for (int kind = 0; kind < kRealKinds; ++kind) {
    for (const std::size_t size : kSizes) {
      const std::vector<T> values = reals_of<T>(kind, size);
      const Shifted<T> shifted(values);
      for (int holes = 0; holes < kValidityKinds; ++holes) {
        const std::vector<std::uint64_t> valid = validity_of(holes, size);
        const RealScan expected = plain_scan(values, valid);
        SCOPED_TRACE(::testing::Message() << kind << " " << size << " " << holes);
        for_each_set([&](const ScanKernels& kernels) {
          for (const bool masked : {true, false}) {
            if (!masked && holes != 0) continue;
            RealScan scan;
            const std::uint64_t* bits = masked ? valid.data() : nullptr;
            if constexpr (sizeof(T) == 8) {
              kernels.scan_f64(shifted.data(), size, bits, scan);
            } else {
              kernels.scan_f32(shifted.data(), size, bits, scan);
            }
            EXPECT_TRUE(same(scan.sum, expected.sum)) << scan.sum << " " << expected.sum;
            EXPECT_TRUE(same(scan.min, expected.min)) << scan.min << " " << expected.min;
            EXPECT_TRUE(same(scan.max, expected.max)) << scan.max << " " << expected.max;
            EXPECT_EQ(scan.nans, expected.nans);
            EXPECT_EQ(scan.pos_infs, expected.pos_infs);
            EXPECT_EQ(scan.neg_infs, expected.neg_infs);
          }
        });
      }
    }
  }
}

TEST(ScanKernels, doubles_are_the_same_bit_for_bit_on_every_set) { compare_reals<double>(); }

TEST(ScanKernels, floats_are_the_same_bit_for_bit_on_every_set) { compare_reals<float>(); }

template <class T>
std::vector<T> wholes_of(int kind, std::size_t size) {
  std::mt19937_64 random(static_cast<std::uint64_t>(kind) * 31 + size);
  constexpr T kMin = std::numeric_limits<T>::min();
  constexpr T kMax = std::numeric_limits<T>::max();
  std::vector<T> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    values[i] = static_cast<T>(random());
    if (kind == 1) values[i] = static_cast<T>(random() % 100);
    if (kind == 2) values[i] = kMin;
    if (kind == 3) values[i] = kMax;
    if (kind == 4) values[i] = random() % 2 == 0 ? kMin : kMax;
    // Round the size from which the sum is split.
    if (kind == 5)
      values[i] = static_cast<T>((std::int64_t{1} << 53) - 2 + static_cast<int>(i % 4));
    if (kind == 6)
      values[i] = static_cast<T>(-(std::int64_t{1} << 53) - 2 + static_cast<int>(i % 4));
  }
  return values;
}
constexpr int kWholeKinds = 7;

TEST(ScanKernels, integers_are_exact_on_every_set) {
  for (int kind = 0; kind < kWholeKinds; ++kind) {
    for (const std::size_t size : kSizes) {
      const auto longs = wholes_of<std::int64_t>(kind, size);
      const auto ints = wholes_of<std::int32_t>(kind, size);
      for (int holes = 0; holes < kValidityKinds; ++holes) {
        const std::vector<std::uint64_t> valid = validity_of(holes, size);
        SCOPED_TRACE(::testing::Message() << kind << " " << size << " " << holes);
        for (const std::uint64_t flip : {std::uint64_t{0}, std::uint64_t{1} << 63}) {
          WholeScan wide{0, INT64_MAX, INT64_MIN};
          WholeScan narrow{0, INT64_MAX, INT64_MIN};
          for (std::size_t i = 0; i < size; ++i) {
            if (!bit(valid, i)) continue;
            const auto value =
                static_cast<std::int64_t>(static_cast<std::uint64_t>(longs[i]) ^ flip);
            wide.sum += value;
            wide.min = std::min(wide.min, value);
            wide.max = std::max(wide.max, value);
            narrow.sum += ints[i];
            narrow.min = std::min(narrow.min, std::int64_t{ints[i]});
            narrow.max = std::max(narrow.max, std::int64_t{ints[i]});
          }
          for_each_set([&](const ScanKernels& kernels) {
            WholeScan scan;
            const std::uint64_t* bits = holes == 0 ? nullptr : valid.data();
            kernels.scan_i64(longs.data(), size, bits, flip, scan);
            EXPECT_TRUE(scan.sum == wide.sum);
            EXPECT_EQ(scan.min, wide.min);
            EXPECT_EQ(scan.max, wide.max);
            kernels.scan_i32(ints.data(), size, bits, scan);
            EXPECT_TRUE(scan.sum == narrow.sum);
            EXPECT_EQ(scan.min, narrow.min);
            EXPECT_EQ(scan.max, narrow.max);
          });
        }
      }
    }
  }
}

// Compares the bits that a kernel writes with f(i), and what it leaves beyond the last row.
template <class F, class G>
void expect_bits(std::size_t size, F&& write, G&& f) {
  std::vector<std::uint64_t> bits(kScanWords, 0xDEADDEADDEADDEAD);
  write(bits.data());
  for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bit(bits, i), f(i)) << i;
  for (std::size_t i = size; i < (size + 63) / 64 * 64; ++i) EXPECT_FALSE(bit(bits, i)) << i;
  for (std::size_t word = (size + 63) / 64; word < kScanWords; ++word) {
    EXPECT_EQ(bits[word], 0xDEADDEADDEADDEAD) << word;
  }
}

template <class T>
void compare_outside_reals() {
  const double tiny = std::numeric_limits<double>::denorm_min();
  const double bounds[][2] = {{-0.5, 0.5},       {0, 0},
                              {tiny, kInfinity}, {-kInfinity, -tiny},
                              {1, -1},           {-kInfinity, kInfinity},
                              {-0.0, 0.0},       {kInfinity, kInfinity}};
  for (int kind = 0; kind < kRealKinds; ++kind) {
    for (const std::size_t size : kSizes) {
      const std::vector<T> values = reals_of<T>(kind, size);
      const Shifted<T> shifted(values);
      for (const auto& [low, high] : bounds) {
        for_each_set([&, low = low, high = high](const ScanKernels& kernels) {
          expect_bits(
              size,
              [&](std::uint64_t* out) {
                if constexpr (sizeof(T) == 8) {
                  kernels.outside_f64(shifted.data(), size, low, high, out);
                } else {
                  kernels.outside_f32(shifted.data(), size, low, high, out);
                }
              },
              [&](std::size_t i) { return !(values[i] >= low && values[i] <= high); });
        });
      }
    }
  }
}

TEST(ScanKernels, values_outside_a_range_have_their_bits_on_every_set) {
  compare_outside_reals<double>();
  compare_outside_reals<float>();
  for (int kind = 0; kind < kWholeKinds; ++kind) {
    for (const std::size_t size : kSizes) {
      const auto longs = wholes_of<std::int64_t>(kind, size);
      const auto ints = wholes_of<std::int32_t>(kind, size);
      for_each_set([&](const ScanKernels& kernels) {
        for (const std::uint64_t flip : {std::uint64_t{0}, std::uint64_t{1} << 63}) {
          expect_bits(
              size,
              [&](std::uint64_t* out) {
                kernels.outside_i64(longs.data(), size, flip, -5, 1 << 20, out);
              },
              [&](std::size_t i) {
                const auto value =
                    static_cast<std::int64_t>(static_cast<std::uint64_t>(longs[i]) ^ flip);
                return value < -5 || value > 1 << 20;
              });
        }
        expect_bits(
            size,
            [&](std::uint64_t* out) {
              kernels.outside_i32(ints.data(), size, INT32_MIN + 1, 50, out);
            },
            [&](std::size_t i) { return ints[i] < INT32_MIN + 1 || ints[i] > 50; });
      });
    }
  }
}

TEST(ScanKernels, values_that_are_no_members_have_their_bits_on_every_set) {
  for (const std::size_t size : kSizes) {
    std::vector<double> reals(size);
    std::vector<float> floats(size);
    std::vector<std::int64_t> longs(size);
    std::vector<std::int32_t> ints(size);
    for (std::size_t i = 0; i < size; ++i) {
      reals[i] = i % 7 == 0 ? kNan : i % 5 == 0 ? -0.0 : static_cast<double>(i % 11);
      floats[i] = static_cast<float>(reals[i]);
      longs[i] = INT64_MIN + static_cast<std::int64_t>(i % 11);
      ints[i] = INT32_MAX - static_cast<std::int32_t>(i % 11);
    }
    for (std::size_t num_members = 0; num_members < 6; ++num_members) {
      const double real_members[] = {0.0, 3, 7, 9, 10, kInfinity};
      const std::int64_t long_members[] = {INT64_MIN, 3, 7, INT64_MIN + 4, INT64_MAX, 0};
      const std::int32_t int_members[] = {INT32_MAX, 3, 7, INT32_MAX - 4, INT32_MIN, 0};
      const auto absent = [&](auto value, const auto* members) {
        return std::find(members, members + num_members, value) == members + num_members;
      };
      for_each_set([&](const ScanKernels& kernels) {
        expect_bits(
            size,
            [&](std::uint64_t* out) {
              kernels.absent_f64(reals.data(), size, real_members, num_members, out);
            },
            [&](std::size_t i) { return absent(reals[i], real_members); });
        expect_bits(
            size,
            [&](std::uint64_t* out) {
              kernels.absent_f32(floats.data(), size, real_members, num_members, out);
            },
            [&](std::size_t i) { return absent(double{floats[i]}, real_members); });
        expect_bits(
            size,
            [&](std::uint64_t* out) {
              kernels.absent_i64(longs.data(), size, long_members, num_members, out);
            },
            [&](std::size_t i) { return absent(longs[i], long_members); });
        expect_bits(
            size,
            [&](std::uint64_t* out) {
              kernels.absent_i32(ints.data(), size, int_members, num_members, out);
            },
            [&](std::size_t i) { return absent(ints[i], int_members); });
      });
    }
  }
}

}  // namespace
