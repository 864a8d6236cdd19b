"""What single rows of logits came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow

__all__ = ["OUT_COLUMNS", "LogitsRows"]

OUT_COLUMNS = ("entropy", "top1", "top2", "margin", "log_prob", "rank", "masked", "nonfinite")
"""The columns of the array that `Logits.update` writes to, ``out``."""

_UNDEFINED = (None, "masked", "nonfinite")
_CHOSEN = (None, "given", "out_of_range")


class LogitsRows:
    """The results of each row of a batch of logits, on request (``Logits(per_row=True)``).

    Attributes
    ----------
    entropy, top1, top2, margin : numpy.ndarray of float32, shape (rows,)
        NaN where the row is undefined.
    log_prob : numpy.ndarray of float32, shape (rows,)
        NaN also where no token was chosen.
    rank : numpy.ndarray of uint32, shape (rows,)
        0 where there is none.
    masked, nonfinite : numpy.ndarray of uint32, shape (rows,)
        Entries that are masked, and that are NaN or positive infinity.
    defined : numpy.ndarray of bool, shape (rows,)
        Whether the row has a softmax.
    """

    __module__ = "inlay.model"
    __slots__ = (
        "_chosen",
        "_undefined",
        "defined",
        "entropy",
        "log_prob",
        "margin",
        "masked",
        "nonfinite",
        "rank",
        "top1",
        "top2",
    )

    entropy: npt.NDArray[np.float32]
    top1: npt.NDArray[np.float32]
    top2: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    log_prob: npt.NDArray[np.float32]
    rank: npt.NDArray[np.uint32]
    masked: npt.NDArray[np.uint32]
    nonfinite: npt.NDArray[np.uint32]
    defined: npt.NDArray[np.bool_]

    def __init__(self, columns: tuple[bytes, ...]) -> None:
        import numpy as np

        for name, data in zip(OUT_COLUMNS[:5], columns[:5], strict=True):
            setattr(self, name, np.frombuffer(data, np.float32))
        for name, data in zip(OUT_COLUMNS[5:], columns[5:8], strict=True):
            setattr(self, name, np.frombuffer(data, np.uint32))
        self._undefined = np.frombuffer(columns[8], np.uint8)
        self._chosen = np.frombuffer(columns[9], np.uint8)
        self.defined = self._undefined == 0

    @property
    def undefined(self) -> list[str | None]:
        """Why a row has no softmax: ``"masked"``, ``"nonfinite"``, or None where it has one."""
        return [_UNDEFINED[reason] for reason in self._undefined]

    @property
    def chosen(self) -> list[str | None]:
        """What the chosen token was: ``"given"``, ``"out_of_range"``, or None."""
        return [_CHOSEN[kind] for kind in self._chosen]

    def write_to(self, out: Any) -> None:
        """Write `OUT_COLUMNS` to an array of shape (rows, 8)."""
        for column, name in enumerate(OUT_COLUMNS):
            out[:, column] = getattr(self, name)

    def to_arrow(self) -> pyarrow.Table:
        """Return a table of the rows.

        Returns
        -------
        pyarrow.Table
            ``entropy``, ``top1``, ``top2``, ``margin``, ``log_prob`` (float32), ``rank`` (uint32),
            null where there is none; ``masked``, ``nonfinite`` (uint32); ``undefined``, ``chosen``
            (utf8).
        """
        import pyarrow as pa

        missing = ~self.defined
        unchosen = missing | (self._chosen != 1)
        columns: dict[str, Any] = {
            name: pa.array(getattr(self, name), mask=missing) for name in OUT_COLUMNS[:4]
        }
        for name in OUT_COLUMNS[4:6]:
            columns[name] = pa.array(getattr(self, name), mask=unchosen)
        for name in OUT_COLUMNS[6:]:
            columns[name] = pa.array(getattr(self, name))
        columns["undefined"] = pa.array(self.undefined, pa.utf8())
        columns["chosen"] = pa.array(self.chosen, pa.utf8())
        return pa.table(columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.entropy)

    def __repr__(self) -> str:
        """Return a line with the number of rows."""
        return f"<inlay.model.LogitsRows of {len(self)}, {int(self.defined.sum())} defined>"
