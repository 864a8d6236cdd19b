#include <algorithm>
#include <cmath>
#include <inlay/error.hpp>
#include <inlay/summary/kll.hpp>
#include <utility>

namespace inlay {

// All that is held, in order, with how many values each item and those before it stand for.
template <class T>
struct Kll<T>::View {
  std::vector<std::pair<T, std::uint64_t>> items;
  std::uint64_t count;
  T min;
  T max;

  T quantile(double q) const {
    if (!(q >= 0 && q <= 1)) detail::fail<InvalidArgument>("q must lie within 0 to 1", q);
    if (q == 0) return min;
    if (q == 1) return max;
    const auto total = static_cast<double>(count);
    double position = std::ceil(q * total);
    // q may be a rank, which the product rounds up to beyond its position.
    if ((position - 1) / total >= q) --position;
    const std::uint64_t wanted = position < total ? static_cast<std::uint64_t>(position) : count;
    const auto at = std::lower_bound(
        items.begin(), items.end(), wanted,
        [](const auto& item, std::uint64_t weight) { return item.second < weight; });
    return at->first;
  }

  double rank(double x) const {
    const auto after = std::upper_bound(
        items.begin(), items.end(), x,
        [](double value, const auto& item) { return value < static_cast<double>(item.first); });
    if (after == items.begin()) return 0;
    return static_cast<double>(std::prev(after)->second) / static_cast<double>(count);
  }
};

template <class T>
typename Kll<T>::View Kll<T>::view() const {
  View out{{}, count(), *min(), *max()};
  out.items.reserve(num_retained());
  for (std::uint32_t i = 0; i < buffered_; ++i) out.items.emplace_back(buffer_[i], 1);
  for (unsigned level = 0; level < levels_; ++level) {
    for (std::uint32_t i = start_[level]; i < start_[level + 1]; ++i) {
      out.items.emplace_back(items_[i], std::uint64_t{1} << level);
    }
  }
  std::sort(out.items.begin(), out.items.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::uint64_t total = 0;
  for (auto& item : out.items) item.second = total += item.second;
  return out;
}

template <class T>
std::optional<T> Kll<T>::min() const noexcept {
  if (count() == 0) return std::nullopt;
  return min_ + T{0};  // one zero for both, whichever came first
}

template <class T>
std::optional<T> Kll<T>::max() const noexcept {
  if (count() == 0) return std::nullopt;
  return max_ + T{0};
}

template <class T>
std::vector<T> Kll<T>::quantiles(const double* q, std::size_t size) const {
  for (std::size_t i = 0; i < size; ++i) {
    if (!(q[i] >= 0 && q[i] <= 1)) detail::fail<InvalidArgument>("q must lie within 0 to 1", q[i]);
  }
  std::vector<T> out;
  if (count() == 0 || size == 0) return out;
  const View sorted = view();
  out.reserve(size);
  for (std::size_t i = 0; i < size; ++i) out.push_back(sorted.quantile(q[i]));
  return out;
}

template <class T>
std::optional<T> Kll<T>::quantile(double q) const {
  const std::vector<T> one = quantiles(&q, 1);
  if (one.empty()) return std::nullopt;
  return one.front();
}

template <class T>
std::optional<double> Kll<T>::rank(double x) const {
  if (std::isnan(x)) detail::fail<InvalidArgument>("a rank needs a number", x);
  if (count() == 0) return std::nullopt;
  // One point needs no order.
  std::uint64_t below = 0;
  for (std::uint32_t i = 0; i < buffered_; ++i) below += static_cast<double>(buffer_[i]) <= x;
  for (unsigned level = 0; level < levels_; ++level) {
    const T* begin = items_ + start_[level];
    const T* end = items_ + start_[level + 1];
    const auto not_above = std::upper_bound(
        begin, end, x, [](double value, T item) { return value < static_cast<double>(item); });
    below += static_cast<std::uint64_t>(not_above - begin) << level;
  }
  return static_cast<double>(below) / static_cast<double>(count());
}

template <class T>
std::vector<double> Kll<T>::cdf(const double* points, std::size_t size) const {
  for (std::size_t i = 0; i < size; ++i) {
    if (std::isnan(points[i])) detail::fail<InvalidArgument>("points must be numbers", points[i]);
    if (i != 0 && points[i] <= points[i - 1]) {
      detail::fail<InvalidArgument>(
          "points must increase; after " + detail::describe(points[i - 1]), points[i]);
    }
  }
  std::vector<double> out;
  if (count() == 0) return out;
  const View sorted = view();
  out.reserve(size + 1);
  for (std::size_t i = 0; i < size; ++i) out.push_back(sorted.rank(points[i]));
  out.push_back(1);
  return out;
}

template <class T>
std::vector<std::pair<T, std::uint64_t>> Kll<T>::cumulative() const {
  if (count() == 0) return {};
  return view().items;
}

template <class T>
std::vector<double> Kll<T>::pmf(const double* points, std::size_t size) const {
  std::vector<double> out = cdf(points, size);
  for (std::size_t i = out.size(); i-- > 1;) out[i] -= out[i - 1];
  return out;
}

template <class T>
double Kll<T>::rank_error(unsigned k, bool pmf) noexcept {
  return pmf ? 2.446 / std::pow(k, 0.9433) : 2.296 / std::pow(k, 0.9723);
}

template typename Kll<float>::View Kll<float>::view() const;
template typename Kll<double>::View Kll<double>::view() const;
template std::optional<float> Kll<float>::min() const noexcept;
template std::optional<double> Kll<double>::min() const noexcept;
template std::optional<float> Kll<float>::max() const noexcept;
template std::optional<double> Kll<double>::max() const noexcept;
template std::optional<float> Kll<float>::quantile(double) const;
template std::optional<double> Kll<double>::quantile(double) const;
template std::vector<float> Kll<float>::quantiles(const double*, std::size_t) const;
template std::vector<double> Kll<double>::quantiles(const double*, std::size_t) const;
template std::optional<double> Kll<float>::rank(double) const;
template std::optional<double> Kll<double>::rank(double) const;
template std::vector<double> Kll<float>::cdf(const double*, std::size_t) const;
template std::vector<double> Kll<double>::cdf(const double*, std::size_t) const;
template std::vector<double> Kll<float>::pmf(const double*, std::size_t) const;
template std::vector<double> Kll<double>::pmf(const double*, std::size_t) const;
template std::vector<std::pair<float, std::uint64_t>> Kll<float>::cumulative() const;
template std::vector<std::pair<double, std::uint64_t>> Kll<double>::cumulative() const;
template double Kll<float>::rank_error(unsigned, bool) noexcept;
template double Kll<double>::rank_error(unsigned, bool) noexcept;

}  // namespace inlay
