"""A host's files read: a tree with 8 InfiniBand ports, and this machine beside psutil."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import Bench, Run

TESTS = Path(__file__).resolve().parents[1] / "tests" / "python"
PORTS = 8

bench = Bench("host")


def _reader(root: str, families: list[str]) -> Any:
    from inlay import _core

    return _core.HostReader(
        root=root, families=families, pressure=0.25, congestion=0.1, held_files=4096
    )


def _tick(native: Any, *, slow: bool) -> None:
    now_us, steady_ns = time.time_ns() // 1000, time.monotonic_ns()
    native.tick(now_us, steady_ns)
    if slow:
        native.tick(now_us, steady_ns, slow=True)


def _tree(root: str) -> Any:
    sys.path.insert(0, str(TESTS))
    from host_tree import PORT_COUNTERS, HostTree

    tree = HostTree(Path(root))
    tree.add_all(ports=PORTS)
    return tree, PORT_COUNTERS


def _raise_file_limit() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))


@bench.case("inlay")
def _inlay(run: Run) -> None:
    import inlay
    from inlay import _core

    _raise_file_limit()
    inner = run.size(300, quick=5)
    with tempfile.TemporaryDirectory() as root:
        tree, port_counters = _tree(root)
        native = _reader(root, _core.HostReader.family_names())
        run.report(
            "tick",
            [1e3 * s for s in run.time_each(lambda: _tick(native, slow=True), inner=inner)],
            series=native.series,
        )
        path = f"{tree.port('mlx5_3')}/counters/port_xmit_data"
        tree.write(path, 500_000 + 10)
        _tick(native, slow=True)
        obs = inlay.Observer({"service.name": "bench"}, window=3600.0)
        native.hand_over(obs.core)
        rows = obs.collect().points.to_pylist()
        found = [
            row for row in rows if row["metric"].startswith("ib.") and row["kind"] == "counter"
        ]
        run.check(len(found), PORTS * port_counters, "counters of ports")
        run.check(sum(r["value"] for r in found if r["metric"] == "ib.io"), 40.0, "octets sent")
        errors = [row["metric"] for row in rows if row["status"] == "error"]
        run.check(errors, [], "all of the tree is read")

        def hand_over() -> None:
            native.hand_over(obs.core)

        samples = run.time_each(
            hand_over,
            before=lambda: (_tick(native, slow=True), obs.collect()),
            inner=run.size(30, quick=3),
        )
        run.report("rows", [1e3 * s for s in samples])
        for family in ("infiniband", "cgroup"):
            alone = _reader(root, [family])
            samples = run.time_each(lambda alone=alone: _tick(alone, slow=False), inner=inner)
            run.report(family, [1e6 * s for s in samples])
        run.report(
            "scan", [1e3 * s for s in run.time_each(native.scan, inner=run.size(30, quick=2))]
        )
    for family in ("cpu", "memory", "network", "disks", "pressure"):
        alone = _reader("/", [family])
        samples = run.time_each(lambda alone=alone: _tick(alone, slow=False), inner=inner)
        run.report(family, [1e6 * s for s in samples])
    whole = _reader("/", _core.HostReader.family_names())
    samples = run.time_each(lambda: _tick(whole, slow=True), inner=inner)
    run.report("machine", [1e6 * s for s in samples], series=whole.series)


@bench.case("psutil", needs=["psutil"])
def _psutil(run: Run) -> None:
    import psutil

    inner = run.size(300, quick=5)
    calls = {
        "cpu": psutil.cpu_times,
        "memory": lambda: (psutil.virtual_memory(), psutil.swap_memory()),
        "network": lambda: (psutil.net_io_counters(pernic=True), psutil.net_if_stats()),
        "disks": lambda: psutil.disk_io_counters(perdisk=True),
    }
    for name, call in calls.items():
        run.report(name, [1e6 * s for s in run.time_each(call, inner=inner)])
    run.report(
        "machine",
        [1e6 * s for s in run.time_each(lambda: [call() for call in calls.values()], inner=inner)],
    )


if __name__ == "__main__":
    bench.main()
