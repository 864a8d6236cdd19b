"""Turn results into pages, or set two results side by side.

``compare.py RESULTS.json`` prints the tables; ``--write`` puts them into ``docs/benchmarks.md``
and between the markers of ``README.md``, stored results of other machines and of CUDA devices
below; ``--check`` fails if those pages say something else.
``compare.py BEFORE.json AFTER.json`` prints how each of our own figures moved.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tables import headline, lines_of, markdown, number

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = (
    "<!-- benchmarks: begin (made by benchmarks/compare.py) -->",
    "<!-- benchmarks: end -->",
)


def machine_line(machine: dict[str, Any]) -> str:
    """Return the machine in one line."""
    isa = "AVX-512" if "avx512f" in machine["isa"] else "AVX2" if "avx2" in machine["isa"] else ""
    processor = " ".join(
        part
        for part in (
            machine["cpu"],
            f"(family {machine['cpu_family']}, model {machine['cpu_model']})"
            if machine.get("cpu_family")
            else "",
            isa,
        )
        if part
    )
    build = machine["build"]
    return (
        f"{machine['cores']} cores of {processor}, {machine['memory_gib']} GiB, "
        f"Linux {machine['kernel']}, CPython {machine['python']}, {build['compiler']}"
    )


def page(results: dict[str, Any], others: list[dict[str, Any]]) -> str:
    """Return ``docs/benchmarks.md``."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        "# Benchmarks\n\n"
        "Made by `python benchmarks/compare.py RESULTS.json --write` from what `make bench` "
        "measured; [how to read it](guide/overhead.md).\n\n"
        f"{machine_line(machine)}; taken {taken(results)}. Versions: {versions}.\n\n"
        "Cells are the median (lowest-highest) of the repeats, in the unit in brackets."
        f"{busy(results)}\n\n"
        f"{markdown(results)}\n{''.join(map(other_part, others))}"
    )


def taken(results: dict[str, Any]) -> str:
    """Return the day or days of the figures."""
    days = sorted({s["taken"][:10] for s in results["sections"].values()})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def other_part(results: dict[str, Any]) -> str:
    """Return what another machine or a CUDA device was measured to do, for the end of the page."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    if "gpu" in machine:
        gpu = machine["gpu"]
        head = (
            f"## {gpu['name']}\n\n"
            "From `make bench-gpu`. "
            f"{gpu['memory_gib']} GiB, {gpu['multiprocessors']} multiprocessors, "
            f"{gpu['l2_mib']} MiB of L2, driver {gpu['driver']}, CUDA {gpu['cuda']}; "
        )
    else:
        kind = f"family {machine['cpu_family']}, model {machine['cpu_model']}"
        head = f"## {machine['cpu']} ({kind})\n\n"
    return (
        f"\n{head}{machine_line(machine)}; taken {taken(results)}. Versions: {versions}."
        f"{busy(results) if 'gpu' not in machine else ''}{noted(results)}\n\n"
        f"{markdown(results)}\n"
    )


def stored_beside(path: Path) -> list[dict[str, Any]]:
    """Return the stored results of other machines than that of a file, those with devices last."""
    stored = [
        json.loads(other.read_text(encoding="utf-8"))
        for other in sorted((ROOT / "benchmarks" / "results").glob("*.json"))
        if other.resolve() != path.resolve()
    ]
    return sorted(stored, key=lambda results: "gpu" in results["machine"])


def noted(results: dict[str, Any]) -> str:
    """Return what somebody wrote into the results, under ``note``, for whoever reads them."""
    return f" {results['note']}" if "note" in results else ""


def busy(results: dict[str, Any]) -> str:
    """Return a warning that names the sections taken while the machine had other work."""
    cores = results["machine"]["cores"]
    names = [f"`{n}`" for n, s in results["sections"].items() if s["load_before"] > 0.75 * cores]
    if not names:
        return ""
    return (
        f" The machine was busy with other work while these sections ran, so their absolute "
        f"figures are too high, those of every library: {', '.join(names)}."
    )


def with_block(readme: str, results: dict[str, Any], others: list[dict[str, Any]]) -> str:
    """Return the README with the table between its markers replaced."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise SystemExit(f"README.md must hold each marker once: {BEGIN!r}, {END!r}")
    head, rest = readme.split(BEGIN)
    tail = rest.split(END)[1]
    block = f"{machine_line(results['machine'])}; medians.{busy(results)}\n\n{headline(results)}"
    for other in others:
        machine = other["machine"]
        name = machine["gpu"]["name"] if "gpu" in machine else machine_line(machine)
        block += f"\n\n{name}; medians.{noted(other)}\n\n{headline(other)}"
    return f"{head}{BEGIN}\n{block}\n{END}{tail}"


def moved(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return a table of our own figures in two results, worst change first."""
    old = {(line.section, line.key): line for line in lines_of(before)}
    rows = []
    for line in lines_of(after):
        was = old.get((line.section, line.key))
        if was is None or was.ours is None or line.ours is None or not was.ours.median:
            continue
        change = line.ours.median / was.ours.median
        worse = 1 / change if line.higher and change else change
        cells = [
            f"{line.section}: {line.work} [{line.unit}]",
            number(was.ours.median),
            number(line.ours.median),
            f"{change:.2f}x",
        ]
        rows.append((worse, f"| {' | '.join(cells)} |"))
    body = "\n".join(text for _, text in sorted(rows, reverse=True))
    return f"| work | before | after | after / before |\n|---|--:|--:|--:|\n{body}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", type=Path, nargs="+", help="one result, or before and after")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md and README")
    parser.add_argument("--check", action="store_true", help="fail if the pages differ")
    args = parser.parse_args()
    loaded = [json.loads(path.read_text(encoding="utf-8")) for path in args.results]
    if len(loaded) > 2:
        parser.error(f"one or two results, got {len(loaded)}")
    if len(loaded) == 2:
        print(moved(*loaded))
        return 0
    if "gpu" in loaded[0]["machine"]:
        if args.write or args.check:
            parser.error("a device's results are taken into the page of a machine's, name those")
        print(other_part(loaded[0]))
        return 0
    readme = ROOT / "README.md"
    others = stored_beside(args.results[0])
    pages = {
        ROOT / "docs" / "benchmarks.md": page(loaded[0], others),
        readme: with_block(readme.read_text(encoding="utf-8"), loaded[0], others),
    }
    if args.write:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
    elif args.check:
        stale = [
            path
            for path, text in pages.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text
        ]
        for path in stale:
            print(
                f"{path.relative_to(ROOT)} is not what {args.results[0].name} says", file=sys.stderr
            )
        return 1 if stale else 0
    else:
        print(markdown(loaded[0]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
