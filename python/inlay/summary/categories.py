"""Counts of the names of a fixed list."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from inlay import _core
from inlay._cuda_runtime import is_device_array
from inlay._exceptions import InvalidArgumentError
from inlay.summary._device import DeviceSummary, Monitors
from inlay.summary._reference import check_reference_id, counts_of, hash_of_names
from inlay.summary._row import given, html_table, one_row_table

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow

__all__ = ["Categories"]

_BEYOND = 1e16  # from here on Python writes floats with an exponent
_INTEGER = re.compile("0|-?[1-9][0-9]*")


class Categories(DeviceSummary):
    """Exact counts of the names of a fixed list, and of everything else together.

    Parameters
    ----------
    names : sequence of str
        1 to 1,000,000 different names, whose order is kept. Numbers and booleans stand for their
        names, see Notes.
    values : array-like, optional
        First values, as for `update`.

    Raises
    ------
    InvalidArgumentError
        If there are no names or too many, two are equal, or one is null, NaN or no Unicode text;
        the message names it and its position.
    TypeError
        If a name or a value is of another kind.

    Notes
    -----
    A value is counted under its name. Text has itself as its name and is compared byte for byte;
    an integer has its digits, ``"3"``, a boolean ``"True"`` or ``"False"``. A float has its `str`,
    ``"0.1"``, ``"1e+16"``, ``"inf"``, unless it is whole and below 1e16 in magnitude: it is then
    named as the integer, ``"3"`` and never ``"3.0"``, since a column of integers turns into floats
    as soon as one is missing. NaN has no name; it counts as missing, as null does. Arrow's dates
    and times are named by their integers.

    Counts do not depend on the order of values. Merging is commutative and associative up to the
    order of names. About 80 bytes a name. Any thread may use an object at any time; calls on one
    object take turns.

    Examples
    --------
    >>> import inlay
    >>> colors = inlay.Categories(["red", "green"], ["red", "blue", "red", None])
    >>> colors.counts, colors.other, colors.missing
    ([2, 0], 1, 1)
    """

    __module__ = "inlay"
    __slots__ = ("_fractions",)

    _native: _core.Categories
    _fractions: str  # the first name that only a float has which is no whole number

    def __init__(self, names: Any, values: Any = None) -> None:
        self._host = _core.Categories(_names(names))
        if values is not None:
            self.update(values)

    @classmethod
    def of(cls, values: Any, *, most: int = 100) -> Categories:
        """Return a reference: the most frequent names of a sample, and its counts.

        Parameters
        ----------
        values : array-like, shape (n,)
            The sample, as for `update`.
        most : int, default 100
            How many names at most.

        Returns
        -------
        Categories
            The most frequent name first, equally frequent ones in the order of their UTF-8 bytes;
            all others are counted in `other`. ``Categories(reference.names)`` is an empty one to
            compare.

        Raises
        ------
        InvalidArgumentError
            If `most` is below 1, no value has a name, or one chosen is no UTF-8.

        Notes
        -----
        O(n) time; memory for all different names while it runs.

        Examples
        --------
        >>> import inlay
        >>> reference = inlay.Categories.of(["b", "a", "c", "b"], most=2)
        >>> reference.names, reference.counts, reference.other
        (['b', 'a'], [2, 1], 1)
        """
        if most < 1:
            message = f"most must be 1 or more: {most!r}"
            raise InvalidArgumentError(message)
        try:
            return cls._of(_core.Categories.of(values, most=most))
        except UnicodeEncodeError as error:
            raise _no_text(values, error) from None

    @classmethod
    def from_bytes(cls, data: bytes) -> Categories:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.

        Returns
        -------
        Categories

        Raises
        ------
        SerializationError
            If no `to_bytes` wrote them, or that of a newer version.
        """
        return cls._of(_core.Categories.from_bytes(data))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Categories:
        """Return the categories that a row of points holds, for instance to merge rows.

        Parameters
        ----------
        row : mapping of str to value
            With the names `to_arrow` gives; others are ignored. ``categories`` and ``counts`` must
            be there, absent or None counts of other kinds are 0. `count` follows and is not looked
            at.

        Returns
        -------
        Categories

        Raises
        ------
        InvalidArgumentError
            If ``categories`` cannot be names, there is not one count more, a count is negative, or
            ``reference_id`` is there and is that of other names.

        Examples
        --------
        >>> import inlay
        >>> table = inlay.Categories(["a"], ["a", "b"]).to_arrow()
        >>> inlay.Categories.from_row(table.to_pylist()[0]).other
        1
        """
        names = _names(given(row, "categories", []))
        counts = counts_of(row)
        if len(counts) != len(names) + 1:
            message = f"there must be one count more than categories ({len(names)}): {len(counts)}"
            raise InvalidArgumentError(message)
        check_reference_id(row, hash_of_names(names))
        return cls._of(
            _core.Categories.from_fields(
                names=names,
                counts=counts[:-1],
                other=counts[-1],
                null_count=given(row, "null_count", 0),
                nan_count=given(row, "nan_count", 0),
            )
        )

    def update(self, values: Any, *, weights: Any = None, stream: Any = None) -> None:
        """Count one value or many.

        Parameters
        ----------
        values : str, int, float, bool, None, or array-like of them, shape (n,)
            One item; a numpy array of text, integers, floats or booleans; an Arrow array or chunked
            array, dictionaries included; what has ``__array__``; or a sequence, which may mix them.
            A tensor on a CUDA device (PyTorch, CuPy, JAX, Numba, whatever has DLPack or
            ``__cuda_array_interface__``) is counted where it is: integers,
            booleans, and floats if all names are such as whole numbers have.
        weights : int or array-like of integers, shape (n,), optional
            How often each value counts, nulls included: 0 or more. 1 by default.
            Not for tensors on a device.
        stream : int or object, optional
            For a tensor on a CUDA device: the stream to work on, as an integer by the rules of
            ``__cuda_array_interface__`` or an object of PyTorch or CuPy; the producer's current one
            otherwise. Nothing to values on the host.

        Raises
        ------
        TypeError
            If the values are of another kind, such as decimals or nested ones; if a tensor on a
            device has weights.
        InvalidArgumentError
            If a text is no Unicode (a lone surrogate), weights are not as many as values, or one is
            negative, null or no integer (the message names it and its position), or if all counts
            would exceed 2**63 - 1. Nothing is counted then.
        CudaUnavailableError
            If they are on a CUDA device and kernels cannot run here.

        Notes
        -----
        About 20 ns for a text of an Arrow column, 10 for an integer; of a dictionary only the
        indices are counted, 1 to 2 ns each. Releases the GIL above a few thousand values.

        A tensor on a CUDA device is counted there: this enqueues a kernel and returns, without a
        copy or a wait, and may be captured in a CUDA graph. Whatever reads, merges, copies or
        pickles the summary then waits for the device. The memory must stay as it is until the
        kernel has run, as for any work on a stream.
        """
        try:
            self._host.update(values, weights=weights)
        except UnicodeEncodeError as error:
            raise _no_text(values, error) from None
        except TypeError:
            self._update_device(values, stream, weights)

    def _update_device(self, values: Any, stream: Any, weights: Any = None) -> None:
        if not is_device_array(values):
            raise
        if getattr(self, "_fractions", None) is None:
            self._fractions = next(filter(_is_fraction, self._native.names), "")
        if self._fractions and "float" in str(getattr(values, "dtype", "float")):
            message = (
                "floats on a device are counted by names of whole numbers alone; there is the name "
                f"{self._fractions!r}"
            )
            raise TypeError(message)
        super()._update_device(values, stream, weights)

    def _monitors(self) -> Monitors:
        host = self._native
        names = host.names
        places = {name: place for place, name in enumerate(names)}
        codes = [int(name) for name in names if _INTEGER.fullmatch(name) and _is_64_bit(int(name))]

        def make(cuda: ModuleType, device: int) -> Any:
            return cuda.CategoryMonitor(codes, device=device)

        def take(monitor: Any) -> None:
            found, other, nan, falses, trues = monitor.take()
            counts = [0] * len(names)
            for code, count in zip(codes, found, strict=True):
                counts[places[str(code)]] = count
            for name, count in (("False", falses), ("True", trues)):
                if name in places:
                    counts[places[name]] = count
                else:
                    other += count
            host.merge(
                _core.Categories.from_fields(
                    names=names, counts=counts, other=other, null_count=0, nan_count=nan
                )
            )

        return Monitors(make, take)

    def merge(self, other: Categories) -> None:
        """Add what others of the same names counted, whatever their order.

        Parameters
        ----------
        other : Categories
            It is not changed. The order of names here stays.

        Raises
        ------
        InvalidArgumentError
            If the names are not the same; the message names the first that differs. Nothing is
            added then.
        """
        self._native.merge(self._native_of(other))

    def reset(self) -> None:
        """Forget the counts and keep the names."""
        self._native.reset()

    @property
    def names(self) -> list[str]:
        """The names, in their order."""
        return self._native.names

    @property
    def counts(self) -> list[int]:
        """The count of each name, without `other`."""
        return self._native.counts

    @property
    def other(self) -> int:
        """Number of values whose name is not in the list."""
        return self._native.other

    @property
    def count(self) -> int:
        """Number of values that have a name, in the list or not."""
        return self._native.count

    @property
    def missing(self) -> int:
        """Number of nulls and NaN."""
        return self._native.missing

    @property
    def null_count(self) -> int:
        """Number of nulls."""
        return self._native.null_count

    @property
    def nan_count(self) -> int:
        """Number of NaN."""
        return self._native.nan_count

    @property
    def reference_id(self) -> str:
        """What tells these names from others, in this order: 16 hexadecimal digits.

        They are the first of the SHA-256 of ``"categories"``, 0x1f and the names as a JSON array
        in canonical form (RFC 8785). Rows with equal ones add up.
        """
        return hash_of_names(self._native.names)

    @property
    def memory_bytes(self) -> int:
        """Bytes the native object takes, its names and tables included, which copies share."""
        return self._native.memory_bytes

    def _row(self) -> dict[str, Any]:
        native = self._native.copy()  # so that all fields belong to one moment
        names = native.names
        return {
            "count": native.count,
            "null_count": native.null_count,
            "nan_count": native.nan_count,
            "categories": names,
            "counts": [*native.counts, native.other],
            "reference_id": hash_of_names(names),
        }

    def to_arrow(self) -> pyarrow.Table:
        """Return the columns of a row of points, of kind ``categories``, that this summary fills.

        Returns
        -------
        pyarrow.Table, one row
            ``count``, ``null_count``, ``nan_count`` (int64), ``categories`` (list of utf8),
            ``counts`` (list of int64, one more than categories: the last is `other`),
            ``reference_id`` (utf8).
        """
        return one_row_table(self._row())

    def __len__(self) -> int:
        """Return `count`."""
        return self.count

    def __repr__(self) -> str:
        """Return a line with the count, the most frequent names and what is in none."""
        native = self._native.copy()
        names = native.names
        kinds = f"{len(names)} name{'' if len(names) == 1 else 's'}"
        if native.count == 0:
            return f"<inlay.Categories of no values, {kinds}>"
        counted = zip(native.counts, names, strict=True)
        first = sorted((pair for pair in counted if pair[0]), key=lambda pair: -pair[0])[:3]
        marks = "".join(f"{name[:40]!r} {count}, " for count, name in first)
        return f"<inlay.Categories of {native.count}: {marks}other {native.other}, {kinds}>"

    def _repr_html_(self) -> str:
        return html_table("inlay.Categories", self._row())


def _is_64_bit(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _is_fraction(name: str) -> bool:
    try:
        return not _INTEGER.fullmatch(name) and str(float(name)) == name and name != "nan"
    except ValueError:
        return False


def _names(names: Any) -> list[str]:
    if isinstance(names, str | bytes):
        message = f"expected a sequence of names, got one: {names!r}"
        raise TypeError(message)
    # Items of arrays are then Python's own, whose kinds are known.
    listed: Iterable[Any] = names.tolist() if hasattr(names, "tolist") else names
    return [_name(item, position) for position, item in enumerate(listed)]


def _name(item: Any, position: int) -> str:
    """Return the name of an item, as the native core names what is counted."""
    if hasattr(item, "item"):  # a numpy scalar
        item = item.item()
    if isinstance(item, str):
        try:
            item.encode()
        except UnicodeEncodeError:
            message = f"names must be Unicode text; at position {position}: {item!a}"
            raise InvalidArgumentError(message) from None
        return item
    if item is None or item != item:
        message = f"names must not be missing; at position {position}: {item!r}"
        raise InvalidArgumentError(message)
    if isinstance(item, bool):
        return str(item)
    if isinstance(item, float):
        return str(int(item) if item.is_integer() and abs(item) < _BEYOND else float(item))
    try:
        return str(operator.index(item))
    except TypeError:
        message = f"expected names, got at position {position}: {item!r}"
        raise TypeError(message) from None


def _no_text(values: Any, error: UnicodeEncodeError) -> InvalidArgumentError:
    """Say which of the values holds a lone surrogate."""
    items = [values] if isinstance(values, str) else list(values)
    position = next(i for i, item in enumerate(items) if str(item) == error.object)
    return InvalidArgumentError(
        f"values must be Unicode text; at position {position}: {error.object!a}"
    )
