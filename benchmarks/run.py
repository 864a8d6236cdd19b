"""Run the benchmarks: every section and peer in a process of its own, results kept as JSON.

``python benchmarks/run.py [SECTION ...]`` measures all sections or the named ones, writes
``benchmarks/results/<machine>.json`` (other sections of that file stay) and prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import one_line, run_case, run_command
from tables import load_goals, markdown

from inlay._machine import facts, slug

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FORMAT = 1
#: Everything a case may import.
LIBRARIES = (
    "inlay",
    "numpy",
    "pyarrow",
    "prometheus-client",
    "opentelemetry-sdk",
    "boost-histogram",
    "datasketches",
    "ddsketch",
    "pytheus",
    "datadog",
    "starlette",
    "fastapi",
    "duckdb",
    "vl-convert-python",
)
# A case during which one call took this much longer than in the quietest case was disturbed.
DISTURBED = 1.35


def python_sections() -> dict[str, Path]:
    """Return the benchmark files by section."""
    return {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}


def cpp_sections() -> dict[str, str]:
    """Return the C++ benchmarks, by section, as the names of their executables."""
    sources = sorted((HERE / "cpp").glob("bench_*.cpp"))
    return {"cpp_" + path.stem.removeprefix("bench_"): path.stem for path in sources}


def build_cpp() -> Path:
    """Build the C++ benchmarks as a user builds the library, and return where they lie."""
    folder = ROOT / "build" / "bench"
    configure = [
        "cmake",
        "-S",
        str(ROOT),
        "-B",
        str(folder),
        "-DCMAKE_BUILD_TYPE=Release",
        "-DINLAY_BUILD_BENCHMARKS=ON",
        "-DINLAY_BUILD_PYTHON=OFF",
    ]
    for command in (configure, ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the C++ benchmarks do not build:\n{done.stdout}{done.stderr}")
    return folder / "benchmarks"


def peers_of(script: Path) -> list[str]:
    """Ask a benchmark file which peers it has."""
    done = subprocess.run(
        [sys.executable, str(script), "--list"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{script.name} does not load:\n{done.stderr}")
    return list(json.loads(done.stdout))


class Probes:
    """How fast one trivial call was around each case, to tell a disturbed one."""

    def __init__(self) -> None:
        self._best = float("inf")

    def disturbed(self, lines: list[dict[str, Any]]) -> bool:
        figures = [ns for line in lines for ns in line.get("probe_ns", ())]
        if not figures:
            return False
        self._best = min(self._best, *figures)
        return max(figures) > DISTURBED * self._best


def measure(script: Path, peer: str, probes: Probes, *, quick: bool) -> list[dict[str, Any]]:
    """Run one case, once more if something else took the processor meanwhile."""
    lines = run_case(script, peer, quick=quick)
    if not quick and probes.disturbed(lines):
        again = run_case(script, peer, quick=quick)
        if not any("failed" in line for line in again):
            probes.disturbed(again)
            lines = min(lines, again, key=_slowest_probe)
    return lines


def _slowest_probe(lines: list[dict[str, Any]]) -> float:
    return max((ns for line in lines for ns in line.get("probe_ns", ())), default=float("inf"))


def run_section(
    name: str, probes: Probes, executables: Path | None, *, quick: bool
) -> dict[str, Any]:
    """Measure one section and return it as it is stored."""
    lines: list[dict[str, Any]] = []
    load = os.getloadavg()[0]
    script = python_sections().get(name)
    started = time.perf_counter()
    if script is not None:
        for peer in peers_of(script):
            lines += _shown(measure(script, peer, probes, quick=quick))
    else:
        assert executables is not None
        command = [str(executables / cpp_sections()[name]), *(["--quick"] if quick else [])]
        lines += _shown(run_command(command, section=name, peer="inlay"))
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 1),
        "load_before": round(load, 2),
        "rows": lines,
    }


def _shown(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for line in lines:
        if "probe_ns" not in line:
            print(one_line(line), flush=True)
    return lines


def as_text(results: dict[str, Any]) -> str:
    """Return JSON with the samples of a figure on one line."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+([^][{}]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n"


def conclude(results: dict[str, Any], chosen: list[str], path: Path) -> int:
    """Show the tables of sections, say where they were written; return 1 if one failed."""
    print()
    print(markdown(results, sections=chosen))
    print(f"\nwritten to {path}")
    failed = [
        line for name in chosen for line in results["sections"][name]["rows"] if "failed" in line
    ]
    for line in failed:
        print(f"failed: {line['section']}, {line['peer']}: {line['failed']}", file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    known = [*python_sections(), *cpp_sections()]
    parser = argparse.ArgumentParser(description="inlay's benchmarks")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all runs")
    parser.add_argument("--results", type=Path, help="folder of the JSON (default: results/)")
    args = parser.parse_args()
    order = list(load_goals())
    chosen = args.sections or sorted(
        known, key=lambda s: order.index(s) if s in order else len(order)
    )
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(known)}")
    executables = build_cpp() if set(chosen) & set(cpp_sections()) else None

    where = facts(LIBRARIES)
    # A quick run's figures mean nothing, and shall not lie beside those that do.
    folder = args.results or (ROOT / "build" / "bench-quick" if args.quick else HERE / "results")
    path = folder / f"{slug(where)}.json"
    results: dict[str, Any] = {"format": FORMAT, "sections": {}}
    if path.exists():
        results = json.loads(path.read_text(encoding="utf-8"))
    results["machine"] = where
    probes = Probes()
    for name in chosen:
        results["sections"][name] = run_section(name, probes, executables, quick=args.quick)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(results), encoding="utf-8")
    return conclude(results, chosen, path)


if __name__ == "__main__":
    raise SystemExit(main())
