"""Results and goals as Markdown tables; no number in them is typed by hand."""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Figure", "Line", "headline", "lines_of", "load_goals", "markdown", "number"]

HERE = Path(__file__).resolve().parent


def load_goals() -> dict[str, dict[str, Any]]:
    """Return ``goals.toml``: sections in order, each with a title and its works."""
    return tomllib.loads((HERE / "goals.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Figure:
    """Median and range of one work by one peer."""

    peer: str
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One line of a table: ours, the best of the others, the goal."""

    section: str
    key: str
    work: str
    unit: str
    higher: bool
    goal: tuple[str, float] | None
    ours: Figure | None
    best: Figure | None
    floor: Figure | None

    @property
    def ratio(self) -> float | None:
        """How many times better than the best peer."""
        if self.ours is None or self.best is None:
            return None
        top, bottom = (self.ours, self.best) if self.higher else (self.best, self.ours)
        return top.median / bottom.median if bottom.median else None

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None without a goal or a figure."""
        if self.goal is None or self.ours is None:
            return None
        kind, value = self.goal
        return self.ours.median <= value if kind == "at_most" else self.ours.median >= value


def _figure(row: dict[str, Any]) -> Figure:
    samples = row["samples"]
    return Figure(row["peer"], statistics.median(samples), min(samples), max(samples))


def _goal(entry: dict[str, Any]) -> tuple[str, float] | None:
    for kind in ("at_most", "at_least"):
        if kind in entry:
            return kind, float(entry[kind])
    return None


def lines_of(results: dict[str, Any], sections: Iterable[str] | None = None) -> list[Line]:
    """Return the lines of the sections that were measured, in the order of the goals."""
    goals = load_goals()
    wanted = list(results["sections"] if sections is None else sections)
    lines = []
    for section in [*(s for s in goals if s in wanted), *(s for s in wanted if s not in goals)]:
        stored = results["sections"].get(section)
        if stored is None:
            continue
        rows = [row for row in stored["rows"] if "samples" in row]
        works = {k: v for k, v in goals.get(section, {}).items() if isinstance(v, dict)}
        keys = [*works, *dict.fromkeys(r["work"] for r in rows if r["work"] not in works)]
        for key in keys:
            mine = [row for row in rows if row["work"] == key]
            if mine:
                lines.append(_line(section, key, works.get(key, {}), mine))
    return lines


def _line(section: str, key: str, entry: dict[str, Any], rows: list[dict[str, Any]]) -> Line:
    higher = bool(entry.get("higher", False))
    by_role: dict[str, list[Figure]] = {"inlay": [], "peer": [], "floor": []}
    for row in rows:
        by_role[row["role"]].append(_figure(row))
    pick = max if higher else min

    def first(role: str) -> Figure | None:
        found = by_role[role]
        return pick(found, key=lambda f: f.median) if found else None

    return Line(
        section,
        key,
        entry.get("work", key),
        entry.get("unit", ""),
        higher,
        _goal(entry),
        first("inlay"),
        first("peer"),
        first("floor"),
    )


def number(value: float) -> str:
    """Return a figure with three digits that mean something."""
    if value == 0:
        return "0"
    magnitude = abs(value)
    if magnitude < 0.005:
        return f"{value:.1e}"
    if magnitude >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if magnitude >= 10 else f"{value:.2f}"


def _cell(figure: Figure | None, *, spread: bool) -> str:
    if figure is None:
        return "-"
    if not spread:
        return number(figure.median)
    return f"{number(figure.median)} ({number(figure.low)}-{number(figure.high)})"


def _row(line: Line, *, spread: bool) -> str:
    goal = ""
    if line.goal is not None:
        goal = f"{'≤' if line.goal[0] == 'at_most' else '≥'} {line.goal[1]:,g}"
    # Where nothing of ours is measured, the bound that other lines are compared with.
    shown = line.floor if line.ours is None and line.best is None else line.best
    best = _cell(shown, spread=spread)
    if shown is not None:
        best += f", {shown.peer}"
    ratio = "-" if line.ratio is None else f"{number(line.ratio)}x"
    met = {True: "yes", False: "no", None: ""}[line.met]
    unit = f" [{line.unit}]" if line.unit else ""
    cells = [f"{line.work}{unit}", _cell(line.ours, spread=spread), best, ratio, goal, met]
    return f"| {' | '.join(cells)} |"


def command(section: str) -> str:
    """Return how to measure a section."""
    return f"make bench{'-gpu' if section.startswith('gpu_') else ''} ONLY={section}"


HEAD = "| work | inlay | best peer | times better | goal | met |\n|---|--:|--:|--:|--:|:-:|"


def markdown(results: dict[str, Any], sections: Iterable[str] | None = None) -> str:
    """Return one table per section, medians with their range."""
    goals = load_goals()
    blocks: list[str] = []
    lines = lines_of(results, sections)
    for section in dict.fromkeys(line.section for line in lines):
        title = goals.get(section, {}).get("title", section)
        mine = [line for line in lines if line.section == section]
        body = "\n".join(_row(line, spread=True) for line in mine)
        blocks.append(f"### {title}\n\n`{command(section)}`\n\n{HEAD}\n{body}")
    return "\n\n".join(blocks)


def headline(results: dict[str, Any]) -> str:
    """Return the one table of the README: medians of the works marked as headlines."""
    goals = load_goals()
    lines = [
        line
        for line in lines_of(results)
        if goals.get(line.section, {}).get(line.key, {}).get("headline")
    ]
    return "\n".join([HEAD, *(_row(line, spread=False) for line in lines)])
