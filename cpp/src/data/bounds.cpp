#include "data/bounds.hpp"

#include <cmath>
#include <inlay/error.hpp>
#include <limits>

namespace inlay::detail {
namespace {

using Kind = CheckValue::Kind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Wide kOne = 1;

// An integer, or a bound beyond all that 256 bits hold.
Wide256 wide_of(double integral) {
  if (integral >= 0x1p255) return {~UnsignedWide{0}, static_cast<Wide>(~UnsignedWide{0} >> 1)};
  if (integral <= -0x1p255) return {0, static_cast<Wide>(UnsignedWide{1} << 127)};
  const bool minus = integral < 0;
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(integral), &exponent);
  // 53 bits, shifted to where they belong.
  const auto digits = static_cast<UnsignedWide>(std::ldexp(fraction, 53));
  const int shift = exponent - 53;
  Wide256 out;
  if (shift <= 0) {
    out.low = shift <= -53 ? 0 : digits >> -shift;
  } else if (shift < 128) {
    out.low = digits << shift;
    out.high = static_cast<Wide>(digits >> (128 - shift));
  } else {
    out.high = static_cast<Wide>(digits << (shift - 128));
  }
  return minus ? out.negated() : out;
}

// A double near it, within a few units of the last place.
double near(const Wide256& value) {
  const bool minus = value.high < 0;
  const Wide256 magnitude = minus ? value.negated() : value;
  const double out = static_cast<double>(static_cast<UnsignedWide>(magnitude.high)) * 0x1p128 +
                     static_cast<double>(magnitude.low);
  return minus ? -out : out;
}

double ceiling_of(const Wide256& value) {
  double out = near(value);
  while (wide_of(out) < value) out = std::nextafter(out, kInfinity);
  for (;;) {
    const double below = std::nextafter(out, -kInfinity);
    if (below != std::floor(below) || wide_of(below) < value) return out;
    out = below;
  }
}

double floor_of(const Wide256& value) { return -ceiling_of(value.negated()); }

Wide256 plus(Wide256 value, Wide step) {
  value.add(Wide256(step));
  return value;
}

struct Limits {
  Wide256 low;
  Wide256 high;
};

Limits limits_of(const LeafType& type) {
  if (type.format == LeafFormat::kBits) return {Wide256(Wide{0}), Wide256(kOne)};
  const auto bits = static_cast<unsigned>(8 * type.width);
  if (type.format == LeafFormat::kUnsigned) {
    return {Wide256(Wide{0}), Wide256((kOne << bits) - 1)};
  }
  if (bits <= 64) {
    const Wide top = (kOne << (bits - 1)) - 1;
    return {Wide256(-top - 1), Wide256(top)};
  }
  const Wide256 top = bits == 128
                          ? Wide256(static_cast<Wide>(~UnsignedWide{0} >> 1))
                          : Wide256(~UnsignedWide{0}, static_cast<Wide>(~UnsignedWide{0} >> 1));
  return {plus(top.negated(), -1), top};
}

// Flipping the highest bit subtracts 2^63.
std::int64_t flipped(const LeafType& type, const Wide256& value) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(value.low) ^ flip_of(type));
}

bool is_real(const LeafType& type) { return type.kind == LeafKind::kFloat; }

// The smallest integer that a lower bound lets through.
Wide256 lowest(const CheckValue& value, bool exclusive, const Limits& limits, bool& empty) {
  if (value.kind == Kind::kNone) return limits.low;
  Wide256 out;
  bool step = exclusive;
  if (value.kind == Kind::kInteger) {
    out = Wide256(value.integer);
  } else {
    const double up = std::ceil(value.real);
    out = wide_of(up);
    step = exclusive && up == value.real;
  }
  if (step) {
    if (!(out < limits.high)) empty = true;
    if (!empty) out = plus(out, 1);
  }
  if (limits.high < out) empty = true;
  return out < limits.low ? limits.low : out;
}

Wide256 highest(const CheckValue& value, bool exclusive, const Limits& limits, bool& empty) {
  if (value.kind == Kind::kNone) return limits.high;
  Wide256 out;
  bool step = exclusive;
  if (value.kind == Kind::kInteger) {
    out = Wide256(value.integer);
  } else {
    const double down = std::floor(value.real);
    out = wide_of(down);
    step = exclusive && down == value.real;
  }
  if (step) {
    if (!(limits.low < out)) empty = true;
    if (!empty) out = plus(out, -1);
  }
  if (out < limits.low) empty = true;
  return limits.high < out ? limits.high : out;
}

}  // namespace

std::string describe_value(const CheckValue& value) {
  switch (value.kind) {
    case Kind::kNone:
      return "nothing";
    case Kind::kReal:
      return describe(value.real);
    case Kind::kText:
      return describe(value.text);
    case Kind::kInteger:
      break;
  }
  const Wide256 wide(value.integer);
  const auto top = value.integer.low();
  if (wide == Wide256(Wide{top})) return describe(static_cast<long long>(top));
  return describe(near(wide));
}

std::string incomparable(const LeafType& type, const CheckValue& value) {
  const bool text = type.kind == LeafKind::kText || type.kind == LeafKind::kBinary;
  if (value.kind == Kind::kNone) return "";
  if (text != (value.kind == Kind::kText)) {
    return text ? "is no text" : "is a text, which no " + type.name + " equals";
  }
  if (value.kind == Kind::kReal) {
    const bool takes = is_real(type) || type.kind == LeafKind::kInteger ||
                       type.kind == LeafKind::kUnsigned || type.kind == LeafKind::kBoolean;
    if (!takes) return "is no integer (the unscaled one of decimals, the units of times)";
  }
  return "";
}

ValueRange range_of(const LeafType& type, const CheckValue& low, bool low_exclusive,
                    const CheckValue& high, bool high_exclusive) {
  ValueRange out;
  if (is_real(type)) {
    out.low_real = -kInfinity;
    out.high_real = kInfinity;
    if (low.kind == Kind::kInteger) out.low_real = ceiling_of(Wide256(low.integer));
    if (low.kind == Kind::kReal) out.low_real = low.real;
    if (high.kind == Kind::kInteger) out.high_real = floor_of(Wide256(high.integer));
    if (high.kind == Kind::kReal) out.high_real = high.real;
    // An integer that is no double itself is already outside.
    const auto exact = [](const CheckValue& value, double real) {
      return value.kind == Kind::kReal || wide_of(real) == Wide256(value.integer);
    };
    if (low_exclusive && low.kind != Kind::kNone && exact(low, out.low_real)) {
      if (out.low_real == kInfinity) out.empty = true;
      out.low_real = std::nextafter(out.low_real, kInfinity);
    }
    if (high_exclusive && high.kind != Kind::kNone && exact(high, out.high_real)) {
      if (out.high_real == -kInfinity) out.empty = true;
      out.high_real = std::nextafter(out.high_real, -kInfinity);
    }
    if (!(out.low_real <= out.high_real)) out.empty = true;
    return out;
  }
  const Limits limits = limits_of(type);
  out.low_wide = lowest(low, low_exclusive, limits, out.empty);
  out.high_wide = highest(high, high_exclusive, limits, out.empty);
  if (out.high_wide < out.low_wide) out.empty = true;
  out.low = flipped(type, out.low_wide);
  out.high = flipped(type, out.high_wide);
  return out;
}

std::optional<std::int64_t> whole_of(const LeafType& type, const CheckValue& value) {
  Wide256 wide;
  if (value.kind == Kind::kInteger) {
    wide = Wide256(value.integer);
  } else if (std::isfinite(value.real) && std::floor(value.real) == value.real) {
    wide = wide_of(value.real);
  } else {
    return std::nullopt;
  }
  const Limits limits = limits_of(type);
  if (wide < limits.low || limits.high < wide) return std::nullopt;
  return flipped(type, wide);
}

std::optional<double> real_of(const LeafType& type, const CheckValue& value) {
  if (value.kind == Kind::kReal) {
    return type.width < 8 ? static_cast<double>(static_cast<float>(value.real)) : value.real;
  }
  const Wide256 wide(value.integer);
  const double real = ceiling_of(wide);
  if (wide_of(real) != wide) return std::nullopt;
  return real;
}

}  // namespace inlay::detail
