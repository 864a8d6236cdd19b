#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace inlay::detail {

/// How many registers stand at each value, 0 to 63.
using RegisterCounts = std::array<std::uint32_t, 64>;

/// Of a multiple of 4 registers.
RegisterCounts count_registers(const std::uint8_t* registers, std::size_t size) noexcept;

}  // namespace inlay::detail
