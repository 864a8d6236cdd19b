"""The last panes of a judge, so that what comes late is judged with what came before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._exceptions import SerializationError
from inlay.drift.keys import codes_of, distinct

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HeldPanes"]

# Panes that are remembered. Of 11 cells one takes about 130 bytes a series.
_HELD = 32
_KEPT = (
    "series_id",
    "origin",
    "start_time",
    "time",
    "kind",
    "reference_id",
    "count",
    "null_count",
    "nan_count",
    "pos_inf_count",
    "neg_inf_count",
    "counts",
)
_SUMS = ("count", "null_count", "nan_count", "pos_inf_count", "neg_inf_count")


class HeldPanes:
    """Rows of the panes that end latest, 32 of them. Not thread-safe."""

    def __init__(self) -> None:
        self._rows: pa.Table | None = None
        self._forgotten_us = -(1 << 62)

    def whole(self, rows: pa.Table) -> tuple[pa.Table, Any]:
        """Complete rows that come late by what came of their panes before, and remember all.

        Parameters
        ----------
        rows : pyarrow.Table
            In the order of emission.

        Returns
        -------
        rows : pyarrow.Table
            The same rows; those with a revision count what was added up to it.
        is_lost : numpy.ndarray of bool, shape (n,)
            Those whose panes are forgotten, and which therefore stay alone.
        """
        import numpy as np

        revision = rows["revision"].to_numpy()
        lost = np.zeros(rows.num_rows, bool)
        made = rows
        if revision.any():
            late = np.flatnonzero(revision > 0)
            lost[late] = self._are_forgotten(_micros(rows, "time"), late)
            made = self._complete(rows, late[~lost[late]])
        self._remember(rows)
        return made, lost

    def _are_forgotten(self, ends: Any, late: Any) -> Any:
        """Tell of late rows whether 32 later panes came before them: however rows are cut up."""
        import numpy as np

        known = (
            np.zeros(0, np.int64) if self._rows is None else np.unique(_micros(self._rows, "time"))
        )
        panes, firsts = np.unique(ends, return_index=True)
        result = ends[late] <= self._forgotten_us
        for number, place in enumerate(late.tolist()):
            later = np.union1d(known, panes[firsts < place])
            result[number] |= (later > ends[place]).sum() >= _HELD
        return result

    def _complete(self, rows: pa.Table, late: Any) -> pa.Table:
        """Add to each late row the rows of its series and pane that came before."""
        import numpy as np
        import pyarrow as pa

        own = _kept(rows)
        held = own.slice(0, 0) if self._rows is None else self._rows
        every = pa.concat_tables([held, own]).unify_dictionaries().combine_chunks()
        texts = [distinct(every[name])[1] for name in ("kind", "reference_id")]
        numbers = [every[name].to_numpy() for name in ("series_id", "origin")]
        times = [_micros(every, name) for name in ("start_time", "time")]
        codes = codes_of(*texts, *numbers, *times)
        places = late + held.num_rows
        members = np.flatnonzero(np.isin(codes, codes[places]))
        found = dict.fromkeys(codes[members].tolist())
        taken = every.select([*_SUMS, "counts"]).take(pa.array(members)).to_pylist()
        sums: dict[int, dict[str, Any]] = {}
        is_late = np.zeros(every.num_rows, bool)
        is_late[places] = True
        for place, row in zip(members.tolist(), taken, strict=True):
            total = found[codes[place]]
            if total is not None:
                row = {
                    name: [a + b for a, b in zip(total[name], value, strict=True)]
                    if name == "counts"
                    else (total[name] or 0) + (value or 0)
                    for name, value in row.items()
                }
            found[codes[place]] = row
            if is_late[place]:
                sums[place - held.num_rows] = row
        for name in (*_SUMS, "counts"):
            column = rows[name].to_pylist()
            for place, row in sums.items():
                column[place] = row[name]
            at = rows.schema.get_field_index(name)
            field = rows.schema.field(at)
            rows = rows.set_column(at, field, pa.array(column, field.type))
        return rows

    def _remember(self, rows: pa.Table) -> None:
        import numpy as np
        import pyarrow as pa

        own = _kept(rows)
        every = own if self._rows is None else pa.concat_tables([self._rows, own])
        ends = _micros(every, "time")
        panes = np.unique(ends)
        if len(panes) > _HELD:
            self._forgotten_us = max(self._forgotten_us, int(panes[-_HELD - 1]))
            every = every.filter(pa.array(ends > self._forgotten_us))
        self._rows = every.unify_dictionaries().combine_chunks()

    def to_bytes(self) -> bytes:
        """Return the rows as an Arrow stream."""
        import pyarrow as pa

        if self._rows is None:
            return b""
        rows = self._rows.replace_schema_metadata({"forgotten_us": str(self._forgotten_us)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def load(self, data: Any) -> None:
        """Take over what `to_bytes` gave.

        Raises
        ------
        SerializationError
            If it did not.
        """
        import pyarrow as pa

        if not isinstance(data, bytes | bytearray | memoryview):
            message = f"the state of a judge is bytes, got {type(data).__name__}: {data!r}"
            raise TypeError(message)
        if not data:
            return
        try:
            rows = pa.ipc.open_stream(data).read_all()
            forgotten = int((rows.schema.metadata or {})[b"forgotten_us"])
            rows.validate(full=True)
            self._rows = _kept(rows.replace_schema_metadata(None))
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            message = f"the state of a judge is malformed: {error!r}"
            raise SerializationError(message) from error
        self._forgotten_us = forgotten


def _kept(rows: pa.Table) -> pa.Table:
    """Select what is kept, text plain so that tables of any source go together."""
    import pyarrow as pa

    kept = rows.select(list(_KEPT))
    for name in ("kind", "reference_id"):
        at = kept.schema.get_field_index(name)
        if pa.types.is_dictionary(kept.schema.field(at).type):
            kept = kept.set_column(at, pa.field(name, pa.utf8()), kept[name].cast(pa.utf8()))
    fields = [pa.field(field.name, field.type) for field in kept.schema]
    return kept.cast(pa.schema(fields))


def _micros(rows: pa.Table, name: str) -> Any:
    import pyarrow as pa

    return rows[name].cast(pa.int64()).to_numpy()
