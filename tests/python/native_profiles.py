"""Native profiles and columns of arrays, for the tests of either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from inlay import _core

DATA = Path(__file__).parent.parent / "data"
# A sum of n doubles rounds n - 1 times at most, each by 2^-53 of what it has reached.
ROUNDING = 1e-12


def profile_of(*batches: Any, threads: int = 1, **options: int) -> _core.Profile:
    profile = _core.Profile(batches[0].schema, **options)
    for batch in batches:
        profile.update(batch, threads=threads)
    return profile


def column_of(array: Any, **options: int) -> _core.ColumnProfile:
    return profile_of(pa.record_batch({"x": array}), **options).column(0)


def holes(values: list[Any]) -> list[Any]:
    """Every seventh value is null."""
    return [None if i % 7 == 3 else value for i, value in enumerate(values)]


def storage(array: Any) -> Any:
    """The integers of what is temporal."""
    width = array.type.bit_width
    return array.cast(pa.int32() if width == 32 else pa.int64())


INTEGERS = [getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)]


def integer_limits(dtype: Any) -> tuple[int, int]:
    info = np.iinfo(dtype.to_pandas_dtype())
    return int(info.min), int(info.max)
