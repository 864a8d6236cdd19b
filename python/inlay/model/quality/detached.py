"""The quality of an observer that keeps nothing, until there is one that does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inlay.model.quality.quality import Quality

if TYPE_CHECKING:
    import os

    from inlay.model.quality.settings import QualityOptions
    from inlay.observer import Observer

__all__ = ["DetachedQuality"]


class DetachedQuality(Quality):
    """Has a quality's interface and counts nothing until it is attached. Thread-safe."""

    def __init__(self, name: str, options: QualityOptions) -> None:
        self._name = name
        self._options = options
        self._live: Quality | None = None
        self._shut = False

    def attach(self, observer: Observer) -> None:
        """Count with a quality of an observer from now on."""
        if not self._shut:
            self._live = observer._new_quality(self._name, self._options)

    @property
    def name(self) -> str:
        """What the metrics begin with."""
        return self._name

    @property
    def task(self) -> str:
        """What is predicted."""
        return self._options["task"]

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes whose values make segments."""
        return tuple(self._options["attributes"])

    @property
    def closed(self) -> bool:
        """Whether it takes no more rows."""
        return self._shut if self._live is None else self._live.closed

    @property
    def segments(self) -> list[Mapping[str, str]]:
        """Those of the quality it is attached to."""
        return [] if self._live is None else self._live.segments

    @property
    def overflowed(self) -> int:
        """Those of the quality it is attached to."""
        return 0 if self._live is None else self._live.overflowed

    @property
    def pending(self) -> int:
        """Those of the quality it is attached to."""
        return 0 if self._live is None else self._live.pending

    def observed(self, y_true: Any, y_score: Any, **given: Any) -> int:
        """Count nothing while detached."""
        return 0 if self._live is None else self._live.observed(y_true, y_score, **given)

    def predicted(self, ids: Any, scores: Any, **given: Any) -> int:
        """Keep nothing while detached."""
        return 0 if self._live is None else self._live.predicted(ids, scores, **given)

    def labelled(self, ids: Any, outcomes: Any) -> int:
        """Join nothing while detached."""
        return 0 if self._live is None else self._live.labelled(ids, outcomes)

    def tick(self) -> None:
        """Do nothing while detached."""
        if self._live is not None:
            self._live.tick()

    def close(self, *, discard: bool = False) -> None:
        """Close the quality it is attached to."""
        self._shut = True
        if self._live is not None:
            self._live.close(discard=discard)

    def compute(self, **attributes: str | int | bool) -> Any:
        """Return the figures of the quality it is attached to; none while detached."""
        if self._live is None:
            from inlay.model.metrics import Metrics

            return Metrics({})
        return self._live.compute(**attributes)

    def fairness(self, *attributes: str, **given: Any) -> Any:
        """Compare the groups of the quality it is attached to; there are none while detached."""
        if self._live is None:
            from inlay.model.parity.table import Fairness

            return Fairness.of_counts({}, attributes or self.attributes)
        return self._live.fairness(*attributes, **given)

    def save_state(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Save the quality it is attached to; nothing, as no bytes, while detached."""
        return b"" if self._live is None else self._live.save_state(path)

    def load_state(self, source: bytes | str | os.PathLike[str]) -> None:
        """Let the quality it is attached to go on where a state ends."""
        if self._live is not None:
            self._live.load_state(source)

    def __repr__(self) -> str:
        """Show whether it counts."""
        return (
            f"<inlay.model.Quality {self._name!r}: no-op>"
            if self._live is None
            else repr(self._live)
        )
