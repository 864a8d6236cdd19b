"""The table T of the data benchmarks: 20 columns of float64 and 5 of text, seeded.

Imports numpy alone, so that peers in another environment get the same values.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FLOATS", "ROWS", "TEXTS", "wide_columns"]

ROWS, FLOATS, TEXTS = 1_000_000, 20, 5


def wide_columns(rows: int = ROWS, *, seed: int = 7) -> dict[str, Any]:
    """Return the columns by name: float64 arrays ``f0`` to ``f19``, then text ``s0`` to ``s4``.

    The floats are normal, lognormal, uniform, exponential and rounded to few values in turn; every
    fourth has 1 % NaN. The texts are of 12 characters, with 8, 100, 1,000 and 50,000 different ones
    and all different; numpy arrays of dtype ``<U12``.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for number in range(FLOATS):
        match number % 5:
            case 0:
                values = rng.normal(number, 1.0 + number, rows)
            case 1:
                values = rng.lognormal(0.0, 1.0, rows)
            case 2:
                values = rng.uniform(-1.0, 1.0, rows)
            case 3:
                values = rng.exponential(10.0, rows)
            case _:
                values = np.round(rng.normal(50.0, 10.0, rows))
        if number % 4 == 3:
            values[rng.random(rows) < 0.01] = np.nan
        columns[f"f{number}"] = values
    for number, different in enumerate((8, 100, 1_000, 50_000, rows)):
        codes = rng.permutation(rows) if different == rows else rng.integers(different, size=rows)
        names = np.char.add("name-", np.char.zfill(np.arange(different).astype("U7"), 7))
        columns[f"s{number}"] = names[codes]
    return columns
