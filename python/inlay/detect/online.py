"""What all online detectors share: a native state that values are shown to one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from inlay.detect.rows import refuse_columns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["OnlineDetector"]


class OnlineDetector:
    """Base of the online detectors: values in, alarms out, one at a time or many.

    After an alarm a detector starts anew with the next value. None, NaN and infinities change
    nothing and are counted in `ignored_count`. However the values are cut into calls, the state and
    the alarms are the same bit for bit. Any thread may use an object at any time; calls on one
    object take turns.

    A detector sees rows, not points, so what it finds cannot be replayed from files: an alarm that
    is to be kept becomes an event, with `event_attributes`.
    """

    __module__ = "inlay.detect"
    __slots__ = ("_native",)

    _native: Any
    _NATIVE: ClassVar[Any]
    _PARAMETERS: ClassVar[tuple[str, ...]]

    @classmethod
    def _of(cls, native: Any) -> Self:
        detector = cls.__new__(cls)
        detector._native = native
        return detector

    def _make(self, **given: Any) -> Any:
        """Return a native state made with these arguments."""
        try:
            return self._NATIVE(**given)
        except TypeError as error:
            values = ", ".join(f"{name}={value!r}" for name, value in given.items())
            message = f"{type(self).__name__} takes numbers within their ranges: {values}"
            raise TypeError(message) from error

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Raises
        ------
        SerializationError
            If no `to_bytes` of this class wrote them, or that of a newer version.
        """
        return cls._of(cls._NATIVE.from_bytes(data))

    def update(self, value: float | None) -> bool:
        """Show one value.

        Parameters
        ----------
        value : float, int, bool or None

        Returns
        -------
        bool
            Whether it raised an alarm.

        Raises
        ------
        TypeError
            If it is no number.
        InvalidArgumentError
            If the detector watches errors, and the value is finite but not 0 or 1; nothing changed
            then.
        """
        try:
            alarm: bool = self._native.update(value)
        except TypeError as error:
            message = f"{type(self).__name__} watches numbers, got {type(value).__name__}"
            raise TypeError(message) from error
        return alarm

    def update_many(self, values: Any) -> npt.NDArray[np.int64]:
        """Show many values and return where the alarms were.

        Parameters
        ----------
        values : array-like, shape (n,)
            A buffer of floats, integers or booleans (numpy array, memoryview, …) with any strides;
            an Arrow array or chunked array; what has ``__array__``; or a sequence of numbers and
            None.

        Returns
        -------
        numpy.ndarray of int64
            Places of the alarms within `values`, from 0, nulls counted.

        Raises
        ------
        TypeError
            If they are not numbers, or byte-swapped.
        InvalidArgumentError
            If they have more than one dimension: a detector watches one stream. If the detector
            watches errors, and a value is finite but not 0 or 1; nothing changed then.

        Notes
        -----
        Releases the GIL above a few thousand values.
        """
        import numpy as np

        return np.frombuffer(
            self._native.update_many(refuse_columns(values))[0], dtype=np.int64
        ).copy()

    def update_many_with_warnings(
        self, values: Any
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Show many values and return where the alarms were and where warnings began.

        Parameters
        ----------
        values : array-like, shape (n,)
            As for `update_many`.

        Returns
        -------
        alarms, warnings : numpy.ndarray of int64
            Places within `values`. A detector without a warning level never warns.

        Raises
        ------
        TypeError, InvalidArgumentError
            As `update_many`.
        """
        import numpy as np

        alarms, warnings = self._native.update_many(refuse_columns(values))
        return (
            np.frombuffer(alarms, dtype=np.int64).copy(),
            np.frombuffer(warnings, dtype=np.int64).copy(),
        )

    def reset(self) -> None:
        """Return to the state it was made in, counts included."""
        self._native.reset()

    def copy(self) -> Self:
        """Return an independent copy."""
        return self._of(self._native.copy())

    def to_bytes(self) -> bytes:
        """Return the state in inlay's versioned format: equal states give equal bytes."""
        data: bytes = self._native.to_bytes()
        return data

    @property
    def drift_detected(self) -> bool:
        """Whether the last value that was not ignored raised an alarm."""
        detected: bool = self._native.drift_detected
        return detected

    @property
    def warning_detected(self) -> bool:
        """Whether the stream is in the warning zone; False for detectors without one."""
        detected: bool = self._native.warning_detected
        return detected

    @property
    def undefined_reason(self) -> str | None:
        """Why it can say nothing, None if it can.

        ``"insufficient"``: fewer values than it needs since it began or started anew.
        ``"constant"``: the values have no spread to measure a shift by. ``"overflow"``: values so
        large that a sum left the range of float64; only `reset` helps.
        """
        reason: str | None = self._native.undefined_reason
        return reason

    @property
    def count(self) -> int:
        """Number of values shown since it was made or reset, without those ignored."""
        count: int = self._native.count
        return count

    @property
    def ignored_count(self) -> int:
        """Number of nulls, NaN and infinities shown."""
        count: int = self._native.ignored_count
        return count

    @property
    def drift_count(self) -> int:
        """Number of alarms."""
        count: int = self._native.drift_count
        return count

    @property
    def warning_count(self) -> int:
        """Number of times a warning began."""
        count: int = self._native.warning_count
        return count

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object takes; it never grows."""
        size: int = self._native.memory_bytes
        return size

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was made with, by name."""
        return dict(zip(self._PARAMETERS, self._native.parameters, strict=True))

    def event_attributes(self) -> dict[str, str | int | bool]:
        """Return what an event about an alarm should say, for `Observer.event`.

        Returns
        -------
        dict of str to str, int or bool
            ``detector``, its name; ``parameters``, as JSON; ``value_count`` and ``drift_count``,
            the values and alarms so far, this one included; ``replayable``, False: points do not
            hold the rows that the detector saw.
        """
        import json

        return {
            "detector": type(self).__name__,
            "parameters": json.dumps(self.parameters, sort_keys=True),
            "value_count": self.count,
            "drift_count": self.drift_count,
            "replayable": False,
        }

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same state and so alarm alike from here on."""
        if not isinstance(other, type(self)):
            return NotImplemented
        equal: bool = self._native.equals(other._native)
        return equal

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __copy__(self) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __deepcopy__(self, memo: object) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again from bytes."""
        return type(self).from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        """Return a line with the parameters and the counts."""
        native = self._native.copy()  # so that all of it belongs to one moment
        given = ", ".join(
            f"{name}={value!r}"
            for name, value in zip(self._PARAMETERS, native.parameters, strict=True)
        )
        return (
            f"<inlay.detect.{type(self).__name__}({given}): "
            f"{native.drift_count} alarms in {native.count} values>"
        )
