"""Predictions written down, so that labels can be joined to them elsewhere and later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay.model.prediction_table import PREDICTIONS, SETTINGS_EVENT

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay._core import ObserverCore

__all__ = ["PredictionLog"]

_DAY_US = 86_400_000_000
# A column of texts holds 2 GiB, the resource of each row among them.
_CHUNK = 1 << 16


class PredictionLog:
    """Adds rows of ``predictions`` to an observer's window, and once a day how they are counted.

    Not thread-safe.

    Parameters
    ----------
    core : ObserverCore
        Whose window gets the rows.
    resource : mapping of str to str
        Of the observer.
    name : str
        Of the quality.
    settings : dict
        What it was told, as JSON can hold it.
    """

    __slots__ = (
        "_classes",
        "_core",
        "_day",
        "_name",
        "_resource",
        "_series",
        "_service",
        "_settings",
    )

    def __init__(
        self,
        core: ObserverCore,
        resource: Mapping[str, str],
        name: str,
        settings: Mapping[str, Any],
    ) -> None:
        self._core = core
        self._resource = _core.canonical_json(dict(resource))
        self._service = resource["service.name"]
        self._name = name
        self._settings = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        self._classes: list[str] = list(settings.get("classes") or ())
        self._day = -1
        self._series: dict[str, int] = {}

    def add(
        self,
        ids: Any,
        values: Any,
        at: int | np.ndarray[Any, Any],
        segments: int | np.ndarray[Any, Any],
        attrs_of: Callable[[int], str],
    ) -> bool:
        """Add predictions.

        Parameters
        ----------
        ids : array-like of int64, str, UUID or bytes, shape (n,)
            Those that are null are left out: nothing can be joined to them.
        values : array-like of float, shape (n,)
            Scores, or the numbers of classes.
        at : int or numpy.ndarray of int64, shape (n,)
            When they were made, microseconds of Unix time.
        segments : int or numpy.ndarray of int, shape (n,)
        attrs_of : callable
            Gives the attributes of a segment as canonical JSON.

        Returns
        -------
        bool
            False if the window holds its fill; the rows are counted there.

        Raises
        ------
        InvalidArgumentError
            If there is not one value an id.
        TypeError
            If the ids are none.
        """
        self._tell_settings()
        table = self._table(ids, values, at, segments, attrs_of)
        kept = True
        for batch in table.to_batches(max_chunksize=_CHUNK):
            kept = self._core.add_table("predictions", _core.Table(batch)) and kept
        return kept

    def _tell_settings(self) -> None:
        day = self._core.now_us() // _DAY_US
        if day != self._day:
            self._day = day
            attrs = _core.canonical_json({"metric": self._name})
            self._core.event(SETTINGS_EVENT, body=self._settings, attrs=attrs, layer="model")

    def _table(
        self,
        ids: Any,
        values: Any,
        at: int | np.ndarray[Any, Any],
        segments: int | np.ndarray[Any, Any],
        attrs_of: Callable[[int], str],
    ) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        from inlay._exceptions import InvalidArgumentError
        from inlay.table import schema_of_columns

        high, low = (np.frombuffer(half, np.int64) for half in _core.prediction_id_hash(ids))
        scores = np.atleast_1d(np.asarray(values, np.float64))
        rows = len(high)
        if scores.shape != (rows,):
            message = f"there is one value an id: {rows} ids, values of shape {scores.shape}"
            raise InvalidArgumentError(message)
        places, codes = np.unique(np.broadcast_to(segments, rows), return_inverse=True)
        texts = [attrs_of(int(place)) for place in places]

        def same(value: Any, kind: pa.DataType) -> pa.Array:
            return pa.repeat(pa.scalar(value, kind), rows)

        zeros = same(0, pa.int64())
        time = pa.array(np.broadcast_to(at, rows), pa.int64()).cast(pa.timestamp("us", "UTC"))
        indices = pa.array(codes.astype(np.int32))
        series = np.array([self._series_of(text) for text in texts], np.int64)
        columns = {
            "time": time,
            "observed_time": time,
            "origin": zeros,
            "layer": same("model", pa.utf8()),
            "metric": same(self._name, pa.utf8()),
            "series_id": pa.array(series[codes]) if rows else zeros,
            "attrs": pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.utf8())).cast(
                pa.utf8()
            ),
            "resource": same("", pa.utf8()),  # the turn sets this and what else is its
            "id_high": pa.array(high),
            "id_low": pa.array(low),
            "score": pa.array(scores, mask=np.isnan(scores)),
            "class": self._names_of(scores),
        }
        table = pa.table(columns, schema=schema_of_columns(PREDICTIONS))
        has_id = (high != 0) | (low != 0)
        return table if has_id.all() else table.filter(pa.array(has_id))

    def _names_of(self, numbers: np.ndarray[Any, Any]) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        if not self._classes:
            return pa.nulls(len(numbers), pa.utf8())
        known = (numbers >= 0) & (numbers < len(self._classes)) & (numbers == np.floor(numbers))
        indices = pa.array(np.where(known, numbers, 0).astype(np.int32), mask=~known)
        return pa.DictionaryArray.from_arrays(indices, pa.array(self._classes, pa.utf8())).cast(
            pa.utf8()
        )

    def _series_of(self, attrs: str) -> int:
        found = self._series.get(attrs)
        if found is None:
            found = self._series[attrs] = _core.series_id(self._name, attrs, self._service)
        return found
