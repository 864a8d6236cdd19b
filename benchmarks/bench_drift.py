"""Distances of a whole table from a fitted reference: its rows counted, then compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Bench, Run
from wide_table import ROWS, wide_columns

bench = Bench("drift")
QUICK, SMALL = 20_000, 1_024
OF_NUMBERS = ("psi", "jensen_shannon", "hellinger", "l_infinity")
OF_NAMES = ("chi2", "jensen_shannon", "total_variation")


def _batches(rows: int, seed: int) -> tuple[Any, Any]:
    """Return the floats and the texts of the wide table."""
    import pyarrow as pa

    columns = wide_columns(rows, seed=seed)
    parts = []
    for first in ("f", "s"):
        names = [name for name in columns if name[0] == first]
        arrays = [
            pa.array(columns[name] if first == "f" else columns[name].astype(object))
            for name in names
        ]
        parts.append(pa.RecordBatch.from_arrays(arrays, names))
    return parts[0], parts[1]


def _coded(texts: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(
        [column.dictionary_encode() for column in texts.columns], texts.schema.names
    )


def _distances(reference: Any, batch: Any, names: tuple[str, ...], threads: int) -> dict[str, Any]:
    from inlay.data import Tally
    from inlay.drift import distances

    tally = Tally.of(reference, moments=False, quantiles=False)
    tally.update(batch, threads=threads)
    found = {}
    for path, cells in tally.cells.items():
        column = reference[path]
        of = distances(column.edges or column.categories, cells)
        found[path] = [getattr(of, name) for name in names]
    return found


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import inlay
    from inlay.data import Tally

    rows = run.size(ROWS, quick=QUICK)
    numbers, texts = _batches(rows, 7)
    current, current_texts = _batches(rows, 8)
    of_numbers = inlay.Profile.of(numbers, progress=False).freeze(numbers)
    of_texts = inlay.Profile.of(texts, redact=False, progress=False).freeze(texts)
    coded = _coded(current_texts)
    found: dict[str, Any] = {}

    def compare(
        reference: Any, batch: Any, names: tuple[str, ...], threads: int
    ) -> Callable[[], None]:
        def work() -> None:
            found.clear()
            found.update(_distances(reference, batch, names, threads))

        return work

    for work, threads in (("numbers", 0), ("numbers_one", 1)):
        run.report(work, run.time_each(compare(of_numbers, current, OF_NUMBERS, threads), inner=1))
        run.check(len(found), len(of_numbers), "columns")
        run.check(all(of[1].value < 0.05 for of in found.values()), True, "of one distribution")
    for work, batch, threads in (
        ("texts", current_texts, 0),
        ("texts_one", current_texts, 1),
        ("dictionaries", coded, 0),
        ("dictionaries_one", coded, 1),
    ):
        run.report(work, run.time_each(compare(of_texts, batch, OF_NAMES, threads), inner=1))
        run.check(set(found) <= set(of_texts), True, "columns")

    small = current.slice(rows // 2, SMALL)
    for work, kept in (("small", False), ("small_sketches", True)):
        tally = Tally.of(of_numbers, moments=kept, quantiles=kept)
        seconds = run.time_each(lambda tally=tally: tally.update(small), inner=20)
        run.report(work, [s * 1e6 for s in seconds])
        if kept:
            tally.update(current)
            run.report("state", [tally.memory_bytes / len(tally.columns)])


@bench.case("numpy", needs=["numpy"])
def _numpy(run: Run) -> None:
    import numpy as np

    rows = run.size(ROWS, quick=QUICK)
    before, now = wide_columns(rows, seed=7), wide_columns(rows, seed=8)
    edges, shares = {}, {}
    for name, values in before.items():
        if name[0] != "f":
            continue
        there = values[~np.isnan(values)]
        edges[name] = np.unique(np.quantile(there, np.arange(1, 10) / 10))
        cells = np.searchsorted(edges[name], there, side="left")
        shares[name] = np.bincount(cells, minlength=len(edges[name]) + 1) / len(there)
    found: dict[str, Any] = {}

    def compare() -> None:
        for name, p in shares.items():
            there = now[name][~np.isnan(now[name])]
            cells = np.searchsorted(edges[name], there, side="left")
            counts = np.bincount(cells, minlength=len(p))
            q = (counts + 0.5) / (len(there) + 0.5 * len(p))
            m = (p + q) / 2
            js = (p * np.log2(p / m) + q * np.log2(q / m)).sum() / 2
            found[name] = (
                ((q - p) * np.log(q / p)).sum(),
                np.sqrt(js),
                np.sqrt(1 - np.sqrt(p * q).sum()),
                np.abs(q - p).max(),
            )

    run.report("numbers_one", run.time_each(compare, inner=1))
    run.check(len(found), 20, "columns")


@bench.case("scipy", needs=["numpy", "scipy", "pyarrow"])
def _scipy(run: Run) -> None:
    import numpy as np
    import pyarrow.compute as pc
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency

    rows = run.size(ROWS, quick=QUICK)
    texts, now = _batches(rows, 7)[1], _batches(rows, 8)[1]

    def counted(array: Any) -> dict[Any, int]:
        pairs = pc.value_counts(array)
        return dict(zip(pairs.field(0).to_pylist(), pairs.field(1).to_pylist(), strict=True))

    kept = {}
    for name in texts.schema.names:
        every = counted(texts[name])
        top = sorted(every, key=lambda word: (-every[word], word))[:100]
        counts = [every[word] for word in top]
        kept[name] = (top, np.array([*counts, rows - sum(counts)]))
    found: dict[str, Any] = {}

    def compare() -> None:
        for name, (top, before) in kept.items():
            every = counted(now[name])
            counts = [every.get(word, 0) for word in top]
            after = np.array([*counts, rows - sum(counts)])
            table = np.array([before, after])
            table = table[:, table.sum(axis=0) > 0]
            p, q = table / table.sum(axis=1, keepdims=True)
            found[name] = (
                chi2_contingency(table).pvalue,
                jensenshannon(p, q, base=2),
                np.abs(p - q).sum() / 2,
                every.keys() - set(top),
            )

    run.report("texts_one", run.time_each(compare, inner=1))
    run.check(len(found), 5, "columns")


if __name__ == "__main__":
    bench.main()
