"""``python -m inlay.selftest`` tells whether this installation works on this machine."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import inlay
from inlay import _core

__all__ = ["main"]


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        message = f"selftest: {what} should be {expected!r}, is {found!r}"
        raise SystemExit(message)


def _core_is_of_these_sources() -> None:
    """Compare the extension with its stub: an editable install renews the Python files alone."""
    stub = ast.parse(Path(__file__).with_name("_core.pyi").read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [of.name for of in stub.body if isinstance(of, kinds) and not of.name.startswith("_")]
    missing = [name for name in names if not hasattr(_core, name)]
    if missing:
        message = (
            "selftest: the extension is older than the Python files; build it again"
            f" (it lacks {', '.join(missing)}): {_core.__file__}"
        )
        raise SystemExit(message)


def _record_and_collect() -> dict[str, dict[str, Any]]:
    memory = inlay.sinks.Memory()
    obs = inlay.Observer(resource={"service.name": "selftest"}, window=3600.0, sinks=[memory])
    with obs:
        requests = obs.counter("requests", attributes=("route",))
        requests.bind(route="chat").add(2)
        requests.add(3, route="chat")
        obs.gauge("temperature", unit="Cel").set(21.5)
        latency = obs.histogram("latency", unit="s").bind()
        latency.record(0.5)
        latency.record_many([0.25, 0.25, math.nan])
        obs.event("started")
        batch = obs.collect()
        delivered = obs.flush(timeout=10.0)
    _expect("delivery to a sink", delivered, True)
    _expect("number of events", batch.events.num_rows, 1)
    return {row["metric"]: row for row in batch.points.to_pylist()}


def main() -> int:
    """Take one pass through the installed library and print what it is.

    Returns
    -------
    int
        0 if all of it worked.

    Raises
    ------
    SystemExit
        With a message that names what did not.
    """
    _core_is_of_these_sources()
    for name in inlay.__all__:
        getattr(inlay, name)
    rows = _record_and_collect()
    _expect("counter", rows["requests"]["value"], 5.0)
    _expect("gauge", rows["temperature"]["value"], 21.5)
    latency = rows["latency"]
    _expect("histogram's count", latency["count"], 3)
    _expect("histogram's sum", latency["sum"], 1.0)
    _expect("values that are not numbers", latency["nan_count"], 1)
    for name, value in inlay.build_info().items():
        print(f"{name}: {value}")
    print("ok")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
