"""The rate of flagged answers, with all that is needed to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inlay.model.estimate import Estimate

if TYPE_CHECKING:
    import pyarrow

__all__ = ["JudgedRate"]


@dataclass(frozen=True, slots=True)
class JudgedRate:
    """The share of judged answers that an evaluator flagged.

    Attributes
    ----------
    evaluation : str
        What was judged, such as ``"hallucination"``.
    evaluator, evaluator_version : str
        By whom.
    rate : Estimate
        The share as the evaluator has it, with Wilson's interval.
    corrected : Estimate
        The share with the evaluator's errors taken out by `inlay.model.text.rogan_gladen`;
        undefined where people labelled too few of the answers.
    sensitivity, specificity : Estimate
        Of the evaluator, from the answers that people labelled, too.
    labelled : int
        How many they were.
    undecided : int
        Answers with neither a label that says it nor a score with a threshold; not in the rate.
    """

    __module__ = "inlay.model"

    evaluation: str
    evaluator: str
    evaluator_version: str
    rate: Estimate
    corrected: Estimate
    sensitivity: Estimate
    specificity: Estimate
    labelled: int
    undecided: int

    def to_arrow(self) -> pyarrow.Table:
        """Return a row for each figure, as of `inlay.model.Metrics`.

        Returns
        -------
        pyarrow.Table
            With further columns ``evaluation``, ``evaluator`` and ``evaluator_version``.
        """
        import pyarrow as pa

        from inlay.model.metrics import Metrics

        figures = ("rate", "corrected", "sensitivity", "specificity")
        table = Metrics({name: getattr(self, name) for name in figures}).to_arrow()
        for name in ("evaluation", "evaluator", "evaluator_version"):
            table = table.append_column(
                name, pa.array([getattr(self, name)] * len(figures), pa.string())
            )
        return table

    def __repr__(self) -> str:
        """Return the rate, its correction, and who says so."""
        lines = [
            f"rate of {self.evaluation!r} by {self.evaluator} {self.evaluator_version}",
            f"  judged     {_shown(self.rate)}",
            f"  corrected  {_shown(self.corrected)}, {self.labelled} labelled",
        ]
        if self.undecided:
            lines.append(f"  undecided  {self.undecided}")
        return "\n".join(lines)


def _shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined: {estimate.reason}"
    return f"{estimate.value:.6g}  [{estimate.low:.6g}, {estimate.high:.6g}]  n={estimate.n}"
