#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "drift/log_factorial.hpp"
#include "drift/log_gamma.hpp"
#include "drift/tail_probability.hpp"

namespace inlay::detail {
namespace {

// D'Agostino and Stephens, "Goodness-of-fit techniques" (1986), table 4.2, upper tails; for
// Anderson-Darling's 1 % the table is simulated and the limit is that of Marsaglia (2004).
TEST(TailProbability, MatchesPublishedTables) {
  EXPECT_NEAR(anderson_darling_tail(1.933), 0.10, 2e-4);
  EXPECT_NEAR(anderson_darling_tail(2.492), 0.05, 2e-4);
  EXPECT_NEAR(anderson_darling_tail(3.878125), 0.01, 5e-6);
  EXPECT_NEAR(cramer_von_mises_tail(0.347), 0.10, 2e-4);
  EXPECT_NEAR(cramer_von_mises_tail(0.461), 0.05, 2e-4);
  EXPECT_NEAR(cramer_von_mises_tail(0.743), 0.01, 1e-4);
  EXPECT_NEAR(kolmogorov_tail(1.224), 0.10, 2e-4);
  EXPECT_NEAR(kolmogorov_tail(1.358), 0.05, 2e-4);
  EXPECT_NEAR(kolmogorov_tail(1.628), 0.01, 1e-4);
  EXPECT_NEAR(chi2_tail(16.919, 9), 0.05, 1e-6);
  EXPECT_NEAR(chi2_tail(1.0, 2), std::exp(-0.5), 1e-14);
}

TEST(TailProbability, FallsWithoutAStepAndStaysWithinZeroToOne) {
  for (const auto tail : {kolmogorov_tail, cramer_von_mises_tail, anderson_darling_tail}) {
    EXPECT_EQ(tail(-1), 1);
    EXPECT_EQ(tail(0), 1);
    double before = 1;
    for (double x = 1e-3; x < 60; x *= 1.01) {
      const double p = tail(x);
      ASSERT_GE(p, 0);
      ASSERT_LE(p, before + 2e-6) << x;
      before = p;
    }
    EXPECT_LT(tail(50), 1e-12);
  }
  EXPECT_EQ(chi2_tail(INFINITY, 3), 0);
  EXPECT_EQ(chi2_tail(-1, 3), 1);
  for (const double dof : {1.0, 10.0, 1e3, 1e6}) {
    EXPECT_NEAR(chi2_tail(dof, dof), 0.5, 0.2) << dof;
    EXPECT_LT(chi2_tail(dof + 12 * std::sqrt(2 * dof) + 60, dof), 1e-9) << dof;
  }
}

TEST(LogGamma, AgreesWithTheLibraryOnWholeHalfAndLargeNumbers) {
  std::vector<double> x;
  for (int i = 1; i < 400; ++i) x.push_back(i / 2.0);
  for (double large = 200; large < 4e15; large *= 1.7) x.push_back(large);
  std::vector<double> out(x.size());
  log_gamma_all(x.data(), out.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = std::lgamma(x[i]);
    const double allowed = 2e-14 + 4e-16 * std::fabs(expected);
    EXPECT_NEAR(out[i], expected, allowed) << x[i];
    EXPECT_EQ(out[i], log_gamma(x[i])) << x[i];
  }
  log_gamma_all(x.data(), x.data(), x.size());  // in place
  EXPECT_EQ(x, out);
}

TEST(LogFactorial, AgreesWithTheLibraryAndWithItselfAnywhere) {
  std::vector<std::uint64_t> n;
  for (std::uint64_t i = 0; i < 300; ++i) n.push_back(i);
  for (std::uint64_t i = 0; i < 600; ++i) n.push_back(kSmallFactorials - 300 + i);
  // Fractions all over the nodes, then all exponents, and small ones in between.
  for (std::uint64_t i = 0; i < 3000; ++i) n.push_back(100'000 + 37 * i);
  for (std::uint64_t large = 3; large <= std::uint64_t{1} << 53; large += large / 3 + 1) {
    n.push_back(large);
    n.push_back(large % 1000);
  }
  std::vector<double> out(n.size());
  log_factorials(n.data(), out.data(), n.size());
  for (std::size_t i = 0; i < n.size(); ++i) {
    const double expected = std::lgamma(static_cast<double>(n[i]) + 1);
    EXPECT_NEAR(out[i], expected, 2e-14 + 5e-16 * expected) << n[i];
    double alone = 0;
    log_factorials(&n[i], &alone, 1);
    EXPECT_EQ(out[i], alone) << n[i];
  }
  EXPECT_EQ(small_log_factorials()[0], 0);
  EXPECT_EQ(small_log_factorials()[1], 0);
}

TEST(LogGamma, LogarithmAndExponentialAgreeWithTheLibrary) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> exponent(-700, 700);
  for (int i = 0; i < 20'000; ++i) {
    const double x = std::exp(exponent(random));
    EXPECT_NEAR(log_positive(x), std::log(x), 4e-16 * std::fabs(std::log(x)) + 1e-17);
    double e = -std::fabs(exponent(random));
    const double expected = std::exp(e);
    exp_negative_all(&e, &e, 1);
    EXPECT_NEAR(e, expected, 1e-15 * expected);
  }
  EXPECT_EQ(log_positive(1.0), 0);
  std::vector<double> x{0.3, 1, 7, 1e9, 0.999};
  std::vector<double> out(x.size());
  log_positive_all(x.data(), out.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(out[i], log_positive(x[i]));
  double e[] = {0, -1e9};
  exp_negative_all(e, e, 2);
  EXPECT_EQ(e[0], 1);
  EXPECT_LT(e[1], 1e-300);
}

}  // namespace
}  // namespace inlay::detail
