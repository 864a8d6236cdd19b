#pragma once

#include <cstddef>
#include <cstdint>

#include "summary/edge_lookup.hpp"

namespace inlay::detail {

/// Values a loop is given at a time: short enough for the first-level cache.
inline constexpr std::size_t kEdgeBlock = 1024;

/// The loops that count values between edges, one set per instruction set. Counts are integers and
/// comparisons exact, so all sets and all loops give the same counts.
///
/// | loop   | for                        | accumulates        |
/// |--------|----------------------------|--------------------|
/// | finite | f64 f32                    | nothing            |
/// | above  | f64 f32, few edges         | u32 a lane, by edge |
/// | table  | f64 f32, edges kept apart  | u64 counts          |
/// | search | f64 f32, any edges         | u64 counts          |
///
/// All but `finite` take at most kEdgeBlock finite values.
struct EdgeKernels {
  /// Up to how many edges comparing with each of them is quicker than a table.
  std::size_t few_f64;
  std::size_t few_f32;
  /// Whether no value is NaN or infinite.
  bool (*finite_f64)(const double* values, std::size_t size) noexcept;
  bool (*finite_f32)(const float* values, std::size_t size) noexcept;
  /// Writes, for each edge, how many values are above it.
  void (*above_f64)(const double* values, std::size_t size, const double* edges,
                    std::size_t num_edges, std::uint32_t* above) noexcept;
  void (*above_f32)(const float* values, std::size_t size, const float* edges,
                    std::size_t num_edges, std::uint32_t* above) noexcept;
  void (*table_f64)(const double* values, std::size_t size, const EdgeTable<double>& table,
                    std::uint64_t* counts) noexcept;
  void (*table_f32)(const float* values, std::size_t size, const EdgeTable<float>& table,
                    std::uint64_t* counts) noexcept;
  void (*search_f64)(const double* values, std::size_t size, const double* edges,
                     std::size_t num_edges, std::uint64_t* counts) noexcept;
  void (*search_f32)(const float* values, std::size_t size, const float* edges,
                     std::size_t num_edges, std::uint64_t* counts) noexcept;
};

extern const EdgeKernels kEdgeKernelsScalar;
#if defined(__x86_64__)
extern const EdgeKernels kEdgeKernelsAvx2;
extern const EdgeKernels kEdgeKernelsAvx512;
#endif

/// The set that goes with summary_kernels().
const EdgeKernels& edge_kernels() noexcept;

}  // namespace inlay::detail
