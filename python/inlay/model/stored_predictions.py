"""What a directory holds of a quality: its predictions, labels joined before, and its settings."""

from __future__ import annotations

import dataclasses
import importlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model.prediction_table import SETTINGS_EVENT

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from inlay._files.snapshot import Snapshot
    from inlay.model.quality.settings import Settings
    from inlay.model.quality.task import Task

__all__ = ["StoredPredictions", "read_predictions"]

# Files move while writers compact; a snapshot that met such a moment is taken anew.
_TRIES = 8


class StoredPredictions(NamedTuple):
    """The predictions of a quality, the oldest first.

    Attributes
    ----------
    name : str
    settings : Settings
    task : Task
    high, low : numpy.ndarray of int64, shape (n,)
        Of the ids' hashes.
    scores : numpy.ndarray of float64, shape (n,)
    panes, segments : numpy.ndarray of int64, shape (n,)
    series : tuple of (str, str)
        Attributes and resource of each segment, canonical JSON; of one service and one set of
        attributes there is one.
    label_high, label_low, outcomes : numpy.ndarray, shape (m,)
        Labels that were joined before.
    revisions : dict of int to int
        How often each pane was written by earlier runs.
    notes : tuple of str
        What could not be read.
    """

    name: str
    settings: Settings
    task: Task
    high: np.ndarray[Any, Any]
    low: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]
    panes: np.ndarray[Any, Any]
    segments: np.ndarray[Any, Any]
    series: tuple[tuple[str, str], ...]
    label_high: np.ndarray[Any, Any]
    label_low: np.ndarray[Any, Any]
    outcomes: np.ndarray[Any, Any]
    revisions: dict[int, int]
    notes: tuple[str, ...]


def read_predictions(directory: Path, name: str | None, origin: int) -> StoredPredictions:
    """Read what a directory holds of a quality.

    Parameters
    ----------
    directory : Path
        Of tables.
    name : str or None
        Of the quality; None for the only one.
    origin : int
        Of earlier runs that joined labels here.

    Raises
    ------
    InvalidArgumentError
        If there are no predictions of that name, or of several names and none is given.
    SerializationError
        If what is said of how they are counted cannot be read.
    OSError
        If a file cannot be read.
    """
    for attempt in range(_TRIES):
        try:
            with tempfile.TemporaryDirectory(prefix="inlay-label-") as scratch:
                return _read(directory, name, origin, Path(scratch))
        except FileNotFoundError:
            if attempt + 1 == _TRIES:
                raise
    raise AssertionError


def _read(directory: Path, name: str | None, origin: int, scratch: Path) -> StoredPredictions:
    import numpy as np
    import pyarrow.compute as pc

    from inlay._files.snapshot import take_snapshot

    snapshot = take_snapshot(directory, scratch)
    name = _name_of(directory, snapshot, name)
    of_name = ("metric", name)
    settings, task = _settings_of(
        directory,
        _rows(snapshot, "events", ("time", "attrs", "body"), ("name", SETTINGS_EVENT)),
        name,
    )
    rows = _rows(
        snapshot,
        "predictions",
        ("time", "attrs", "resource", "id_high", "id_low", "score"),
        of_name,
    ).sort_by("time")  # stable: of two of one id the first stands
    labels = _rows(snapshot, "labels", ("id_high", "id_low", "outcome"), of_name)
    written = _rows(
        snapshot, "points", ("start_time", "revision", "origin"), ("metric", f"{name}.labels")
    )
    written = written.filter(pc.equal(written["origin"], origin))
    latest = written.group_by("start_time").aggregate([("revision", "max")])
    every = settings.every
    revisions = {
        start // every: revision + 1
        for start, revision in zip(
            latest["start_time"].cast("int64").to_pylist(),
            latest["revision_max"].to_pylist(),
            strict=True,
        )
    }
    series, segments = _series_of(rows["attrs"], rows["resource"])
    return StoredPredictions(
        name,
        settings,
        task,
        _numbers(rows["id_high"]),
        _numbers(rows["id_low"]),
        rows["score"].fill_null(float("nan")).to_numpy(),
        _numbers(rows["time"].cast("int64")) // every,
        segments.astype(np.int64),
        series,
        _numbers(labels["id_high"]),
        _numbers(labels["id_low"]),
        labels["outcome"].to_numpy(),
        revisions,
        snapshot.notes,
    )


def _numbers(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    numbers: np.ndarray[Any, Any] = column.to_numpy()
    return numbers


def _name_of(directory: Path, snapshot: Snapshot, name: str | None) -> str:
    import pyarrow.compute as pc

    names = sorted(pc.unique(_rows(snapshot, "predictions", ("metric",))["metric"]).to_pylist())
    if not names:
        message = (
            f"{directory} holds no predictions: a quality writes them that is made with log=True"
        )
        raise InvalidArgumentError(message)
    if name is None:
        if len(names) > 1:
            message = f"{directory} holds predictions of several qualities, name one of: {names}"
            raise InvalidArgumentError(message)
        return str(names[0])
    if name not in names:
        message = f"{directory} holds predictions of {', '.join(map(repr, names))}, not of {name!r}"
        raise InvalidArgumentError(message)
    return name


def _rows(
    snapshot: Snapshot,
    table: str,
    columns: tuple[str, ...],
    equal: tuple[str, str] | None = None,
) -> pa.Table:
    """Return columns of the rows of a table, of those alone where one has some text."""
    import pyarrow as pa

    from inlay.model.prediction_table import LABELS, PREDICTIONS
    from inlay.points import SCHEMAS
    from inlay.table import schema_of_columns

    known = {**SCHEMAS, "predictions": PREDICTIONS, "labels": LABELS}[table]
    whole = schema_of_columns(known)
    schema = pa.schema([whole.field(name) for name in columns])
    parts = [part.cast(schema) for part in _parts(snapshot, table, columns, equal)]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _parts(
    snapshot: Snapshot, table: str, columns: tuple[str, ...], equal: tuple[str, str] | None
) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    held = snapshot.tables.get(table)
    if held is None:
        return
    try:
        for stream in held.streams:
            rows = stream
            if equal is not None:
                rows = rows.filter(pc.equal(rows[equal[0]], equal[1]))
            yield rows.select(list(columns))
        for path in held.parquet:
            filters = None if equal is None else [(equal[0], "=", equal[1])]
            yield pq.read_table(path, columns=list(columns), filters=filters, partitioning=None)
    except (KeyError, pa.ArrowInvalid) as error:
        message = f"the table {table!r} cannot be read: {error}"
        raise SerializationError(message) from error


def _settings_of(directory: Path, events: pa.Table, name: str) -> tuple[Settings, Task]:
    """Return the newest settings that were told."""
    from inlay.model.quality.settings import Settings
    from inlay.model.quality.task import TASKS

    told: dict[str, Any] | None = None
    try:
        for row in events.sort_by("time").to_pylist():
            if json.loads(row["attrs"]).get("metric") == name:
                told = json.loads(row["body"])
        if told is None:
            message = f"no event {SETTINGS_EVENT!r} in {directory} says how {name!r} is counted"
            raise InvalidArgumentError(message)
        fields = [field.name for field in dataclasses.fields(Settings)]
        settings = Settings(**{**{each: told[each] for each in fields}, "log": False})
        settings = dataclasses.replace(settings, attributes=tuple(settings.attributes))
        module, kind = TASKS[told["task"]]
        made: Callable[..., Task] = getattr(importlib.import_module(module), kind)
        given = {each: told[each] for each in made.settings if each in told}  # type: ignore[attr-defined]
        classes = given.get("classes")
        if classes is not None and classes == [str(number) for number in range(len(classes))]:
            given["classes"] = len(classes)
        return settings, made(**given)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidArgumentError) and told is None:
            raise
        message = f"{directory}: the settings of {name!r} cannot be read: {error!r}"
        raise SerializationError(message) from error


def _series_of(
    attrs: pa.ChunkedArray, resources: pa.ChunkedArray
) -> tuple[tuple[tuple[str, str], ...], np.ndarray[Any, Any]]:
    """Return attributes and resource of each segment, and each row's segment."""
    import numpy as np

    from inlay import _core

    if not len(attrs):
        return (), np.empty(0, np.int64)
    texts, of_row = _encoded(attrs)
    members, resource_of_row = _encoded(resources)
    parsed = [dict(json.loads(text)) for text in members]
    services = [str(each.get("service.name", "")) for each in parsed]
    known = sorted(set(services))
    service_of_row = np.array([known.index(each) for each in services])[resource_of_row]
    # What the processes of a service have in common.
    shared = []
    for service in known:
        own = [each for each, its in zip(parsed, services, strict=True) if its == service]
        common = {
            key: value
            for key, value in own[0].items()
            if all(other.get(key) == value for other in own)
        }
        shared.append(_core.canonical_json({"service.name": service, **common}))
    pairs, segments = np.unique(service_of_row * len(texts) + of_row, return_inverse=True)
    series = tuple(
        (texts[int(pair) % len(texts)], shared[int(pair) // len(texts)]) for pair in pairs
    )
    return series, segments


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray[Any, Any]]:
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(column).combine_chunks()
    if hasattr(encoded, "chunks"):  # of several or no chunks
        encoded = encoded.unify_dictionaries().chunk(0)
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
