"""Run the benchmarks on a CUDA device, results kept as JSON: ``make bench-gpu``.

``python benchmarks/gpu/run.py [SECTION ...]`` measures all sections or the named ones, writes
``benchmarks/results/<device>.json`` (other sections of that file stay) and prints the table. A
section is ``bench_<x>.cu``, ``bench_<x>.py`` or both: kernels alone are timed from C++, beside the
rate at which a sum reads the same, and what a program sees from Python, beside what torch and CuPy
are composed to.
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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import one_line, run_case, run_command  # noqa: E402
from run import as_text, conclude  # noqa: E402
from tables import load_goals  # noqa: E402

from inlay._machine import facts  # noqa: E402

FORMAT = 1
LIBRARIES = ("inlay", "numpy", "torch", "cupy-cuda13x", "triton")


def sections() -> list[str]:
    """Return the sections there are, in the order of the goals."""
    stems = {path.stem for kind in ("*.py", "*.cu") for path in HERE.glob(f"bench_{kind}")}
    known = {"gpu_" + stem.removeprefix("bench_") for stem in stems}
    order = list(load_goals())
    return sorted(known, key=lambda s: (order.index(s) if s in order else len(order), s))


def device_facts() -> dict[str, Any]:
    """Return what the device is; asked in another process, so that this one never holds it."""
    script = (
        "import json, torch; p = torch.cuda.get_device_properties(0);"
        "print(json.dumps({'name': p.name, 'memory_gib': round(p.total_memory / 2**30),"
        "'multiprocessors': p.multi_processor_count, 'l2_mib': p.L2_cache_size >> 20,"
        "'capability': f'{p.major}.{p.minor}', 'cuda': torch.version.cuda}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = (done.stderr.strip().splitlines() or ["no word why"])[-1]
        raise SystemExit(f"no CUDA device to measure: {tail}")
    found: dict[str, Any] = json.loads(done.stdout)
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, capture_output=True, text=True, check=True)
        found["driver"] = asked.stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        found["driver"] = None
    return found


def slug(device: dict[str, Any]) -> str:
    """Return a short name for the kind of device, for a file."""
    return re.sub(r"[^a-z0-9]+", "-", device["name"].lower()).strip("-")


def run_section(name: str, executables: Path | None, *, quick: bool) -> dict[str, Any]:
    """Measure one section and return it as it is stored."""
    stem = "bench_" + name.removeprefix("gpu_")
    lines: list[dict[str, Any]] = []
    load = os.getloadavg()[0]
    started = time.perf_counter()
    if (HERE / f"{stem}.cu").exists():
        program = (executables or Path()) / f"bench_{name}"
        if executables is not None and program.exists():
            command = [str(program), *(["--quick"] if quick else [])]
            lines += run_command(command, section=name, peer="inlay")
        else:
            lines.append({"section": name, "peer": "inlay", "skipped": f"not built: {program}"})
    script = HERE / f"{stem}.py"
    if script.exists():
        found = run_case(script, "inlay", quick=quick)
        lines += [{**line, "section": name} for line in found]
    for line in lines:
        if "probe_ns" not in line:
            print(one_line(line), flush=True)
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 1),
        "load_before": round(load, 2),
        "rows": lines,
    }


def main() -> int:
    known = sections()
    parser = argparse.ArgumentParser(description="inlay's benchmarks on a CUDA device")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all runs")
    parser.add_argument("--executables", type=Path, help="folder of the built bench_gpu_*")
    parser.add_argument("--results", type=Path, help="folder of the JSON (default: results/)")
    args = parser.parse_args()
    unknown = sorted(set(args.sections) - set(known))
    if unknown:
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = args.sections or known

    device = device_facts()
    default = ROOT / "build" / "bench-quick" if args.quick else ROOT / "benchmarks" / "results"
    path = (args.results or default) / f"{slug(device)}.json"
    results: dict[str, Any] = {"format": FORMAT, "sections": {}}
    if path.exists():
        results = json.loads(path.read_text(encoding="utf-8"))
    results["machine"] = {**facts(LIBRARIES), "gpu": device}
    for name in chosen:
        results["sections"][name] = run_section(name, args.executables, quick=args.quick)
        # After each, so that a run that is cut short keeps what it has.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(results), encoding="utf-8")
    return conclude(results, chosen, path)


if __name__ == "__main__":
    raise SystemExit(main())
