"""What every summary is to Python: a native state that is compared, copied and pickled by value."""

from __future__ import annotations

from typing import Any, Self

__all__ = ["Summary"]


class Summary:
    """Base of the summaries: holds the native state, speaks Python's protocols for it."""

    __slots__ = ("_native",)

    _native: Any

    @classmethod
    def _of(cls, native: Any) -> Self:
        summary = cls.__new__(cls)
        summary._native = native
        return summary

    def _native_of(self, other: Any) -> Any:
        """Return the native state of another summary of this class, to merge."""
        if not isinstance(other, type(self)):
            message = f"expected a {type(self).__name__} to merge, got {type(other).__name__}"
            raise TypeError(message)
        return other._native

    def copy(self) -> Self:
        """Return an independent copy."""
        return self._of(self._native.copy())

    def to_bytes(self) -> bytes:
        """Return the state in inlay's versioned format: equal states give equal bytes."""
        data: bytes = self._native.to_bytes()
        return data

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same state."""
        if not isinstance(other, type(self)):
            return NotImplemented
        equal: bool = self._native.equals(other._native)
        return equal

    __hash__ = None  # type: ignore[assignment]  # a state that changes

    def __bool__(self) -> bool:
        """Return True, an empty one included."""
        return True

    def __copy__(self) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __deepcopy__(self, memo: object) -> Self:
        """Return an independent copy."""
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again from bytes."""
        return type(self).from_bytes, (self.to_bytes(),)  # type: ignore[attr-defined]
