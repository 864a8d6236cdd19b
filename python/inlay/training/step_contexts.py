"""Contexts whose time counts to a phase or a step, and loaders that are waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from inlay.training.recorder import Recorder

__all__ = ["Data", "Phase", "Step"]


class Phase:
    """Enters and leaves a phase. Of one thread."""

    __slots__ = ("_enter", "_index", "_leave")

    def __init__(self, recorder: Recorder, index: int) -> None:
        self._enter = recorder._enter
        self._leave = recorder._leave
        self._index = index

    def __enter__(self) -> None:
        """Begin."""
        self._enter(self._index)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        self._leave()


class Step:
    """Begins and ends a step. Of one thread."""

    __slots__ = ("_recorder", "number", "samples", "tokens")

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.number: int | None = None
        self.tokens: int | None = None
        self.samples: int | None = None

    def __enter__(self) -> None:
        """Begin."""
        self._recorder.begin_step(self.number, tokens=self.tokens, samples=self.samples)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End, or give the step up if it raised."""
        if kind is None:
            self._recorder.end_step()
        else:
            self._recorder.abandon_step()


class Data:
    """A loader whose waits are measured; each pass over it is an epoch."""

    def __init__(self, recorder: Recorder, loader: Iterable[Any]) -> None:
        self._recorder = recorder
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __iter__(self) -> Iterator[Any]:
        recorder = self._recorder
        recorder._next_epoch()
        wait = recorder.phase("data_wait")
        with wait:
            batches = iter(self._loader)
        while True:
            with wait:
                try:
                    batch = next(batches)
                except StopIteration:
                    return
            yield batch
