"""A watch of a stream: what a batch costs, what a pane costs when it closes, how large it stays."""

from __future__ import annotations

from typing import Any

from harness import Bench, Run

bench = Bench("watch")
ROWS, FLOATS = 1_024, 20
BEGAN = 1_700_000_040


@bench.case("inlay", needs=["numpy", "pyarrow"])
def _inlay(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    import inlay
    from inlay.data.tally import Tally

    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.normal(size=100_000) for i in range(FLOATS)}
    reference = inlay.Profile.of(columns, reference=True)
    now = np.full(ROWS, BEGAN * 1_000_000) + rng.integers(0, 1_000_000, ROWS)

    def batch(pane: int) -> Any:
        times = pa.array(now + pane * 300_000_000, pa.timestamp("us", "UTC"))
        values = {name: pa.array(column[:ROWS]) for name, column in columns.items()}
        return pa.record_batch({"at": times, **values})

    clock = inlay.ManualClock(BEGAN)
    observer = inlay.Observer(clock=clock, window=1e6)
    watch = observer.watch("stream", reference, every=300, event_time="at", judges=())
    tally = Tally.of(reference)
    first = batch(0)
    watched = [s * 1e6 for s in run.time_each(lambda: watch.update(first), inner=50)]
    counted = [s * 1e6 for s in run.time_each(lambda: tally.update(first), inner=50)]
    run.report("update", watched)
    run.report("overhead", [a - b for a, b in zip(watched, counted, strict=True)])
    run.check(watch.open_panes, 1, "open panes")

    panes = [0]

    def close_one() -> None:
        panes[0] += 1
        clock.advance(300)
        watch.update(batch(panes[0]))

    def stay() -> None:
        watch.update(batch(panes[0]))

    closing = run.time_each(close_one, inner=5)
    staying = run.time_each(stay, inner=5)
    run.report("close", [(a - b) * 1e3 for a, b in zip(closing, staying, strict=True)])
    observer.collect()
    for _ in range(run.size(1_000, quick=50)):
        watch.update(first if panes[0] == 0 else batch(panes[0]))
    run.report("memory", [watch.memory_bytes / watch.open_panes / FLOATS])
    run.report("disk", [len(watch.save_state()) / watch.open_panes / FLOATS])
    run.report("save", [s * 1e3 for s in run.time_each(watch.save_state, inner=3)])


if __name__ == "__main__":
    bench.main()
