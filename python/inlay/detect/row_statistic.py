"""What a test of rows says: one value, how sure it is, or why there is none."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from inlay._exceptions import InvalidArgumentError

__all__ = ["RowStatistic", "verdict_fields"]

_NOT_REPLAYED = "computed from rows, which are not kept: no replay can repeat it"
"""Said of every recorded result, since a judge of points can be replayed."""


def verdict_fields(
    *,
    method: str,
    value: float | None,
    p_value: float | None,
    reason: str | None,
    n: int,
    n_reference: int,
    threshold: float,
    level: float,
    low: float | None = None,
    high: float | None = None,
    scope: str = "process",
) -> dict[str, Any]:
    """Return the arguments of `Observer.verdict` for a statistic of rows.

    The verdict is yes if the value, or the low end of its interval where there is one, exceeds the
    threshold, and the p-value, where there is one, is at most the level.
    """
    if not 0.0 < level < 1.0:
        message = f"level must lie between 0 and 1: {level!r}"
        raise InvalidArgumentError(message)
    if not math.isfinite(threshold):
        message = f"threshold must be finite: {threshold!r}"
        raise InvalidArgumentError(message)
    if scope not in ("process", "host", "fleet"):
        message = f"scope must be process, host or fleet: {scope!r}"
        raise InvalidArgumentError(message)
    if value is None:
        verdict = "undefined"
    else:
        certain = value if low is None else low
        significant = p_value is None or p_value <= level
        verdict = "yes" if certain > threshold and significant else "no"
    return {
        "verdict": verdict,
        "method": method,
        "judge": "rows",
        "scope": scope,
        "reason": (reason or "empty") if value is None else _NOT_REPLAYED,
        "value": value,
        "low": low,
        "high": high,
        "effect": value,
        "threshold": threshold,
        "p_value": p_value,
        "n": n,
        "n_reference": n_reference,
    }


@dataclasses.dataclass(frozen=True, slots=True)
class RowStatistic:
    """A statistic of two samples of rows.

    Attributes
    ----------
    method : str
        Its name, such as ``"mmd"``.
    value : float or None
        None if it is undefined; `reason` says why.
    p_value : float or None
        The chance of a value as large if both samples came from one distribution; None where the
        method has none.
    reason : str or None
        ``"empty"``, ``"insufficient"`` (too few rows), ``"constant"``, ``"singular"`` or
        ``"overflow"``.
    n, n_reference : int
        Rows judged and rows of the reference, without those left out.
    low, high : float or None
        An interval of 95 % for the value where the method has one.
    left_out : tuple of int
        Rows with NaN, an infinity or a null: of the reference, and of those judged.
    details : mapping of str to float or str
        What else the method found or chose.

    Examples
    --------
    >>> import inlay.detect
    >>> import numpy as np
    >>> rng = np.random.default_rng(7)
    >>> result = inlay.detect.mahalanobis(rng.normal(size=(500, 3)), rng.normal(size=(400, 3)) + 1)
    >>> round(result.value, 2), result.p_value < 1e-10
    (1.85, True)
    >>> fields = result.verdict_fields(threshold=0.5, level=0.05)
    >>> fields["verdict"], fields["scope"], fields["judge"]
    ('yes', 'process', 'rows')
    """

    __module__ = "inlay.detect"

    method: str
    value: float | None
    p_value: float | None
    reason: str | None
    n: int
    n_reference: int
    low: float | None = None
    high: float | None = None
    left_out: tuple[int, int] = (0, 0)
    details: Mapping[str, float | str] = dataclasses.field(
        default_factory=lambda: MappingProxyType({})
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields; `details` as a dict of its own.

        Returns
        -------
        dict of str to value
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "left_out": list(self.left_out), "details": dict(self.details)}

    def verdict_fields(
        self, *, threshold: float, level: float = 0.05, scope: str = "process"
    ) -> dict[str, Any]:
        """Return the arguments of `Observer.verdict` that record this result.

        Parameters
        ----------
        threshold : float
            What the value, or the low end of its interval, has to exceed.
        level : float, default 0.05
            What the p-value may be at most, if there is one.
        scope : {"process", "host", "fleet"}
            Whose rows these were.

        Returns
        -------
        dict of str to value
            ``verdict``, ``method``, ``judge``, ``scope``, ``reason`` and the figures. The reason of
            a defined verdict states that rows are not kept, so that no replay can repeat it.

        Raises
        ------
        InvalidArgumentError
            If the threshold is not finite, the level outside 0 to 1, or the scope none of these.
        """
        return verdict_fields(
            method=self.method,
            value=self.value,
            p_value=self.p_value,
            reason=self.reason,
            n=self.n,
            n_reference=self.n_reference,
            threshold=threshold,
            level=level,
            low=self.low,
            high=self.high,
            scope=scope,
        )

    def __repr__(self) -> str:
        """Return a line with the value, the p-value and the rows."""
        if self.value is None:
            said = f"undefined: {self.reason}"
        else:
            said = f"{self.value:.6g}"
            if self.low is not None and self.high is not None:
                said += f" [{self.low:.6g}, {self.high:.6g}]"
            if self.p_value is not None:
                said += f", p {self.p_value:.3g}"
        return f"<inlay.detect.{self.method} {said}, {self.n} rows against {self.n_reference}>"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"
