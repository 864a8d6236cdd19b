"""How far activations and outputs of a tuned model have moved from the base model's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._arguments import number_between, observer_given, with_methods
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inlay.observer import Observer

__all__ = ["BaseDrift", "Moved"]


class Moved(NamedTuple):
    """How far one part of a model has moved.

    Attributes
    ----------
    name : str
    distance : float or None
        Between the summaries; what they leave open is in its favour.
    p_value : float or None
        Corrected for the number of parts.
    verdict : str
        ``"yes"``, ``"no"`` or ``"undefined"``.
    reason : str or None
        Why it is undefined.
    """

    name: str
    distance: float | None
    p_value: float | None
    verdict: str
    reason: str | None


def _check_parts(name: str, parts: Mapping[str, Any]) -> None:
    import inlay

    kinds = (inlay.Kll, inlay.ExpHistogram, inlay.EdgeHistogram, inlay.Categories)
    for part, summary in parts.items():
        if not isinstance(summary, kinds):
            known = ", ".join(kind.__name__ for kind in kinds)
            message = f"{name}[{part!r}] must be one of {known}: {summary!r}"
            raise TypeError(message)


class BaseDrift:
    """Compares summaries of a model's parts with those of the base model. Of one thread.

    Parameters
    ----------
    observer : Observer
        Where verdicts go.
    base : mapping of str to summary
        By name of a part - a layer's activations, the entropy of the outputs - what the base model
        gave on some inputs: `Kll`, `ExpHistogram`, `EdgeHistogram` or `Categories`.
    threshold : float, default 0.1
        A distance of more than this is one, 0 to 1: Kolmogorov-Smirnov's where values have an
        order, total variation of categories.
    level : float, default 0.01
        The largest p-value of a ``yes``, by Bonferroni over the parts.

    Raises
    ------
    InvalidArgumentError
        If there are no parts, or a number is out of range.
    TypeError
        If a part is none of these summaries.

    Notes
    -----
    The inputs must be the same kind on both sides, best the very same: what differs then is the
    model. Total variation has no law of its own; its certainty is that of the chi-squared test.

    Examples
    --------
    >>> import inlay
    >>> from inlay.training import BaseDrift
    >>> def summary(shift):
    ...     made = inlay.Kll()
    ...     made.update([i / 1000 + shift for i in range(1000)])
    ...     return made
    >>> drift = BaseDrift(inlay.Observer(), {"layer1": summary(0.0), "output": summary(0.0)})
    >>> moved = drift.compare({"layer1": summary(0.0), "output": summary(0.5)})
    >>> [(one.name, one.verdict) for one in moved]
    [('layer1', 'no'), ('output', 'yes')]
    """

    __module__ = "inlay.training"

    def __init__(
        self,
        observer: Observer,
        base: Mapping[str, Any],
        *,
        threshold: float = 0.1,
        level: float = 0.01,
    ) -> None:
        observer_given(observer)
        with_methods("base", base, "items")
        if not base:
            message = f"base must have parts of the base model: {base!r}"
            raise InvalidArgumentError(message)
        _check_parts("base", base)
        for name, number in (("threshold", threshold), ("level", level)):
            if number_between(name, number, above=0.0) >= 1.0:
                message = f"{name} must be below 1: {number!r}"
                raise InvalidArgumentError(message)
        self._observer = observer
        self._base = {name: summary.copy() for name, summary in base.items()}
        self._threshold = threshold
        self._level = level

    def compare(self, current: Mapping[str, Any]) -> list[Moved]:
        """Compare what the tuned model gives.

        Parameters
        ----------
        current : mapping of str to summary
            By the names of the base's parts; one that is missing is ``undefined``.

        Returns
        -------
        list of Moved
            One for each part of the base, told to the observer as verdicts of
            ``training.base_drift`` too.

        Raises
        ------
        InvalidArgumentError
            If there is a part that the base has not, or whose summary cannot be compared with its.
        TypeError
            If a part is no summary.
        """
        with_methods("current", current, "items")
        for name in current:
            if name not in self._base:
                message = f"the base model has no part of that name: {name!r}"
                raise InvalidArgumentError(message)
        _check_parts("current", current)
        return [self._compare(name, current.get(name)) for name in self._base]

    def _compare(self, name: str, summary: Any) -> Moved:
        from inlay.drift import distances

        if summary is None:
            moved = Moved(name, None, None, "undefined", "absent")
            self._tell(moved, "ks", None, None)
            return moved
        try:
            found = distances(self._base[name], summary)
        except (InvalidArgumentError, TypeError) as error:
            message = f"part {name!r} cannot be compared with the base model's: {error}"
            raise InvalidArgumentError(message) from error
        ordered = found.ks.value is not None or found.total_variation.value is None
        one = found.ks if ordered else found.total_variation
        method = "ks" if ordered else "total_variation"
        p_value = one.p_value if ordered else found.chi2.p_value
        if one.value is None or one.low is None or p_value is None:
            moved = Moved(name, one.value, None, "undefined", one.reason or "insufficient")
        else:
            corrected = min(1.0, p_value * len(self._base))
            if one.low <= self._threshold:
                moved = Moved(name, one.low, corrected, "no", None)
            elif corrected <= self._level:
                moved = Moved(name, one.low, corrected, "yes", None)
            else:
                moved = Moved(name, one.low, corrected, "undefined", "insufficient")
        self._tell(moved, method, found.n, found.n_reference)
        return moved

    def _tell(self, moved: Moved, method: str, n: int | None, n_reference: int | None) -> None:
        self._observer.verdict(
            "training.base_drift",
            moved.verdict,
            method=method,
            judge="inlay.base_drift",
            layer="training",
            attributes={"part": moved.name},
            reason=moved.reason,
            value=moved.distance,
            effect=moved.distance,
            threshold=self._threshold,
            p_value=moved.p_value,
            n=n,
            n_reference=n_reference,
        )
