#pragma once

#include <cstdint>

namespace inlay::cuda {

/// Counts the forks between the first process and this one. A driver that was in use before a fork
/// does not work after it, so whatever was made under another number must not touch it.
std::uint64_t fork_generation() noexcept;

}  // namespace inlay::cuda
