"""All pages of a directory's report, linked to each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inlay.report.comparison_page import comparison_page
from inlay.report.comparisons import comparison_summary, verdict_class
from inlay.report.formats import count, counted, escape_controls, moment
from inlay.report.given import check_stored_report
from inlay.report.infra_page import infra_page
from inlay.report.infra_words import infra_class, infra_headline
from inlay.report.model_page import model_page
from inlay.report.page import BESIDE, document, escape, facts, table
from inlay.report.profile_page import profile_page
from inlay.report.qualities import headline, quality_class, quality_name
from inlay.report.training_page import training_page
from inlay.report.training_words import training_class, training_headline
from inlay.report.verdict_page import verdict_page, verdicts_summary

__all__ = ["is_page", "missed", "report_pages"]

_INDEX, _MODELS, _VERDICTS, _PROFILE = "index.html", "models.html", "verdicts.html", "profile.html"
_INFRA, _TRAINING = "infra.html", "training.html"
_NAMES = re.compile(r"(index|models|verdicts|profile|infra|training|drift(-\d+)?)\.html", re.ASCII)


def report_pages(report: Mapping[str, Any], *, title: str | None = None) -> dict[str, str]:
    """Make the pages of a directory: files without a script that load nothing from elsewhere.

    Parameters
    ----------
    report : mapping
        What `stored_report` gave.
    title : str, optional
        The heading of the first page; by default the directory.

    Returns
    -------
    dict of str to str
        HTML by file name: ``index.html`` (what there is and what it says), ``models.html``,
        ``drift.html`` (each watch before and after; ``drift-2.html`` and so on for further ones),
        ``profile.html`` if there are profiles of no watch, ``infra.html`` and ``training.html`` if
        there is something of either, ``verdicts.html``.

    Raises
    ------
    TypeError, InvalidArgumentError
        If it is no such mapping.
    ImportError
        If there is something to draw and ``vl-convert-python`` is missing; the extra
        ``inlay[report]`` brings it.
    """
    check_stored_report(report)
    files = [(_INDEX, "Overview"), (_MODELS, "Models")]
    drifts: list[tuple[str, Mapping[str, Any]]] = []
    for each in report["comparisons"]:
        if each["comparison"] is not None:
            number = f"-{len(drifts) + 1}" if drifts else ""
            drifts.append((f"drift{number}.html", each))
    files += [(name, f"Drift of {_watch(each)}") for name, each in drifts]
    if report["profile"] is not None:
        files.append((_PROFILE, "Profile"))
    files += [(name, of) for name, key, of, _ in _LAYERS if report.get(key) is not None]
    files.append((_VERDICTS, "Verdicts"))

    def beside(name: str) -> list[tuple[str, str]]:
        return [("" if other == name else other, text) for other, text in files]

    heading = title or f"Report of {report['directory']}"
    pages = {
        _INDEX: _index(report, drifts, title=heading, pages=beside(_INDEX)),
        _MODELS: model_page(report, pages=beside(_MODELS)),
    }
    for name, each in drifts:
        of = f"Drift of {_watch(each)}"
        pages[name] = comparison_page(each["comparison"], title=of, pages=beside(name))
    if report["profile"] is not None:
        pages[_PROFILE] = profile_page(report["profile"], pages=beside(_PROFILE))
    for name, key, _, page in _LAYERS:
        if report.get(key) is not None:
            pages[name] = page(report, pages=beside(name))
    pages[_VERDICTS] = verdict_page(report["verdicts"], pages=beside(_VERDICTS))
    return pages


def is_page(name: str, text: str) -> bool:
    """Tell whether a file is one that `report_pages` made, of whatever report."""
    return bool(_NAMES.fullmatch(name)) and BESIDE in text


def missed(report: Mapping[str, Any]) -> str | None:
    """Say that the time asked for is another than that of the tables; None if it is not."""
    holds = report.get("holds")
    if holds is None:
        return None
    ends = [f"{word} {moment(report[key])}" for word, key in _ENDS if report[key] is not None]
    first, last = map(moment, holds)
    return f"nothing to tell of lies {' '.join(ends)}: the tables hold {first} to {last}"


_ENDS = (("from", "start"), ("to", "end"))
_LAYERS: tuple[tuple[str, str, str, Callable[..., str]], ...] = (
    (_INFRA, "infra", "Infrastructure", infra_page),
    (_TRAINING, "training", "Training", training_page),
)


def _watch(each: Mapping[str, Any]) -> str:
    return escape_controls(str(each["watch"])) or "columns"


def _index(
    report: Mapping[str, Any],
    drifts: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    title: str,
    pages: Sequence[tuple[str, str]],
) -> str:
    rows = [
        *_of_models(report["quality"]),
        *_of_measured(report),
        *_of_drift(report, drifts),
        *_of_layers(report),
        *_of_verdicts(report["verdicts"]),
    ]
    body = [
        *(f'<p class="banner open">{escape(text)}</p>' for text in [missed(report)] if text),
        facts(_overview(report)),
        table(("what", "page", "what it says"), rows, label="What there is", raw=(0, 1, 2)),
    ]
    if report["notes"]:
        notes = "".join(f"<li>{escape(escape_controls(note))}</li>" for note in report["notes"])
        body.append(f"<section><h2>Not read</h2><ul>{notes}</ul></section>")
    return document(
        title=title,
        subtitle=", ".join(
            (
                counted(len(report["quality"]), "model"),
                counted(len(drifts), "comparison"),
                counted(len(report["verdicts"]), "verdict"),
            )
        ),
        body="\n".join(body),
        pages=pages,
    )


def _overview(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, name in (("start", "from"), ("end", "to"), ("split", "before and after part at")):
        if report[key] is not None:
            yield name, moment(report[key])


def _link(address: str, text: str) -> str:
    return f'<a href="{address}">{escape(text)}</a>'


def _said(kind: str, text: str) -> str:
    return f'<span class="{kind}">{escape(escape_controls(text))}</span>'


def _of_models(qualities: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str, str]]:
    for place, quality in enumerate(qualities):
        yield (
            escape(quality_name(quality)),
            _link(f"{_MODELS}#q{place}", "model"),
            _said(quality_class(quality), headline(quality)),
        )
    if not qualities:
        yield (
            "models",
            _link(_MODELS, "models"),
            _said("note", "no model's quality: there are no rows of kind estimate"),
        )


def _of_measured(report: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    series, rates = len(report["measured"]), len(report["rates"])
    told = [f"{count(series)} distributions and counts"] if series else []
    told += [f"{counted(rates, 'rate')} of judged answers"] if rates else []
    if told:
        link = _link(f"{_MODELS}#measured", "measured")
        yield "measurements", link, _said("note", ", ".join(told))


def _of_drift(
    report: Mapping[str, Any], drifts: Sequence[tuple[str, Mapping[str, Any]]]
) -> Iterable[tuple[str, str, str]]:
    for name, each in drifts:
        comparison = each["comparison"]
        yield (
            escape(_watch(each)),
            _link(name, "drift"),
            _said(verdict_class(comparison["verdict"]), comparison_summary(comparison)),
        )
    for each in report["comparisons"]:
        if each["comparison"] is None:
            yield escape(_watch(each)), "", _said("note", f"not compared: {each['reason']}")
    if report["profile"] is not None:
        rows = count(report["profile"]["rows"])
        yield "data", _link(_PROFILE, "profile"), _said("note", f"a profile of {rows} rows")
    elif not report["comparisons"]:
        yield "data", "", _said("note", "no drift: there are no points of a watch or of a profile")


def _of_layers(report: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    if report.get("infra") is not None:
        said = _said(infra_class(report), infra_headline(report))
        yield "infrastructure", _link(_INFRA, "infrastructure"), said
    else:
        said = _said("note", "no points or events of layer infra")
        yield "infrastructure", "", said
    training = report.get("training")
    if training is not None:
        said = _said(training_class(training), training_headline(training))
        yield "training", _link(_TRAINING, "training"), said
    else:
        yield "training", "", _said("note", "no training steps, points or events")


def _of_verdicts(verdicts: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str, str]]:
    yes = sum(each["verdict"] == "yes" for each in verdicts)
    text = verdicts_summary(verdicts) if verdicts else "no judge said anything"
    yield "verdicts", _link(_VERDICTS, "verdicts"), _said("bad" if yes else "note", text)
