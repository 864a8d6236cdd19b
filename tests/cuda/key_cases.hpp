#pragma once

// Tensors of keys: the emulated kernels and those of a device count the same ones and must agree
// with the CPU's classes. A .cuh must be there before: it needs Tensor.

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace inlay::cuda {

struct KeyCase {
  std::string name;
  std::vector<unsigned char> bytes;  // what lies in memory
  std::size_t begin;                 // where element [0, 0, …] lies, in bytes
  Tensor tensor;                     // without data

  template <class T>
  static KeyCase of(std::string name, Element element, const std::vector<T>& values,
                    std::vector<std::int64_t> shape = {}, std::vector<std::int64_t> strides = {},
                    std::size_t begin = 0) {
    KeyCase out{std::move(name), std::vector<unsigned char>(values.size() * size_of(element)),
                begin * size_of(element), Tensor{}};
    static_assert(!std::is_same_v<T, bool>, "a vector of bool has no bytes");
    if (!values.empty()) std::memcpy(out.bytes.data(), values.data(), out.bytes.size());
    if (shape.empty()) shape = {static_cast<std::int64_t>(values.size())};
    if (strides.empty()) {
      strides.assign(shape.size(), 1);
      for (std::size_t d = shape.size() - 1; d > 0; --d) strides[d - 1] = strides[d] * shape[d];
    }
    out.tensor.element = element;
    out.tensor.dims = static_cast<int>(shape.size());
    for (std::size_t d = 0; d < shape.size(); ++d) {
      out.tensor.shape[d] = shape[d];
      out.tensor.strides[d] = strides[d];
    }
    return out;
  }

  bool is_float() const { return tensor.element <= Element::kF8E5M2; }

  /// Calls f(std::int64_t), f(double) or f(bool) with each element.
  template <class F>
  void for_each(F&& f) const {
    std::int64_t at[Tensor::kMaxDims] = {};
    for (std::int64_t n = tensor.size(); n > 0; --n) {
      std::int64_t offset = 0;
      for (int d = 0; d < tensor.dims; ++d) offset += at[d] * tensor.strides[d];
      const unsigned char* from = bytes.data() + static_cast<std::int64_t>(begin) +
                                  offset * static_cast<std::int64_t>(size_of(tensor.element));
      if (tensor.element == Element::kBool) {
        f(*from != 0);
      } else {
        with_element(tensor.element, [&]<class T>() {
          T value;
          std::memcpy(&value, from, sizeof(value));
          if constexpr (std::is_integral_v<T>) {
            f(static_cast<std::int64_t>(value));
          } else {
            f(static_cast<double>(to_real(value)));
          }
        });
      }
      for (int d = tensor.dims - 1; d >= 0 && ++at[d] == tensor.shape[d]; --d) at[d] = 0;
    }
  }
};

inline std::vector<KeyCase> key_cases() {
  std::vector<KeyCase> out;
  std::mt19937_64 random(7);
  const auto draw = [&]<class T>(std::size_t size, std::int64_t low, std::int64_t high) {
    std::vector<T> values(size);
    std::uniform_int_distribution<std::int64_t> any(low, high);
    for (T& value : values) value = static_cast<T>(any(random));
    return values;
  };
  constexpr auto kFull64 = std::numeric_limits<std::int64_t>::max();
  const auto ids = draw.operator()<std::int64_t>(4999, 0, 49);
  out.push_back(KeyCase::of<std::int64_t>("nothing", Element::kI64, {}));
  out.push_back(KeyCase::of<std::int64_t>("one", Element::kI64, {7}));
  out.push_back(KeyCase::of("few int64", Element::kI64, ids));
  out.push_back(KeyCase::of("not aligned to 16", Element::kI64, ids, {4998}, {1}, 1));
  out.push_back(KeyCase::of("any int64", Element::kI64,
                            draw.operator()<std::int64_t>(20'000, -kFull64, kFull64)));
  out.push_back(
      KeyCase::of<std::int64_t>("constant", Element::kI64, std::vector<std::int64_t>(10'000, 3)));
  {  // as token ids are: few of them most of the time, some ignored
    std::vector<std::int32_t> tokens(30'000);
    std::exponential_distribution<double> skewed(0.01);
    for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(skewed(random));
    for (std::size_t i = 0; i < tokens.size(); i += 17) tokens[i] = -100;
    out.push_back(KeyCase::of("tokens", Element::kI32, tokens));
    out.push_back(KeyCase::of("rows cut", Element::kI32, tokens, {200, 50}, {64, 1}));
    out.push_back(KeyCase::of("columns", Element::kI32, tokens, {100, 300}, {1, 100}));
    out.push_back(KeyCase::of("every third", Element::kI32, tokens, {5000}, {3}));
    out.push_back(KeyCase::of("backwards", Element::kI32, tokens, {5000}, {-1}, 4999));
    out.push_back(
        KeyCase::of("rows from the last", Element::kI32, tokens, {20, 30}, {-64, 1}, 19 * 64));
    out.push_back(KeyCase::of("one row often", Element::kI32, tokens, {100, 50}, {0, 1}));
    out.push_back(KeyCase::of("three dims", Element::kI32, tokens, {7, 5, 11}, {1, 1000, 80}));
    out.push_back(KeyCase::of("no rows", Element::kI32, tokens, {0, 50}, {64, 1}));
    out.push_back(KeyCase::of("a number", Element::kI32, tokens, {1, 1}, {9, 9}));
  }
  out.push_back(
      KeyCase::of("int16", Element::kI16, draw.operator()<std::int16_t>(9001, -32768, 32767)));
  out.push_back(KeyCase::of("int8", Element::kI8, draw.operator()<std::int8_t>(3000, -128, 127)));
  out.push_back(KeyCase::of("int8 off by 3", Element::kI8,
                            draw.operator()<std::int8_t>(3000, -128, 127), {2990}, {1}, 3));
  out.push_back(KeyCase::of("uint8", Element::kU8, draw.operator()<std::uint8_t>(3000, 0, 255)));
  out.push_back(KeyCase::of<std::uint8_t>("bool", Element::kBool, {0, 1, 1, 255, 2, 0, 1, 1}));
  {
    std::vector<double> reals(6000);
    std::normal_distribution<double> normal(0, 3);
    for (double& real : reals) real = normal(random);
    for (std::size_t i = 0; i < reals.size(); i += 5) reals[i] = std::round(reals[i]);
    const double odd[] = {NAN,    INFINITY, -INFINITY,          0.0,   -0.0,
                          5e-324, 1e16,     9999999999999998.0, -1e300};
    for (std::size_t i = 0; i < std::size(odd); ++i) {
      reals[7 * i + 1] = odd[i];
      reals[4000 + 11 * i] = odd[i];
    }
    out.push_back(KeyCase::of("double", Element::kF64, reals));
    const std::vector<float> floats(reals.begin(), reals.end());
    out.push_back(KeyCase::of("float", Element::kF32, floats));
    out.push_back(
        KeyCase::of("half", Element::kF16, draw.operator()<std::uint16_t>(5000, 0, 65535)));
    out.push_back(
        KeyCase::of("bfloat16", Element::kBF16, draw.operator()<std::uint16_t>(5000, 0, 65535)));
    out.push_back(
        KeyCase::of("e4m3", Element::kF8E4M3, draw.operator()<std::uint8_t>(1000, 0, 255)));
    out.push_back(
        KeyCase::of("e5m2", Element::kF8E5M2, draw.operator()<std::uint8_t>(1000, 0, 255)));
  }
  return out;
}

/// What the CPU makes of a case.
template <class Summary>
Summary counted_on_cpu(Summary summary, const KeyCase& keys) {
  keys.for_each([&](auto value) { summary.update(&value, std::size_t{1}); });
  return summary;
}

}  // namespace inlay::cuda
