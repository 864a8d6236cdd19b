#pragma once

// Rows of logits with what they must give, for the CPU and for kernels alike: a softmax in long
// doubles, entry by entry.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <inlay/model/logits.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace inlay::testing {

struct LogitsCase {
  std::string name;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> entries;        // row-major
  std::vector<std::int64_t> chosen;  // empty: none
  std::vector<std::uint8_t> mask;    // empty: none
};

/// Tolerances: terms are floats, each right to 3e-7, and errors do not add up beyond that of one.
inline constexpr double kEntropyError = 2e-5;
inline constexpr double kProbabilityError = 2e-6;  // relative
inline constexpr double kLogProbError = 4e-6;

inline LogitsRow reference_row(const LogitsCase& c, std::size_t row) {
  LogitsRow out;
  const float* x = c.entries.data() + row * c.columns;
  std::vector<float> kept;
  const auto hidden = [&](std::size_t i) {
    return (!c.mask.empty() && c.mask[row * c.columns + i] == 0) || x[i] == -INFINITY;
  };
  for (std::size_t i = 0; i < c.columns; ++i) {
    if (hidden(i)) {
      ++out.masked;
    } else if (!std::isfinite(x[i])) {
      ++out.nonfinite;
    } else {
      kept.push_back(x[i]);
    }
  }
  if (!c.chosen.empty() && c.chosen[row] >= 0) {
    out.chosen = static_cast<std::uint64_t>(c.chosen[row]) < c.columns ? LogitsChosen::kGiven
                                                                       : LogitsChosen::kOutOfRange;
  }
  if (out.nonfinite != 0 || kept.empty()) {
    out.undefined = out.nonfinite != 0 ? LogitsUndefined::kNotFinite : LogitsUndefined::kMasked;
    return out;
  }
  std::size_t top = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) top = kept[i] > kept[top] ? i : top;
  long double rest = 0;
  long double weighted = 0;
  float second = -INFINITY;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i == top) continue;
    const long double d = static_cast<long double>(kept[i]) - kept[top];
    rest += std::exp(d);
    weighted += d * std::exp(d);
    second = std::fmax(second, kept[i]);
  }
  const long double sum = 1 + rest;
  const long double ratio = std::exp(static_cast<long double>(second) - kept[top]);
  out.entropy = static_cast<float>(std::log1p(rest) - weighted / sum);
  out.top1 = static_cast<float>(1 / sum);
  out.top2 = static_cast<float>(ratio / sum);
  out.margin = static_cast<float>((1 - ratio) / sum);
  if (out.chosen == LogitsChosen::kGiven) {
    const auto id = static_cast<std::size_t>(c.chosen[row]);
    const float entry = hidden(id) ? -INFINITY : x[id];
    out.log_prob =
        static_cast<float>(static_cast<long double>(entry) - kept[top] - std::log1p(rest));
    out.rank = 1;
    for (const float other : kept) out.rank += other > entry ? 1 : 0;
  }
  return out;
}

/// What differs beyond the tolerances, or nothing.
inline std::string difference(const LogitsRow& found, const LogitsRow& expected) {
  std::string out;
  const auto exact = [&](const char* name, double a, double b) {
    if (a != b)
      out += std::string(name) + " " + std::to_string(a) + " for " + std::to_string(b) + "; ";
  };
  const auto near = [&](const char* name, double a, double b, double absolute, double relative) {
    if ((std::isnan(a) && std::isnan(b)) || a == b) return;
    if (std::fabs(a - b) <= absolute + relative * std::fabs(b)) return;
    out += std::string(name) + " " + std::to_string(a) + " for " + std::to_string(b) + "; ";
  };
  exact("undefined", static_cast<int>(found.undefined), static_cast<int>(expected.undefined));
  exact("chosen", static_cast<int>(found.chosen), static_cast<int>(expected.chosen));
  exact("masked", found.masked, expected.masked);
  exact("nonfinite", found.nonfinite, expected.nonfinite);
  exact("rank", found.rank, expected.rank);
  near("entropy", found.entropy, expected.entropy, 0, kEntropyError);
  near("top1", found.top1, expected.top1, 1e-37, kProbabilityError);
  near("top2", found.top2, expected.top2, 1e-37, 2e-5);
  near("margin", found.margin, expected.margin, 2e-6, kProbabilityError);
  near("log_prob", found.log_prob, expected.log_prob, kLogProbError, 3e-7);
  return out;
}

/// The value that 16 bits of a brain float hold.
inline float brain_float(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}
/// Cut, not rounded: tests only need values that 16 bits hold.
inline std::uint16_t brain_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (std::isnan(value)) return 0x7FC0;
  return static_cast<std::uint16_t>(bits >> 16);
}
inline LogitsCase as_brain_floats(LogitsCase c) {
  for (float& x : c.entries) x = brain_float(brain_bits(x));
  return c;
}

inline std::vector<LogitsCase> logits_cases() {
  std::vector<LogitsCase> out;
  std::mt19937 random(7);
  const auto normal = [&](std::size_t rows, std::size_t columns, float spread, float shift) {
    LogitsCase c;
    c.rows = rows;
    c.columns = columns;
    std::normal_distribution<float> draw(shift, spread);
    for (std::size_t i = 0; i < rows * columns; ++i) c.entries.push_back(draw(random));
    std::uniform_int_distribution<std::int64_t> token(0, static_cast<std::int64_t>(columns) - 1);
    for (std::size_t i = 0; i < rows; ++i) c.chosen.push_back(token(random));
    return c;
  };
  const auto add = [&](const char* name, LogitsCase c) {
    c.name = name + std::string(" ") + std::to_string(c.rows) + "x" + std::to_string(c.columns);
    out.push_back(std::move(c));
  };
  for (const std::size_t columns : {1, 2, 3, 15, 16, 17, 100, 1000, 2048, 2049, 5000}) {
    add("normal", normal(5, columns, 3.0F, 0.0F));
  }
  add("wide", normal(3, 4099, 30.0F, -200.0F));
  add("large", normal(3, 300, 1e37F, 0.0F));
  add("none", normal(0, 10, 1.0F, 0.0F));
  {
    LogitsCase c = normal(6, 3000, 2.0F, 0.0F);
    c.chosen = {-1, 3000, 2999, -100, INT64_MAX, 0};
    add("chosen", c);
    c.chosen.clear();
    add("not chosen", c);
  }
  {
    LogitsCase c = normal(4, 2500, 1.0F, 0.0F);
    c.entries[7] = 40;                                                   // one entry holds all
    c.entries[2500 + 2400] = 40;                                         // in the last block
    for (std::size_t i = 0; i < 2500; ++i) c.entries[5000 + i] = -1.5F;  // uniform
    c.entries[7500] = c.entries[9999] = 9;                               // two of a kind
    c.chosen = {7, 2400, 3, 2499};
    add("certain", c);
  }
  {
    LogitsCase c = normal(8, 2100, 2.0F, 0.0F);
    const std::size_t n = c.columns;
    std::fill(c.entries.begin(), c.entries.begin() + 2100, -INFINITY);  // all masked
    for (std::size_t i = 0; i < n; ++i) {
      if (i != 2077) c.entries[n + i] = -INFINITY;  // one left
      if (i % 50 != 3) c.entries[2 * n + i] = -INFINITY;
    }
    c.entries[3 * n + 5] = NAN;
    c.entries[3 * n + 2099] = INFINITY;
    c.entries[3 * n + 60] = -INFINITY;
    c.entries[4 * n + 2050] = INFINITY;
    for (std::size_t i = 0; i < n; ++i) c.entries[5 * n + i] = NAN;
    c.entries[6 * n + 9] = -INFINITY;
    for (std::size_t i = 0; i < n; ++i) {  // as some frameworks mask
      if (i % 3 != 0) c.entries[7 * n + i] = std::numeric_limits<float>::lowest();
    }
    c.chosen = {0, 2077, 4, 1, 2, 3, 9, 1};
    add("special", c);
  }
  {
    LogitsCase c = normal(5, 2070, 2.0F, 0.0F);
    c.mask.assign(c.rows * c.columns, 1);
    for (std::size_t i = 0; i < c.mask.size(); ++i) c.mask[i] = random() % 4 == 0 ? 0 : 1;
    for (std::size_t i = 0; i < 2070; ++i) c.mask[2070 + i] = 0;
    for (std::size_t i = 0; i < 2070; ++i) {
      if (c.mask[4140 + i] == 0) c.entries[4140 + i] = i % 2 == 0 ? NAN : INFINITY;  // hidden
    }
    c.entries[3 * 2070] = NAN;
    c.mask[3 * 2070] = 1;
    c.chosen[0] = 0;
    c.mask[0] = 0;
    add("masked", c);
  }
  {
    LogitsCase c = normal(2, 700, 1.0F, 0.0F);
    for (float& x : c.entries) x = std::numeric_limits<float>::lowest();
    for (std::size_t i = 0; i < 700; ++i) c.entries[700 + i] = i == 99 ? 3e38F : -3e38F;
    c.chosen = {5, 98};
    add("ends of the range", c);
  }
  {
    LogitsCase c = normal(3, 6000, 1.0F, 0.0F);  // the largest comes ever later
    for (std::size_t i = 0; i < 6000; ++i) {
      c.entries[i] = static_cast<float>(i) * 0.01F;
      c.entries[6000 + i] = static_cast<float>(i) * 0.5F;
      c.entries[12000 + i] = -static_cast<float>(i) * 0.01F;
    }
    add("rising", c);
  }
  return out;
}

/// The batch of a case, whose entries it refers to.
inline LogitsBatch batch_of(const LogitsCase& c) {
  LogitsBatch batch;
  batch.data = c.entries.data();
  batch.rows = c.rows;
  batch.columns = c.columns;
  batch.row_stride = static_cast<std::ptrdiff_t>(c.columns);
  batch.chosen = c.chosen.empty() ? nullptr : c.chosen.data();
  batch.mask = c.mask.empty() ? nullptr : c.mask.data();
  batch.mask_row_stride = static_cast<std::ptrdiff_t>(c.columns);
  return batch;
}

/// A row as it is written out; what is not is taken from what is expected.
inline LogitsRow row_of_results(const float* results, const LogitsRow& expected) {
  LogitsRow row;
  row.entropy = results[0];
  row.top1 = results[1];
  row.top2 = results[2];
  row.margin = results[3];
  row.log_prob = results[4];
  row.rank = static_cast<std::uint32_t>(results[5]);
  row.masked = static_cast<std::uint32_t>(results[6]);
  row.nonfinite = static_cast<std::uint32_t>(results[7]);
  row.undefined = expected.undefined;  // both are in the state's counts
  row.chosen = expected.chosen;
  return row;
}

}  // namespace inlay::testing
