"""Write bucket_boundaries.inc: the 256 mantissas that cut an octave into the finest buckets.

Run as ``python cpp/src/summary/bucket_boundaries.py``; the result is checked in.
"""

from decimal import ROUND_FLOOR, Decimal, localcontext
from pathlib import Path

BOUNDARIES = 256  # scale 8, the finest; coarser scales are its subsets
MANTISSA_BITS = 52


def boundary(k: int) -> int:
    """Return floor(2**52 * (2**(k/256) - 1)), the mantissa bits at or below boundary k."""
    with localcontext() as context:
        context.prec = 60
        power = (Decimal(k) / BOUNDARIES * Decimal(2).ln()).exp()
        scaled = (power - 1) * (1 << MANTISSA_BITS)
        return int(scaled.to_integral_value(ROUND_FLOOR)) if k else 0


def main() -> None:
    """Write the file next to this one, four values a line."""
    values = [f"0x{boundary(k):013x}" for k in range(BOUNDARIES)]
    lines = [", ".join(values[k : k + 4]) + "," for k in range(0, BOUNDARIES, 4)]
    text = "// Written by bucket_boundaries.py: floor(2^52 * (2^(k/256) - 1)) for k = 0 to 255.\n"
    Path(__file__).with_suffix(".inc").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
