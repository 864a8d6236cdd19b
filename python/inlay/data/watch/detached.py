"""The watch of an observer that keeps nothing, until there is one that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay.data.watch.watch import Watch

if TYPE_CHECKING:
    import datetime
    import os

    import pyarrow as pa

    from inlay.data.profile import Profile
    from inlay.data.watch.settings import WatchOptions
    from inlay.observer import Observer

__all__ = ["DetachedWatch"]


class DetachedWatch(Watch):
    """Has a watch's interface and counts nothing until it is attached. Thread-safe."""

    def __init__(
        self,
        name: str,
        reference: Profile | str | os.PathLike[str] | None,
        options: WatchOptions,
    ) -> None:
        self._name = name
        self._made_with = (reference, options)
        self._live: Watch | None = None
        self._shut = False

    def attach(self, observer: Observer) -> None:
        """Count with a watch of an observer from now on."""
        if not self._shut:
            reference, options = self._made_with
            self._live = observer._new_watch(self._name, reference, options)

    @property
    def name(self) -> str:
        """What the stream is called."""
        return self._name

    @property
    def closed(self) -> bool:
        """Whether it takes no more rows."""
        return self._shut if self._live is None else self._live.closed

    @property
    def watermark(self) -> float | None:
        """That of the watch it is attached to."""
        return None if self._live is None else self._live.watermark

    @property
    def open_panes(self) -> int:
        """Those of the watch it is attached to."""
        return 0 if self._live is None else self._live.open_panes

    @property
    def memory_bytes(self) -> int:
        """Those of the watch it is attached to."""
        return 0 if self._live is None else self._live.memory_bytes

    def kept_apart(self, reason: str) -> pa.Table:
        """Return what the watch it is attached to keeps apart."""
        import pyarrow as pa

        return pa.table({}) if self._live is None else self._live.kept_apart(reason)

    @property
    def counts_apart(self) -> dict[str, int]:
        """Those of the watch it is attached to."""
        return {} if self._live is None else self._live.counts_apart

    def update(
        self,
        data: Any,
        *,
        source: str | None = None,
        arrival: float | datetime.datetime | None = None,
        stream: Any = None,
    ) -> int:
        """Count nothing while detached."""
        if self._live is None:
            return 0
        return self._live.update(data, source=source, arrival=arrival, stream=stream)

    def tick(self) -> None:
        """Do nothing while detached."""
        if self._live is not None:
            self._live.tick()

    def close(self, *, discard: bool = False) -> None:
        """Close the watch it is attached to."""
        self._shut = True
        if self._live is not None:
            self._live.close(discard=discard)

    def save_state(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Save the watch it is attached to; nothing, as no bytes, while detached."""
        return b"" if self._live is None else self._live.save_state(path)

    def load_state(self, source: bytes | str | os.PathLike[str]) -> None:
        """Let the watch it is attached to go on where a state ends."""
        if self._live is not None:
            self._live.load_state(source)

    def __repr__(self) -> str:
        """Show whether it counts."""
        return f"<inlay.Watch {self._name!r}: no-op>" if self._live is None else repr(self._live)
