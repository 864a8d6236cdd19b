#pragma once

// What the device computes, the plain way: doubles, loops, whole matrices.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <inlay/detect/two_sample.hpp>
#include <vector>

#include "detect_cases.hpp"

namespace inlay::cuda::test {

/// Values in memory, as the CPU's functions read them.
class Values final : public SampleSource {
 public:
  explicit Values(const std::vector<double>& values) : values_(values) {}
  std::size_t size() const noexcept override { return values_.size(); }
  std::size_t read(SpanSink& sink) const noexcept override {
    sink.take(values_.data(), values_.size());
    return 0;
  }

 private:
  const std::vector<double>& values_;
};

inline SortedSample sorted(const std::vector<double>& values) {
  return SortedSample(Values(values));
}

struct PlainMoments {
  std::vector<double> mean;
  std::vector<double> scatter;
};

inline PlainMoments plain_moments(const RowsCase& rows) {
  const auto dims = static_cast<std::size_t>(rows.dims);
  const auto count = static_cast<std::size_t>(rows.count);
  PlainMoments out{std::vector<double>(dims), std::vector<double>(dims * dims)};
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t d = 0; d < dims; ++d) out.mean[d] += rows.values[i * dims + d];
  }
  for (double& mean : out.mean) mean /= static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t a = 0; a < dims; ++a) {
      const double apart = rows.values[i * dims + a] - out.mean[a];
      for (std::size_t b = 0; b < dims; ++b) {
        out.scatter[a * dims + b] += apart * (rows.values[i * dims + b] - out.mean[b]);
      }
    }
  }
  return out;
}

/// The forms s' K s and s' K 1 of a kernel of rows less `offset`; signs[rows][splits].
struct PlainForms {
  std::vector<double> forms;
  std::vector<double> linear;
  double total = 0.0;
};

inline std::vector<double> plain_squared_distances(const RowsCase& rows) {
  const auto dims = static_cast<std::size_t>(rows.dims);
  const auto count = static_cast<std::size_t>(rows.count);
  std::vector<double> out(count * count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      double sum = 0.0;
      for (std::size_t d = 0; d < dims; ++d) {
        const double apart = rows.values[i * dims + d] - rows.values[j * dims + d];
        sum += apart * apart;
      }
      out[i * count + j] = sum;
    }
  }
  return out;
}

inline PlainForms plain_forms(const std::vector<double>& kernel,
                              const std::vector<std::int8_t>& signs, std::size_t splits) {
  const std::size_t count = signs.size() / splits;
  PlainForms out{std::vector<double>(splits), std::vector<double>(splits), 0.0};
  std::vector<double> products(splits);
  for (std::size_t i = 0; i < count; ++i) {
    std::fill(products.begin(), products.end(), 0.0);
    double row = 0.0;
    for (std::size_t j = 0; j < count; ++j) {
      const double k = kernel[i * count + j];
      row += k;
      for (std::size_t s = 0; s < splits; ++s) products[s] += signs[j * splits + s] * k;
    }
    out.total += row;
    for (std::size_t s = 0; s < splits; ++s) {
      out.forms[s] += signs[i * splits + s] * products[s];
      out.linear[s] += signs[i * splits + s] * row;
    }
  }
  return out;
}

/// Both sides below each other.
inline RowsCase stacked(const RowsCase& x, const RowsCase& y) {
  RowsCase out{x.count + y.count, x.dims, x.values};
  out.values.insert(out.values.end(), y.values.begin(), y.values.end());
  return out;
}

inline double plain_median_distance(const RowsCase& rows) {
  const std::vector<double> squared = plain_squared_distances(rows);
  const auto count = static_cast<std::size_t>(rows.count);
  std::vector<double> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) pairs.push_back(std::sqrt(squared[i * count + j]));
  }
  std::sort(pairs.begin(), pairs.end());
  const std::size_t half = pairs.size() / 2;
  return pairs.size() % 2 == 1 ? pairs[half] : (pairs[half - 1] + pairs[half]) / 2.0;
}

/// Wasserstein-p to the p-th power of both sides seen from a direction.
inline double plain_sliced(const RowsCase& x, const RowsCase& y, const double* direction, int p) {
  const auto seen = [&](const RowsCase& rows) {
    std::vector<double> out(static_cast<std::size_t>(rows.count));
    const auto dims = static_cast<std::size_t>(rows.dims);
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (std::size_t d = 0; d < dims; ++d) out[i] += direction[d] * rows.values[i * dims + d];
    }
    return out;
  };
  return quantile_distance(sorted(seen(x)), sorted(seen(y)), p);
}

}  // namespace inlay::cuda::test
