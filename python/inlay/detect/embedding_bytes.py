"""The bytes of an `Embedding`, which are not trusted when they are read.

Version 1, little-endian: the magic "inEM" and the version byte; dimensions, frequencies and seed as
32-bit integers, the bandwidth as a double, whether the covariance is full as a byte, rows and rows
left out as 64-bit integers. With rows there follow doubles: the mean; the sums of outer products,
of a full one its upper triangle row by row; the mean cosines and the mean sines.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

from inlay._exceptions import InvalidArgumentError, SerializationError

if TYPE_CHECKING:
    from inlay.detect.embedding import Embedding

    Made = TypeVar("Made", bound=Embedding)

__all__ = ["read", "write"]

_MAGIC = b"inEM\x01"
_HEAD = struct.Struct("<5sIIIdBQQ")
_MOST_ROWS = 1 << 53
_MOST_WITHOUT_ROWS = 1 << 13  # dimensions of a full covariance, half a gigabyte, that are zeros


def write(embedding: Embedding) -> bytes:
    """Return the bytes of a state that does not change meanwhile."""
    import numpy as np

    sums = embedding._sums
    head = _HEAD.pack(
        _MAGIC,
        embedding.dims,
        embedding._frequencies,
        embedding._seed,
        embedding._bandwidth,
        embedding._full,
        sums.count,
        sums.left_out,
    )
    if sums.count == 0:
        return head
    scatter = sums.scatter
    if sums.full:
        scatter = scatter[np.triu_indices(embedding.dims)]
    parts = (sums.mean, scatter, sums.cosines, sums.sines)
    return head + np.concatenate(parts).astype("<f8").tobytes()


def read(cls: type[Made], data: bytes) -> Made:
    """Return what `write` wrote.

    Raises
    ------
    SerializationError
        If it did not, or in a newer version.
    """
    import numpy as np

    view = memoryview(data).cast("B")
    if view[:4] != _MAGIC[:4]:
        message = f"the bytes of an Embedding do not begin like one: {bytes(view[:4])!r}"
        raise SerializationError(message)
    if len(view) > 4 and view[4] != _MAGIC[4]:
        message = f"the bytes of an Embedding have another version than 1: {view[4]}"
        raise SerializationError(message)
    if len(view) < _HEAD.size:
        message = f"the bytes of an Embedding are cut short: {len(view)} of {_HEAD.size}"
        raise SerializationError(message)
    _, dims, frequencies, seed, bandwidth, full, count, left_out = _HEAD.unpack_from(view)
    if full > 1 or count > _MOST_ROWS or left_out > _MOST_ROWS:
        message = f"the bytes of an Embedding hold no such counts: {(full, count, left_out)}"
        raise SerializationError(message)
    scatter_size = dims * (dims + 1) // 2 if full else dims
    size = dims + scatter_size + 2 * frequencies if count else 0
    if len(view) != _HEAD.size + 8 * size:
        message = f"the bytes of an Embedding must be {_HEAD.size + 8 * size}: {len(view)}"
        raise SerializationError(message)
    if count == 0 and full and dims > _MOST_WITHOUT_ROWS:
        # A few bytes must not take gigabytes.
        message = f"the bytes of an Embedding without rows have too many dimensions: {dims}"
        raise SerializationError(message)
    try:
        made = cls(
            dims,
            bandwidth=bandwidth,
            frequencies=frequencies,
            seed=seed,
            covariance="full" if full else "diagonal",
        )
    except InvalidArgumentError as error:
        message = f"the bytes of an Embedding hold no such parameters: {error}"
        raise SerializationError(message) from error
    sums = made._sums
    sums.left_out = left_out
    if count == 0:
        return made
    numbers = np.frombuffer(view, dtype="<f8", offset=_HEAD.size).astype(np.float64)
    sums.count = count
    sums.mean = numbers[:dims].copy()
    scatter = numbers[dims : dims + scatter_size]
    if full:
        upper = np.triu_indices(dims)
        sums.scatter[upper] = scatter
        sums.scatter.T[upper] = scatter
    else:
        sums.scatter = scatter.copy()
    sums.cosines = numbers[dims + scatter_size : size - frequencies].copy()
    sums.sines = numbers[size - frequencies :].copy()
    variances = np.diag(sums.scatter) if full else sums.scatter
    with np.errstate(over="ignore", invalid="ignore"):
        moduli = sums.cosines**2 + sums.sines**2
    if not (
        np.isfinite(numbers).all() and (variances >= 0.0).all() and (moduli < 1.0 + 1e-9).all()
    ):
        message = f"the bytes of an Embedding hold numbers that no rows give; rows: {count}"
        raise SerializationError(message)
    return made
