"""Named figures with their intervals, as one read-only mapping."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from inlay.model.estimate import Estimate

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Metrics"]


class Metrics(Mapping[str, Estimate]):
    """What an accumulator comes to: the name of each figure and its `Estimate`.

    A figure is an attribute, too, where its name is an identifier.

    Parameters
    ----------
    estimates : mapping of str to Estimate
        In the order in which they are shown.
    title : str, default "Metrics"
        Above the table of a notebook.

    Raises
    ------
    KeyError, AttributeError
        If a name is not among them; the message lists those that are.

    Examples
    --------
    >>> from inlay.model.estimate import Estimate, wilson
    >>> metrics = Metrics({"recall": wilson(45, 50), "fpr": Estimate.undefined("no_negatives")})
    >>> float(metrics["recall"]), metrics.fpr.reason
    (0.9, 'no_negatives')
    >>> metrics
    Metrics
      recall  0.9  [0.786398, 0.956524]  n=50
      fpr     undefined: no_negatives
    """

    __module__ = "inlay.model"
    __slots__ = ("_estimates", "_title")

    def __init__(self, estimates: Mapping[str, Estimate], *, title: str = "Metrics") -> None:
        self._estimates = dict(estimates)
        self._title = title

    def __getitem__(self, name: str) -> Estimate:
        try:
            return self._estimates[name]
        except KeyError:
            message = f"there is no figure {name!r} among {', '.join(self._estimates)}"
            raise KeyError(message) from None

    def __getattr__(self, name: str) -> Estimate:
        # Copying asks for names before the mapping is there.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __getstate__(self) -> tuple[dict[str, Estimate], str]:
        return self._estimates, self._title

    def __setstate__(self, state: tuple[dict[str, Estimate], str]) -> None:
        self._estimates, self._title = state

    def __iter__(self) -> Iterator[str]:
        return iter(self._estimates)

    def __len__(self) -> int:
        return len(self._estimates)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self if name.isidentifier())})

    def to_arrow(self) -> pyarrow.Table:
        """Return a row for each figure.

        Returns
        -------
        pyarrow.Table
            ``metric`` (string), ``value``, ``low`` and ``high`` (float64, null where undefined),
            ``n`` (int64), ``reason`` (string, null where all is defined) and ``method`` (string).
        """
        import pyarrow as pa

        each = list(self._estimates.values())
        return pa.table(
            {
                "metric": pa.array(list(self), pa.string()),
                "value": pa.array([one.value for one in each], pa.float64()),
                "low": pa.array([one.low for one in each], pa.float64()),
                "high": pa.array([one.high for one in each], pa.float64()),
                "n": pa.array([one.n for one in each], pa.int64()),
                "reason": pa.array([one.reason for one in each], pa.string()),
                "method": pa.array([one.method for one in each], pa.string()),
            }
        )

    def _lines(self) -> list[tuple[str, str, str, str]]:
        """Return name, value, interval and rows of each figure as they are shown."""
        lines = []
        for name, one in self._estimates.items():
            if one.value is None:
                lines.append((name, f"undefined: {one.reason}", "", ""))
                continue
            ends = "" if one.low is None else f"[{one.low:.6g}, {one.high:.6g}]"
            lines.append((name, f"{one.value:.6g}", ends, f"n={one.n}"))
        return lines

    def __repr__(self) -> str:
        lines = self._lines()
        shown = [line for line in lines if line[3]]
        widths = [max((len(line[i]) for line in shown), default=0) for i in (1, 2)]
        first = max((len(line[0]) for line in lines), default=0)
        rows = [
            f"  {name:{first}}  {value:{widths[0]}}  {ends:{widths[1]}}  {n}".rstrip()
            for name, value, ends, n in lines
        ]
        return "\n".join([self._title, *rows])

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><th>{html.escape(name)}</th>"
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
            + "</tr>"
            for name, *cells in self._lines()
        )
        return f"<table><caption>{html.escape(self._title)}</caption>{lines}</table>"
