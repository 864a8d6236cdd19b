"""What accumulators have in common: one segment of a native state, and names of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from inlay._exceptions import InvalidArgumentError, SerializationError
from inlay.model.class_codes import class_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow

    from inlay.model.metrics import Metrics

__all__ = ["Accumulator", "NamedAccumulator"]


class Accumulator:
    """Counts rows in segment 0 of a native state.

    Any thread may use an object at any time; calls on one object take turns, without the GIL if
    they are long.
    """

    __module__ = "inlay.model"
    __slots__ = ("__weakref__", "_native")

    _states: ClassVar[Any]
    _native: Any

    @classmethod
    def _of(cls, native: Any) -> Self:
        made = cls.__new__(cls)
        made._native = native
        return made

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        rows: int = self._native.rows()
        return rows

    @property
    def rejected(self) -> dict[str, int]:
        """How many rows were left out, by what was wrong with them; the first that holds counts."""
        counted: dict[str, int] = self._native.counted()
        return counted

    def merge(self, other: Self) -> None:
        """Add what another object counted.

        Parameters
        ----------
        other : of the same type
            It is not changed.

        Raises
        ------
        InvalidArgumentError
            If it has other settings.
        TypeError
            If it is of another type.
        """
        if type(other) is not type(self):
            message = f"expected a {type(self).__name__}, got {type(other).__name__}"
            raise TypeError(message)
        self._native.merge(other._native)

    def reset(self) -> None:
        """Forget everything counted so far."""
        self._native.reset()

    def copy(self) -> Self:
        """Return an independent copy."""
        return self._of(self._native.copy())

    def compute(self, *, confidence: float = 0.95) -> Metrics:
        """Return all metrics.

        Parameters
        ----------
        confidence : float, default 0.95
            Of the two-sided intervals.

        Returns
        -------
        Metrics

        Raises
        ------
        InvalidArgumentError
            If the confidence does not lie between 0 and 1.
        """
        raise NotImplementedError

    def to_arrow(self) -> pyarrow.Table:
        """Return `compute()` as a table, see `Metrics.to_arrow`."""
        return self.compute().to_arrow()

    def to_bytes(self) -> bytes:
        """Return the state; equal states give equal bytes, on every machine."""
        data: bytes = self._native.to_bytes()
        return data

    @classmethod
    def from_bytes(cls, data: Any) -> Self:
        """Return the object that `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like

        Raises
        ------
        SerializationError
            If they are not what it wrote, of a newer version, of another task, or of several
            segments.
        """
        native = cls._states.from_bytes(data)
        if native.segments > 1:
            message = f"the bytes are of several segments: {native.segments}"
            raise SerializationError(message)
        return cls._of(native)

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return type(self).from_bytes, (self.to_bytes(),)

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        equal: bool = self._native.equals(other._native)
        return equal

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rejected = sum(self.rejected.values())
        return f"{type(self).__name__}(rows={self.rows}, rejected={rejected})"

    def _repr_html_(self) -> str:
        return self.compute()._repr_html_()


class NamedAccumulator(Accumulator):
    """One whose classes or labels may have names, which its native state does not hold."""

    __slots__ = ("_count", "_names")

    _named: ClassVar[str]  # what has names: the setting and the property
    _names: tuple[Any, ...] | None
    _count: int

    @classmethod
    def _of(cls, native: Any) -> Self:
        made = super()._of(native)
        made._names, made._count = None, native.settings[cls._named]
        return made

    @property
    def _shown(self) -> tuple[Any, ...]:
        """The names, 0 and so on unless given."""
        return tuple(range(self._count)) if self._names is None else self._names

    def merge(self, other: Self) -> None:
        """Add what another object counted.

        Parameters
        ----------
        other : of the same type
            It is not changed.

        Raises
        ------
        InvalidArgumentError
            If it has other settings or names.
        TypeError
            If it is of another type.
        """
        if type(other) is type(self) and other._names != self._names:
            message = f"{self._named} differ: {self._shown!r} and {other._shown!r}"
            raise InvalidArgumentError(message)
        super().merge(other)

    def copy(self) -> Self:
        """Return an independent copy."""
        copied = super().copy()
        copied._names = self._names
        return copied

    @classmethod
    def _restored(cls, data: Any, names: Sequence[Any] | None) -> Self:
        """Return the object whose state and names these are."""
        made = super().from_bytes(data)
        made._names = None if names is None else class_names(names)
        if made._names is not None and len(made._names) != made._count:
            message = f"the bytes are of {made._count} {cls._named}, not {len(made._names)}"
            raise InvalidArgumentError(message)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._restored, (self.to_bytes(), self._names)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._names == other._names and super().__eq__(other)

    __hash__ = None
