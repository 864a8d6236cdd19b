#pragma once

#include <cstddef>

namespace inlay::detail {

/// Natural logarithm of a positive normal number, below 1 ulp off. The same bits on every machine,
/// which the C library does not promise.
double log_positive(double x) noexcept;

/// out[i] = log_positive(x[i]). The two may be one array.
void log_positive_all(const double* x, double* out, std::size_t size) noexcept;

/// out[i] = e^x[i] for x[i] <= 0, below 2 ulp off; 1e-304 below -700. The two may be one array.
void exp_negative_all(const double* x, double* out, std::size_t size) noexcept;

/// Logarithm of the gamma function of x > 0, to an error below 1e-14 plus an ulp of the result.
double log_gamma(double x) noexcept;

/// out[i] = log_gamma(x[i]), where most x are whole or large: those cost a few ns. The two
/// may be one array.
void log_gamma_all(const double* x, double* out, std::size_t size) noexcept;

}  // namespace inlay::detail
