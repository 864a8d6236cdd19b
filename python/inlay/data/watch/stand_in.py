"""Counts a batch column by column; stands where the native tally will."""

from __future__ import annotations

import io
import pickle

from inlay import _core
from inlay.data.point_rows import points_table
from inlay.data.reference import _as_names, _as_numbers
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments


class Tally:
    def __init__(self, schema, cells=None, renames=None):
        self.schema = schema
        self.cells0 = cells or {}
        self.renames = renames or {}
        self.rows = 0
        self.cols = {}
        native = _core.Profile(schema)
        self.paths = native.paths
        self.kinds = [native.column(i).kind for i in range(len(self.paths))]
        self.types = [native.column(i).type for i in range(len(self.paths))]
        for i, kind in enumerate(self.kinds):
            cell = self.cells0.get(i)
            if cell is not None:
                cell = type(cell).from_bytes(cell.to_bytes())
                cell.reset()
            numeric = kind in {"integer", "unsigned", "float", "decimal", "timestamp", "date"}
            self.cols[i] = [0, cell, Moments() if numeric else None, Kll() if numeric else None]

    def update(self, batch, threads=0):
        import pyarrow as pa

        for i, path in enumerate(self.paths):
            j = batch.schema.get_field_index(path)
            if j < 0:
                continue
            array = batch.column(j)
            if _core.Profile(pa.schema([batch.schema.field(j)])).column(0).kind != self.kinds[i]:
                continue
            col = self.cols[i]
            col[0] += len(array)
            numbers = _as_numbers(array) if col[2] is not None else None
            if isinstance(col[1], EdgeHistogram):
                col[1].update(numbers)
            elif isinstance(col[1], Categories):
                col[1].update(_as_names(array, self.renames.get(i)))
            if numbers is not None:
                col[2].update(numbers)
                col[3].update(numbers)
        self.rows += batch.num_rows
        return batch.num_rows

    def merge(self, other):
        self.rows += other.rows
        for i, col in self.cols.items():
            col[0] += other.cols[i][0]
            for j in (1, 2, 3):
                if col[j] is not None:
                    col[j].merge(other.cols[i][j])

    def copy(self):
        return type(self).from_bytes(self.to_bytes())

    def to_bytes(self):
        return pickle.dumps(
            [
                self.schema.serialize().to_pybytes(),
                {i: (type(c), c.to_bytes()) for i, c in self.cells0.items()},
                self.rows,
                {
                    i: [c[0], c[1], None if c[2] is None else c[2].to_bytes(), c[3]]
                    for i, c in self.cols.items()
                },
            ]
        )

    @classmethod
    def from_bytes(cls, data):
        import pyarrow as pa

        schema, cells, rows, cols = pickle.load(io.BytesIO(data))
        twin = cls(
            pa.ipc.read_schema(pa.py_buffer(schema)),
            {i: k.from_bytes(b) for i, (k, b) in cells.items()},
        )
        twin.rows = rows
        twin.cols = {
            i: [c[0], c[1], None if c[2] is None else Moments.from_bytes(c[2]), c[3]]
            for i, c in cols.items()
        }
        return twin

    @property
    def memory_bytes(self):
        return 1000

    def column_rows(self, i):
        return self.cols[i][0]

    def points(
        self,
        *,
        time_us,
        start_time_us,
        observed_time_us,
        revision,
        origin,
        window_seq,
        resource,
        attrs,
        service_name,
        form="delta",
    ):
        import datetime
        import json

        def when(us):
            return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
                microseconds=us
            )

        rows = []
        for i in range(len(self.paths)):
            col = self.cols[i]
            for kind, s in (
                ("edges" if isinstance(col[1], EdgeHistogram) else "categories", col[1]),
                ("moments", col[2]),
                ("quantiles", col[3]),
            ):
                if s is not None:
                    rows.append(
                        {
                            "metric": "data.column",
                            "kind": kind,
                            "attrs": attrs[i],
                            **s._row(),
                            "revision": revision,
                            "form": form,
                        }
                    )
        return points_table(
            iter(rows),
            time=when(time_us),
            start_time=when(start_time_us),
            origin=origin,
            resource=json.loads(resource),
        )
