"""The inputs the benchmarks share, seeded, and how to read back what inlay counted."""

from __future__ import annotations

import random
from typing import Any

from wide_table import wide_columns

__all__ = ["ROUTES", "inlay_rows", "latencies", "mixed_table", "seconds_array"]

#: Attribute values of the per-call benchmarks: method and route.
ROUTES = ("POST", "/v1/completions")


def latencies(n: int, *, seed: int = 7) -> list[float]:
    """Return n lognormal latencies in seconds (median 20 ms) as Python floats."""
    draw = random.Random(seed).lognormvariate
    return [draw(-3.9, 1.0) for _ in range(n)]


def seconds_array(n: int, dtype: str = "float32", *, seed: int = 7) -> Any:
    """Return n lognormal(0, 1) values as a numpy array of shape (n,)."""
    import numpy as np

    return np.random.default_rng(seed).lognormal(size=n).astype(dtype)


def mixed_table(rows: int, *, seed: int = 7) -> Any:
    """Return `wide_columns` as one Arrow record batch."""
    import numpy as np
    import pyarrow as pa

    columns = wide_columns(rows, seed=seed)
    arrays = [
        pa.array(values if values.dtype == np.float64 else values.astype(object))
        for values in columns.values()
    ]
    return pa.record_batch(arrays, names=list(columns))


def inlay_rows(batch: Any) -> dict[str, dict[str, Any]]:
    """Return the points rows of one batch by metric; the attribute sets must be one each."""
    rows: dict[str, dict[str, Any]] = {}
    for row in batch.points.to_pylist():
        if row["layer"] == "self":
            continue
        if row["metric"] in rows:
            raise ValueError(f"several series of one metric: {row['metric']!r}")
        rows[row["metric"]] = row
    return rows
