"""What estimators without labels share: a fitted reference, an open chunk, and where they go."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from inlay._arguments import non_empty
from inlay._exceptions import InvalidArgumentError
from inlay.model.estimated.array_bytes import whole_file
from inlay.model.estimated.estimated_metrics import EstimatedMetrics
from inlay.model.estimated.estimated_points import ATTRIBUTES, add_points
from inlay.model.series_names import checked_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow

    from inlay.model.estimate import Estimate
    from inlay.observer import Observer

__all__ = ["Chunk", "ChunkEstimator"]

_ASSUMES = "no_concept_drift"


class Chunk(Protocol):
    """What rows without labels are counted into."""

    left_out: dict[str, int]

    @property
    def rows(self) -> int:
        """Rows that were counted."""

    def merge(self, other: Any, /) -> None:
        """Add another one of the same reference."""


class _Model(Protocol):
    def chunk(self) -> Chunk: ...
    def fit_bytes(self) -> bytes: ...


ModelT = TypeVar("ModelT", bound=_Model)


class ChunkEstimator(ABC, Generic[ModelT]):
    """Base of `CBPE` and `DLE`. Any thread may use an object at any time."""

    __slots__ = (
        "__weakref__",
        "_attributes",
        "_chunk",
        "_confidence",
        "_lock",
        "_model",
        "_name",
        "_reference_id",
        "_since",
    )

    assumption: ClassVar[str]

    def __init__(
        self, *, confidence: float, name: str, attributes: Mapping[str, str] | None
    ) -> None:
        if not (isinstance(confidence, float) and 0.0 < confidence < 1.0):
            message = f"confidence must lie between 0 and 1: {confidence!r}"
            raise InvalidArgumentError(message)
        self._confidence = confidence
        self._name = non_empty("name", name)
        self._attributes = checked_attributes(attributes, taken=ATTRIBUTES)
        self._lock = Lock()
        self._since: int | None = None
        self._model: ModelT | None = None
        self._chunk: Any = None  # of the model's kind
        self._reference_id = ""

    # ---- the reference -----------------------------------------------------------------------
    def _fitted(self, model: ModelT) -> None:
        content = type(self).__name__.lower().encode() + b"\x1f" + model.fit_bytes()
        with self._lock:
            self._model = model
            self._chunk = model.chunk()
            self._reference_id = hashlib.sha256(content).hexdigest()[:16]

    def _of_reference(self) -> ModelT:
        model = self._model
        if model is None:
            kind = type(self).__name__
            message = f"a {kind} must be fitted to a reference first: by its method fit"
            raise InvalidArgumentError(message)
        return model

    @property
    def reference_id(self) -> str:
        """Hash of what was fitted: chunks of equal ones merge.

        Raises
        ------
        InvalidArgumentError
            If no reference is fitted.
        """
        self._of_reference()
        return self._reference_id

    # ---- chunks ------------------------------------------------------------------------------
    @abstractmethod
    def _estimates(self, model: ModelT, chunk: Any) -> Mapping[str, Estimate]:
        """Return the figures of a chunk that nobody changes."""

    def _figures(self, model: ModelT, chunk: Any) -> EstimatedMetrics:
        return EstimatedMetrics(
            self._estimates(model, chunk),
            assumption=self.assumption,
            left_out=chunk.left_out,
        )

    def _add(self, model: ModelT, more: Chunk) -> None:
        with self._lock:
            if self._model is not model:
                message = "another reference was fitted while rows were counted"
                raise InvalidArgumentError(message)
            self._chunk.merge(more)

    def _snapshot(self) -> tuple[ModelT, Any, str]:
        """Return the model, a copy of the open chunk, and the reference's identity."""
        self._of_reference()
        with self._lock:
            model = self._of_reference()
            chunk = model.chunk()
            chunk.merge(self._chunk)
            return model, chunk, self._reference_id

    def compute(self) -> EstimatedMetrics:
        """Return what the open chunk is estimated to come to, as `estimate` does."""
        model, chunk, _ = self._snapshot()
        return self._figures(model, chunk)

    @property
    def rows(self) -> int:
        """Rows in the open chunk; 0 without a reference."""
        with self._lock:
            return 0 if self._chunk is None else int(self._chunk.rows)

    def reset(self) -> None:
        """Empty the open chunk; the reference stays."""
        with self._lock:
            if self._model is not None:
                self._chunk = self._model.chunk()

    def merge(self, other: Self) -> None:
        """Add another object's open chunk, which is not changed.

        Raises
        ------
        InvalidArgumentError
            If its reference is another one.
        TypeError
            If it is of another class.
        """
        if type(other) is not type(self):
            message = f"expected a {type(self).__name__} to merge, got {type(other).__name__}"
            raise TypeError(message)
        _, theirs, identity = other._snapshot()
        self._of_reference()
        with self._lock:
            if self._reference_id != identity:
                both = f"{self._reference_id} and {identity}"
                message = f"chunks of two references do not merge: {both}"
                raise InvalidArgumentError(message)
            self._chunk.merge(theirs)

    def copy(self) -> Self:
        """Return an independent copy, the open chunk included."""
        return self.from_bytes(self.to_bytes())

    def to_arrow(self) -> pyarrow.Table:
        """Return `compute` as a table, as `EstimatedMetrics.to_arrow` does."""
        return self.compute().to_arrow()

    # ---- where it goes -----------------------------------------------------------------------
    @abstractmethod
    def to_bytes(self) -> bytes:
        """Return settings, what was fitted and the open chunk as bytes."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, data: Any) -> Self:
        """Return what `to_bytes` wrote."""

    def save(self, path: str | Path) -> None:
        """Write `to_bytes` to a file, whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        whole_file(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return what `save` wrote.

        Raises
        ------
        OSError
            If the file cannot be read.
        SerializationError
            If it is none.
        """
        return cls.from_bytes(Path(path).read_bytes())

    def observe(self, observer: Observer, /) -> None:
        """Hand the open chunk's figures to an observer's window: makes this object a probe.

        ``observer.probe(estimator)`` calls it before each cut. From then on the open chunk is the
        open window.

        Parameters
        ----------
        observer : Observer
            Rows of layer ``model``, kind ``estimate`` and form ``derived`` go to its ``points``:
            ``<name>.estimated.<figure>`` with ``value``, ``min`` and ``max`` (the interval),
            ``count`` and the attribute ``assumes``, ``no_concept_drift``; an undefined one has its
            reason in ``categories``. Rows left out go to the counter ``<name>.estimated.rejected``.
            A window without rows has none.
        """
        import pyarrow  # noqa: F401 - before anything is taken: the first time is slow

        now = observer.core.now_us()
        start = now if self._since is None else self._since
        self._since = now
        with self._lock:
            model, chunk = self._model, self._chunk
            if model is None or not (chunk.rows or chunk.left_out):
                return
            self._chunk = model.chunk()
            identity = self._reference_id
        add_points(
            observer,
            self._name,
            self._attributes,
            self._figures(model, chunk),
            assumes=_ASSUMES,
            reference_id=identity,
            start=start,
            end=now,
        )

    # ---- Python's protocols ------------------------------------------------------------------
    def __eq__(self, other: object) -> bool:
        """Return whether settings, reference and open chunk are equal."""
        if not isinstance(other, type(self)):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Self:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self.to_bytes(),)
