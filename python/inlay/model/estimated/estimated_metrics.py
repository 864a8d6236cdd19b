"""Figures that were estimated without labels, and what they rest on."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from inlay.model.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow

    from inlay.model.estimate import Estimate

__all__ = ["EstimatedMetrics"]


class EstimatedMetrics(Metrics):
    """`Metrics` estimated without labels.

    Attributes
    ----------
    assumption : str
        What the figures rest on and nobody can check without labels.
    left_out : mapping of str to int
        Rows that were not counted, by the reason why.
    """

    __module__ = "inlay.model"
    __slots__ = ("assumption", "left_out")

    assumption: str
    left_out: Mapping[str, int]

    def __init__(
        self,
        estimates: Mapping[str, Estimate],
        *,
        assumption: str,
        left_out: Mapping[str, int] | None = None,
        title: str = "Estimated without labels",
    ) -> None:
        super().__init__(estimates, title=title)
        self.assumption = assumption
        self.left_out = MappingProxyType(dict(left_out or {}))

    def __getstate__(self) -> tuple[dict[str, Estimate], str, str, dict[str, int]]:  # type: ignore[override]
        return *super().__getstate__(), self.assumption, dict(self.left_out)

    def __setstate__(self, state: tuple[dict[str, Estimate], str, str, dict[str, int]]) -> None:  # type: ignore[override]
        estimates, title, self.assumption, left_out = state
        self.left_out = MappingProxyType(left_out)
        super().__setstate__((estimates, title))

    def to_arrow(self) -> pyarrow.Table:
        """Return a row for each figure, as `Metrics.to_arrow` does, and ``assumption`` (string)."""
        import pyarrow as pa

        table = super().to_arrow()
        each = pa.array([self.assumption] * len(self), pa.string())
        return table.append_column("assumption", each)

    def __repr__(self) -> str:
        lines = [super().__repr__()]
        if self.left_out:
            counts = ", ".join(f"{name} {rows}" for name, rows in self.left_out.items())
            lines.append(f"  left out: {counts}")
        lines.append(f"  assumed: {self.assumption}")
        return "\n".join(lines)
