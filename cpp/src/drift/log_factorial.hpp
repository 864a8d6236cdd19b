#pragma once

#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// From here on log n! is computed, below it is looked up.
constexpr std::size_t kSmallFactorials = std::size_t{1} << 16;

/// log n! of n below kSmallFactorials: 512 kB, made once a process.
const double* small_log_factorials();

/// out[i] = log n[i]! of n[i] up to 2^53, to an error below 1e-14 plus 2 ulp of the result. The
/// same bits on every machine and wherever in the array a number stands.
void log_factorials(const std::uint64_t* n, double* out, std::size_t size);

}  // namespace inlay::detail
