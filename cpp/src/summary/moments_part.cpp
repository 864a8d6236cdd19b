#include "summary/moments_part.hpp"

#include "summary/moments_formulas.hpp"

namespace inlay::detail {

using formulas::not_negative;
using formulas::Pair;
using formulas::two_sum;
using formulas::upper;

WideSum operator+(WideSum a, WideSum b) noexcept { return formulas::add(a, b); }

WideSum multiply_add(std::uint32_t n, double value, double rest) noexcept {
  const double value1 = upper(value);
  const Pair product = two_sum(value1 * n, (value - value1) * n);
  const Pair sum = two_sum(product.high, rest);
  const Pair all = two_sum(sum.high, sum.low + product.low);
  return formulas::normalised({all.high, all.low, false});
}

WideMean mean_of(const MomentsPart& part) noexcept { return formulas::mean_of(part); }

MomentsPart part_of_powers(std::uint32_t n, double origin, double power1, double power2,
                           double power3, double power4) noexcept {
  const double mean = power1 / n;  // from the origin
  const double square = mean * mean;
  MomentsPart part;
  part.count = n;
  part.sum = multiply_add(n, origin, power1);
  part.m2 = not_negative(power2 - power1 * mean);
  part.m3 = power3 - 3 * mean * power2 + 2 * square * power1;
  part.m4 =
      not_negative(power4 - 4 * mean * power3 + 6 * square * power2 - 3 * square * mean * power1);
  return part;
}

MomentsPart merged(const MomentsPart& a, const MomentsPart& b) noexcept {
  return formulas::merged(a, b);
}

}  // namespace inlay::detail
