"""The page of a profile of 30 columns: its bytes, the time to make it and to open it.

Opening it needs Chromium on the PATH, else that line stays empty.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import Bench, Run

bench = Bench("report")
COLUMNS, ROWS = 30, 100_000
TESTS = Path(__file__).resolve().parents[1] / "tests" / "python"


def _table(rows: int) -> Any:
    """Make 18 columns of numbers, 9 of text and 3 of times."""
    import numpy as np
    import pyarrow as pa

    draw = np.random.default_rng(11)
    columns: dict[str, Any] = {}
    for i in range(9):
        columns[f"amount_{i}"] = draw.lognormal(i, 1.0, rows)
        columns[f"score_{i}"] = draw.normal(100.0 * i, 15.0, rows)
        names = np.array([f"name {j}" for j in range(12 + 40 * i)])
        columns[f"name_{i}"] = names[draw.zipf(1.5, rows) % len(names)]
    for i in range(3):
        seconds = draw.integers(0, 30 * 86_400, rows)
        columns[f"time_{i}"] = np.datetime64("2026-03-01", "us") + seconds.astype("m8[s]")
    return pa.table(columns)


@bench.case("inlay", needs=["altair", "numpy", "pyarrow", "vl_convert"])
def _inlay(run: Run) -> None:
    import inlay
    from inlay.report import profile_page

    profile = inlay.Profile.of(_table(run.size(ROWS))).to_dict()
    run.check(len(profile["columns"]), COLUMNS, "columns")
    page: list[str] = []

    def make() -> None:
        page[:] = [profile_page(profile, title="Bench")]

    seconds = run.time_each(make, inner=1 if run.quick else 3)
    run.check(page[0].count("<svg"), COLUMNS, "charts")
    run.report("make", [s * 1e3 for s in seconds])
    run.report("bytes", [len(page[0].encode())])
    if shutil.which("chromium") is not None:
        run.report("load", _loads(run, page[0]))


def _loads(run: Run, page: str) -> list[float]:
    """Open the page in one browser again and again; the first time warms it up."""
    sys.path.append(str(TESTS))
    from chromium import Browser  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        with Browser(Path(folder) / "browser") as browser:
            times = [browser.open(path) for _ in range(run.repeats + 1)]
            run.check(browser.requests(), [path.resolve().as_uri()], "requests")
            return times[1:]


if __name__ == "__main__":
    bench.main()
