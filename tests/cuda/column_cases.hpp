#pragma once

// One list of cases for column statistics: run by the emulator and on a device.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <inlay/half_float.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/tensor.hpp"
#include "summary/bucket_cells.hpp"
#include "summary/column_plan.hpp"
#include "summary/column_results.hpp"

namespace inlay::cuda::cases {

/// Values of one update as they lie in memory: `memory` is copied to wherever the kernel runs, and
/// tensor.data is then set to `offset` elements behind its start.
struct Batch {
  std::vector<unsigned char> memory;
  std::int64_t offset = 0;
  Tensor tensor;

  template <class T>
  double value(std::int64_t place) const {
    T raw;
    std::memcpy(&raw, memory.data() + static_cast<std::size_t>(offset + place) * sizeof(T),
                sizeof(T));
    return static_cast<double>(to_real(raw));
  }
};

struct Case {
  std::string name;
  std::uint32_t columns = 1;
  int axis = -1;  // of the columns; -1: all values are of one column
  int scale = 5;
  std::vector<std::vector<double>> edges;  // of each column, or none
  std::vector<Batch> batches;
  std::uint32_t pages = 0;  // 0: enough
  std::uint32_t target_blocks = 6;
  std::uint32_t shared_bytes = 64 * 1024;  // of a block, where it is emulated
};

/// Runs the updates of a case into one window and returns the result's bytes.
using Runner = std::function<std::vector<unsigned char>(const Case&, const ColumnLayout&)>;

template <class T>
T stored(double value);
template <>
inline double stored(double value) {
  return value;
}
template <>
inline float stored(double value) {
  return static_cast<float>(value);
}
// Rounded toward zero, which suffices: the expected results are computed from what is stored.
template <>
inline BFloat16 stored(double value) {
  return {
      static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16)};
}
inline std::uint16_t half_bits(double value) {
  const auto f = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(f);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x47800000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p-112F;
  return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(scaled) >> 13));
}
template <>
inline Half stored(double value) {
  return {half_bits(value)};
}
template <>
inline Float8E5M2 stored(double value) {
  return {static_cast<std::uint8_t>(half_bits(value) >> 8)};
}
template <>
inline Float8E4M3 stored(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  const auto sign = static_cast<std::uint8_t>(bits >> 24 & 0x80U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude >= 0x43E80000U) return {static_cast<std::uint8_t>(sign | 0x7FU)};
  const float scaled = std::bit_cast<float>(magnitude) * 0x1p-120F;
  return {static_cast<std::uint8_t>(sign | (std::bit_cast<std::uint32_t>(scaled) >> 20))};
}
template <class T>
  requires std::is_integral_v<T>
inline T stored_integer(double value) {
  if (!(value == value)) return 0;
  if (std::is_same_v<T, bool>) return static_cast<T>(value > 0);
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double high = sizeof(T) == 8 ? 0x1p62 : static_cast<double>(std::numeric_limits<T>::max());
  return static_cast<T>(std::min(std::max(value, low), high));
}
template <>
inline std::int8_t stored(double v) {
  return stored_integer<std::int8_t>(v);
}
template <>
inline std::uint8_t stored(double v) {
  return stored_integer<std::uint8_t>(v);
}
template <>
inline std::int16_t stored(double v) {
  return stored_integer<std::int16_t>(v);
}
template <>
inline std::int32_t stored(double v) {
  return stored_integer<std::int32_t>(v);
}
template <>
inline std::int64_t stored(double v) {
  return stored_integer<std::int64_t>(v);
}
template <>
inline bool stored(double v) {
  return stored_integer<bool>(v);
}

/// A batch whose element at a place of memory is value(place).
inline Batch make_batch(Element element, std::int64_t places, std::int64_t offset,
                        std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                        const std::function<double(std::int64_t)>& value) {
  Batch out;
  out.offset = offset;
  out.tensor.element = element;
  out.tensor.dims = static_cast<int>(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out.tensor.shape[i] = shape[i];
    out.tensor.strides[i] = strides[i];
  }
  with_element(element, [&]<class T>() {
    out.memory.resize(static_cast<std::size_t>(places) * sizeof(T));
    for (std::int64_t i = 0; i < places; ++i) {
      const T raw = stored<T>(value(i));
      std::memcpy(out.memory.data() + static_cast<std::size_t>(i) * sizeof(T), &raw, sizeof(T));
    }
  });
  return out;
}

/// [rows, columns], row-major, without gaps.
inline Batch rows_batch(Element element, std::int64_t rows, std::int64_t columns,
                        const std::function<double(std::int64_t row, std::int64_t column)>& value,
                        std::int64_t offset = 0) {
  return make_batch(
      element, rows * columns + offset, offset, {rows, columns}, {columns, 1}, [&](std::int64_t i) {
        return i < offset ? 0.0 : value((i - offset) / columns, (i - offset) % columns);
      });
}

/// The values of each column, in any order.
inline std::vector<std::vector<double>> values_of(const Case& c) {
  std::vector<std::vector<double>> out(c.columns);
  for (const Batch& batch : c.batches) {
    const Tensor& t = batch.tensor;
    const std::int64_t size = t.size();
    for (std::int64_t i = 0; i < size; ++i) {
      std::int64_t rest = i;
      std::int64_t place = 0;
      std::int64_t column = 0;
      for (int d = t.dims - 1; d >= 0; --d) {
        const std::int64_t at = rest % t.shape[d];
        rest /= t.shape[d];
        place += at * t.strides[d];
        if (d == c.axis) column = at;
      }
      out[static_cast<std::size_t>(column)].push_back(
          with_element(t.element, [&]<class T>() { return batch.value<T>(place); }));
    }
  }
  return out;
}

inline void expect_near(double found, long double expected, long double scale, double tolerance,
                        const char* what) {
  if (!std::isfinite(static_cast<double>(expected))) {
    EXPECT_FALSE(std::isfinite(found)) << what;
    return;
  }
  EXPECT_LE(std::fabs(static_cast<long double>(found) - expected), scale * tolerance)
      << what << " " << found << ", expected " << static_cast<double>(expected);
}

inline void check_moments(const Moments& found, const std::vector<double>& values,
                          double tolerance) {
  Moments expected;
  expected.update(values.data(), values.size());
  EXPECT_EQ(found.count(), expected.count());
  EXPECT_EQ(found.nan_count(), expected.nan_count());
  EXPECT_EQ(found.pos_inf_count(), expected.pos_inf_count());
  EXPECT_EQ(found.neg_inf_count(), expected.neg_inf_count());
  EXPECT_EQ(found.zero_count(), expected.zero_count());
  EXPECT_EQ(found.min(), expected.min());
  EXPECT_EQ(found.max(), expected.max());
  if (expected.count() == 0) return;
  EXPECT_EQ(std::signbit(*found.min()), std::signbit(*expected.min()));
  long double sum = 0;
  long double size = 0;
  std::uint64_t n = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    sum += v;
    size += std::fabs(v);
    ++n;
  }
  const long double mean = sum / n;
  long double powers[5] = {};
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    const long double d = std::fabs(static_cast<long double>(v) - mean);
    powers[2] += d * d;
    powers[3] += d * d * d;
    powers[4] += d * d * d * d;
  }
  expect_near(found.sum(), sum, size, tolerance, "sum");
  if (std::fabs(sum) > 1e300L) return;
  const auto moment = [&](int k, std::optional<double> value, std::optional<double> cpu) {
    EXPECT_EQ(value.has_value(), cpu.has_value()) << k;
    // What rounding of the values' own size may do.
    const long double floor =
        n * std::pow(static_cast<long double>(size / n), k) * std::pow(1e-7L, k);
    if (value && cpu) {
      EXPECT_LE(std::fabs(static_cast<long double>(*value) - static_cast<long double>(*cpu)),
                powers[k] * tolerance * k + floor * (tolerance < 1e-9 ? 1e-20L : 1.0L) + 1e-300L)
          << "m" << k << " " << *value << ", expected " << *cpu;
    }
  };
  moment(2, found.m2(), expected.m2());
  moment(3, found.m3(), expected.m3());
  moment(4, found.m4(), expected.m4());
}

inline bool real_is_float(Element element) {
  bool out = false;
  with_element(element, [&]<class T>() { out = sizeof(Real<T>) == sizeof(float); });
  return out;
}

inline ColumnLayout layout_of(const Case& c) {
  ColumnLayout layout;
  layout.columns = c.columns;
  std::size_t most = 0;
  for (const auto& edges : c.edges) most = std::max(most, edges.size());
  layout.cells = most == 0 ? 0 : static_cast<std::uint32_t>(most) + 1;
  if (layout.cells != 0) layout.cells = std::bit_ceil(layout.cells);
  layout.pages = c.pages != 0 ? c.pages
                              : std::bit_ceil(std::max(c.columns * (c.columns < 512 ? 64 : 16),
                                                       4096U << std::max(0, c.scale - 5)));
  return layout;
}

inline void check_case(const Case& c, const Runner& run) {
  SCOPED_TRACE(c.name);
  const ColumnLayout layout = layout_of(c);
  const std::vector<unsigned char> bytes = run(c, layout);
  const ColumnResults results(bytes.data(), layout);
  const auto values = values_of(c);
  const double tolerance =
      !c.batches.empty() && !real_is_float(c.batches[0].tensor.element) ? 1e-12 : 1e-6;
  for (std::uint32_t column = 0; column < c.columns; ++column) {
    SCOPED_TRACE("column " + std::to_string(column));
    check_moments(results.moments(column), values[column], tolerance);
    ExpHistogram expected(c.scale);
    expected.update(values[column].data(), values[column].size());
    ExpHistogram found(c.scale);
    found.merge(results.histogram(column, c.scale));
    EXPECT_EQ(results.record(column).lost, 0U);
    EXPECT_TRUE(found == expected);
    EXPECT_EQ(found.scale(), expected.scale());
    if (!c.edges.empty()) {
      EdgeHistogram cells(c.edges[column]);
      const EdgeHistogram got = results.cells(column, cells);
      cells.update(values[column].data(), values[column].size());
      EXPECT_TRUE(got == cells);
    }
    if (testing::Test::HasFailure()) return;  // one column tells enough
  }
}

// ---- the list ----------------------------------------------------------------------------------

inline constexpr Element kAllElements[] = {
    Element::kF64, Element::kF32, Element::kF16, Element::kBF16, Element::kF8E4M3, Element::kF8E5M2,
    Element::kI64, Element::kI32, Element::kI16, Element::kI8,   Element::kU8,     Element::kBool};

inline double spread(std::mt19937_64& random) {
  return std::normal_distribution<double>(0.3, 2.0)(random);
}

/// Every bucket boundary of an octave at a scale as the nearest double, and its neighbours.
inline std::vector<double> boundary_values(int scale, bool as_float) {
  std::vector<double> out;
  for (const int exponent : {-126, -1, 0, 1, 17}) {
    for (int k = 0; k < 1 << scale; ++k) {
      const std::uint64_t mantissa = kOctaveBoundaries[k << (8 - scale)];
      const double boundary = std::ldexp(1.0 + static_cast<double>(mantissa) * 0x1p-52, exponent);
      if (as_float) {
        const auto f = static_cast<float>(boundary);
        for (const float v : {std::nextafter(f, 0.0F), f, std::nextafter(f, HUGE_VALF)})
          out.push_back(static_cast<double>(v));
      } else {
        for (const double v :
             {std::nextafter(boundary, 0.0), boundary, std::nextafter(boundary, HUGE_VAL)})
          out.push_back(v);
      }
    }
  }
  return out;
}

inline std::vector<Case> all_cases() {
  std::vector<Case> out;
  std::mt19937_64 random(7);
  const auto add = [&out](Case c) { out.push_back(std::move(c)); };
  const auto matrix = [&](std::string name, Element element, std::int64_t rows,
                          std::int64_t columns, std::function<double()> value) {
    Case c;
    c.name = std::move(name);
    c.columns = static_cast<std::uint32_t>(columns);
    c.axis = 1;
    c.batches.push_back(
        rows_batch(element, rows, columns, [&](std::int64_t, std::int64_t) { return value(); }));
    return c;
  };
  const auto normal = [&random] { return spread(random); };

  for (const Element element : kAllElements) {
    const std::string name = "element " + std::to_string(static_cast<int>(element));
    const bool wide = element == Element::kI32 || element == Element::kI64;
    const auto value = [&] {
      return wide ? std::floor(spread(random) * 1e6) : spread(random) * 20;
    };
    add(matrix(name + " rows", element, 700, 20, value));
    add(matrix(name + " odd rows", element, 333, 7, value));
    add(matrix(name + " one column", element, 2777, 1, value));
    add(matrix(name + " few columns", element, 801, 4, value));
    Case whole;
    whole.name = name + " whole, misplaced";
    whole.batches.push_back(
        make_batch(element, 4003, 3, {4000}, {1}, [&](std::int64_t) { return value(); }));
    add(std::move(whole));
  }

  // Shapes and strides, on floats.
  const auto at = [](std::int64_t i) { return std::sin(static_cast<double>(i)) * 3 + 0.5; };
  const auto strided = [&](std::string name, std::int64_t places, std::int64_t offset,
                           std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                           int axis) {
    Case c;
    c.name = std::move(name);
    c.axis = axis;
    c.columns = axis < 0 ? 1 : static_cast<std::uint32_t>(shape[static_cast<std::size_t>(axis)]);
    c.batches.push_back(make_batch(Element::kF32, places, offset, shape, strides, at));
    add(std::move(c));
  };
  strided("column-major", 1500 * 5, 0, {1500, 5}, {1, 1500}, 1);
  strided("column-major, misplaced", 1501 * 5 + 1, 1, {1500, 5}, {1, 1501}, 1);
  strided("column-major, few rows", 30 * 20, 0, {30, 20}, {1, 30}, 1);
  strided("sliced rows", 600 * 24, 0, {300, 20}, {48, 1}, 1);
  strided("sliced columns", 300 * 40, 1, {300, 20}, {40, 2}, 1);
  strided("rows backward", 300 * 20, 299 * 20, {300, 20}, {-20, 1}, 1);
  strided("columns backward", 300 * 20, 19, {300, 20}, {20, -1}, 1);
  strided("one row again and again", 20, 0, {300, 20}, {0, 1}, 1);
  strided("one column again and again", 300, 0, {300, 20}, {1, 0}, 1);
  strided("one value", 1, 0, {1, 1}, {1, 1}, 1);
  strided("a scalar", 1, 0, {}, {}, -1);
  strided("no rows", 0, 0, {0, 20}, {20, 1}, 1);
  strided("one row of many columns", 1000, 0, {1, 1000}, {1000, 1}, 1);
  strided("channels first", 3 * 6 * 100, 0, {3, 6, 10, 10}, {600, 100, 10, 1}, 1);
  strided("channels last", 3 * 20 * 100, 0, {3, 20, 10, 10}, {2000, 1, 200, 20}, 1);
  strided("whole, permuted", 2 * 30 * 40, 0, {30, 2, 40}, {40, 1200, 1}, -1);
  strided("whole, with gaps", 60 * 64, 0, {60, 40}, {64, 1}, -1);
  strided("whole, broadcast", 40, 0, {60, 40}, {0, 1}, -1);
  strided("whole, every third", 3 * 1000, 2, {1000}, {3}, -1);
  strided("two columns", 900 * 2, 0, {900, 2}, {2, 1}, 1);
  strided("eight columns, a partial row", 901 * 8, 0, {901, 8}, {8, 1}, 1);
  strided("odd count of columns", 300 * 257, 0, {300, 257}, {257, 1}, 1);
  strided("columns that end within a group", 300 * 252, 0, {300, 252}, {252, 1}, 1);
  add(matrix("many columns, few rows", Element::kF32, 5, 4100, normal));
  add(matrix("many columns, few rows, bf16", Element::kBF16, 5, 4100, normal));

  // Values, at every mapping.
  struct Values {
    const char* name;
    std::function<double()> value;
  };
  const auto pick = [&random](std::vector<double> from) {
    return [&random, from] { return from[random() % from.size()]; };
  };
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Values> kinds = {
      {"zero", [] { return 0.0; }},
      {"minus zero", [] { return -0.0; }},
      {"constant", [] { return 1.7; }},
      {"a power of two", [] { return -4.0; }},
      {"rectified", [&] { return std::max(0.0, spread(random)); }},
      {"half missing", [&] { return random() % 2 ? nan : spread(random); }},
      {"all missing", [&] { return nan; }},
      {"infinities and zeros", pick({inf, -inf, 0.0, -0.0, 1.0, -1.0})},
      {"far from zero", [&] { return 1e6 + spread(random); }},
      {"tiny", [&] { return spread(random) * 1e-30; }},
      {"huge", [&] { return spread(random) * 1e30; }},
      {"subnormal and normal", [&] { return spread(random) * 1e-38; }},
      {"subnormal", [&] { return spread(random) * 1e-41; }},
      {"over many octaves", [&] { return std::exp(spread(random) * 12); }},
      {"one outlier", [&] { return random() % 2000 == 0 ? 1e30 : spread(random); }},
      {"mostly zeros, tiny else", [&] { return random() % 40 ? 0.0 : spread(random) * 1e-25; }},
      {"few values", pick({-2.0, -1.0, 0.5, 1.0, 3.0})},
  };
  for (const Values& kind : kinds) {
    Case c = matrix(std::string("floats, ") + kind.name, Element::kF32, 2100, 16, kind.value);
    c.shared_bytes = 200 * 1024;
    add(std::move(c));
    add(matrix(std::string("floats strided, ") + kind.name, Element::kF32, 700, 9, kind.value));
    add(matrix(std::string("one column, ") + kind.name, Element::kF32, 9001, 1, kind.value));
    add(matrix(std::string("doubles, ") + kind.name, Element::kF64, 700, 16, kind.value));
    add(matrix(std::string("bf16, ") + kind.name, Element::kBF16, 700, 16, kind.value));
  }
  // An outlier where the sample looks.
  Case outlier;
  outlier.name = "an outlier first";
  outlier.columns = 16;
  outlier.axis = 1;
  outlier.batches.push_back(
      rows_batch(Element::kF32, 3000, 16,
                 [&](std::int64_t row, std::int64_t) { return row == 0 ? 1e30 : spread(random); }));
  add(std::move(outlier));
  // Doubles over all they can be: the scale is lowered.
  add(matrix("doubles over their range", Element::kF64, 600, 3, [&] {
    const int exponent = static_cast<int>(random() % 2097) - 1073;
    return std::ldexp(random() % 2 ? 1.1 : -1.3, exponent);
  }));
  Case every_octave = matrix("floats over their range", Element::kF32, 900, 16, [&] {
    const int exponent = static_cast<int>(random() % 276) - 148;
    return std::ldexp(random() % 2 ? 1.1 : -1.3, exponent);
  });
  every_octave.pages = 16384;
  add(std::move(every_octave));
  for (const int scale : {-4, -1, 0, 1, 3, 5, 6, 8}) {
    for (const bool as_float : {true, false}) {
      const auto values = boundary_values(std::max(scale, 0), as_float);
      Case c;
      c.name =
          "boundaries at scale " + std::to_string(scale) + (as_float ? ", floats" : ", doubles");
      c.scale = scale;
      c.batches.push_back(make_batch(
          as_float ? Element::kF32 : Element::kF64, static_cast<std::int64_t>(values.size()), 0,
          {static_cast<std::int64_t>(values.size())}, {1},
          [&](std::int64_t i) { return (i % 2 ? -1 : 1) * values[static_cast<std::size_t>(i)]; }));
      add(std::move(c));
    }
    Case c = matrix("rows at scale " + std::to_string(scale), Element::kF32, 600, 16, normal);
    c.scale = scale;
    add(std::move(c));
  }
  for (const int exponent : {-149, -140, -127, -126, -1, 0, 127}) {
    const double power = std::ldexp(1.0, exponent);
    Case c = matrix(
        "powers of two around 2^" + std::to_string(exponent), Element::kF32, 300, 5,
        pick({power, -power, static_cast<double>(std::nextafter(static_cast<float>(power), 0.0F)),
              static_cast<double>(std::nextafter(static_cast<float>(power), HUGE_VALF))}));
    add(std::move(c));
  }

  // Edges.
  const auto with_edges = [&](Case c, std::size_t count) {
    c.name += ", " + std::to_string(count) + " edges";
    for (std::uint32_t column = 0; column < c.columns; ++column) {
      std::vector<double> edges;
      const std::size_t own = count > column % 3 ? count - column % 3 : 1;
      for (std::size_t i = 0; i < own; ++i)
        edges.push_back(-4.0 + 8.0 * static_cast<double>(i) / static_cast<double>(own) +
                        0.01 * column);
      c.edges.push_back(std::move(edges));
    }
    add(std::move(c));
  };
  for (const std::size_t count : {1, 3, 19, 400}) {
    with_edges(matrix("rows", Element::kF32, 700, 20, normal), count);
    with_edges(matrix("rows of doubles", Element::kF64, 300, 20, normal), count);
    with_edges(matrix("rows of bf16", Element::kBF16, 300, 20, normal), count);
    with_edges(matrix("odd rows", Element::kF32, 333, 9, normal), count);
    with_edges(matrix("one column", Element::kF32, 3001, 1, normal), count);
    with_edges(matrix("few columns", Element::kF32, 801, 4, normal), count);
    with_edges(matrix("missing ones", Element::kF32, 500, 16,
                      [&] { return random() % 3   ? spread(random)
                                   : random() % 2 ? nan
                                                  : inf; }),
               count);
  }
  // Edges that are values, and those no float equals.
  Case exact = matrix("values on edges", Element::kF32, 600, 16, pick({-1.0, 0.0, -0.0, 0.1, 2.0}));
  exact.edges.assign(16, {-1.0, 0.0, 0.1, static_cast<double>(0.1F), 2.0});
  add(std::move(exact));
  Case beyond = matrix("edges beyond floats", Element::kF32, 600, 16, normal);
  beyond.edges.assign(16, {-1e300, -1e-300, 1e-300, 1.0, 1e300});
  add(std::move(beyond));

  // Several updates, of different kinds, into one window.
  Case several;
  several.name = "several updates";
  several.columns = 20;
  several.axis = 1;
  for (int i = 0; i < 4; ++i) {
    several.batches.push_back(
        rows_batch(Element::kF32, 100 + 200 * i, 20, [&](std::int64_t, std::int64_t column) {
          return spread(random) * std::pow(10.0, i) + static_cast<double>(column);
        }));
  }
  several.batches.push_back(make_batch(Element::kF32, 500 * 20, 0, {500, 20}, {1, 500}, at));
  add(std::move(several));
  return out;
}

}  // namespace inlay::cuda::cases
