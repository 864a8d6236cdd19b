"""What an observer polls before each cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import weakref
    from typing import Protocol

    from inlay.observer import Observer

    class Probe(Protocol):
        """Something that is polled before each cut."""

        def observe(self, observer: Observer, /) -> None:
            """Record what there is to see."""


__all__ = ["ProbeEnd", "ProbeTask"]


class ProbeTask:
    """Polls a probe without keeping the observer alive. Thread-safe as the probe is."""

    def __init__(self, observer: weakref.ref[Observer], probe: Probe) -> None:
        self._observer = observer
        self._probe = probe

    @property
    def name(self) -> str:
        """The class of the probe."""
        return type(self._probe).__name__

    def run(self) -> None:
        """Poll it, unless the observer is gone."""
        observer = self._observer()
        if observer is not None:
            self._probe.observe(observer)

    def apply(self, result: None) -> None:
        """Do nothing: the probe has recorded what it saw."""

    def ending(self) -> ProbeEnd | None:
        """Return what tells the probe that the observer has stopped, if it wants to know."""
        wants = callable(getattr(self._probe, "observer_stopped", None))
        return ProbeEnd(self._observer, self._probe) if wants else None


class ProbeEnd(ProbeTask):
    """Tells a probe that the observer has stopped. Thread-safe as the probe is."""

    def run(self) -> None:
        """Tell it, unless the observer is gone."""
        observer = self._observer()
        if observer is not None:
            told: Any = self._probe
            told.observer_stopped(observer)
