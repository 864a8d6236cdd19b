"""The joined view: what was known, in all layers, of a request, a step or a moment.

Nothing is stored for it. Rows of all layers are joined by the time they cover and by where they
come from: the spans, events and exemplars of a trace id, or the row of a step, give a span of time
and a place; events and intervals, verdicts that said yes, values that are unusual for their series
and slow steps that meet that span are the evidence, ranked by `inlay.joined.scoring`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay._lazy import loader

if TYPE_CHECKING:
    from inlay.joined.directory import context
    from inlay.joined.evidence import Context, Evidence
    from inlay.joined.scoring import Focus

__all__ = ["Context", "Evidence", "Focus", "context"]

_HOMES = {
    "Context": "inlay.joined.evidence",
    "Evidence": "inlay.joined.evidence",
    "Focus": "inlay.joined.scoring",
    "context": "inlay.joined.directory",
}

__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
