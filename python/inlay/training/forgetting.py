"""What a model can do less well than before it was tuned."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay._arguments import at_least, number_between, observer_given
from inlay._exceptions import InvalidArgumentError
from inlay.training.straggler_rule import binomial_tail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inlay.observer import Observer

__all__ = ["Forgetting", "Forgotten"]

_LEAST = 2


class Forgotten(NamedTuple):
    """How a held evaluation changed since before the tuning.

    Attributes
    ----------
    value, before : float
        Its mean now, and then.
    loss : float
        What was lost: positive if it became worse, whichever direction is better.
    low, high : float or None
        An interval of it that holds for all evaluations of its `Forgetting` together.
    p_value : float or None
        That nothing was lost, corrected for the evaluations so far.
    verdict : str
        ``"yes"``: more than the threshold was lost, and certainly something; ``"no"``,
        ``"undefined"``.
    reason : str or None
        Why it is undefined.
    n : int
        Examples.
    """

    value: float
    before: float
    loss: float
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str
    reason: str | None
    n: int


class Forgetting:
    """Compares a held evaluation with its result before the fine-tuning. Of one thread.

    Parameters
    ----------
    observer : Observer
        Where verdicts and values go.
    name : str
        Of the evaluation.
    direction : {"higher", "lower"}
        What is better: of an accuracy higher, of a loss lower.
    threshold : float, default 0.02
        How much may be lost, in the unit of the metric.
    level : float, default 0.05
        The chance of a false ``yes`` over all evaluations of this object together. A run with many
        of them adds their chances up: give each of n its share, ``0.05 / n``.

    Raises
    ------
    InvalidArgumentError
        If a setting is out of range.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    Given the result of each example, in the same order each time, the interval is that of the
    paired differences: ``mean ± z · sd / sqrt(n)``; of results that are 0 or 1 the p-value is the
    exact one of the sign test (McNemar). Given in another number they are taken for independent
    samples. The k-th evaluation has the share ``6 / (π k)²`` of the level, so that a tuning may be
    watched as long as one likes.

    Examples
    --------
    >>> import inlay
    >>> from inlay.training import Forgetting
    >>> obs = inlay.Observer()
    >>> arithmetic = Forgetting(obs, "arithmetic", threshold=0.05)
    >>> arithmetic.before([1.0] * 90 + [0.0] * 10)
    >>> result = arithmetic.after([1.0] * 70 + [0.0] * 30, step=1000)
    >>> result.verdict, round(result.loss, 3)
    ('yes', 0.2)
    """

    __module__ = "inlay.training"

    def __init__(
        self,
        observer: Observer,
        name: str,
        *,
        direction: str = "higher",
        threshold: float = 0.02,
        level: float = 0.05,
    ) -> None:
        observer_given(observer)
        if direction not in ("higher", "lower"):
            message = f"direction must be 'higher' or 'lower': {direction!r}"
            raise InvalidArgumentError(message)
        number_between("threshold", threshold, 0.0)
        if number_between("level", level, above=0.0) >= 1.0:
            message = f"level must be below 1: {level!r}"
            raise InvalidArgumentError(message)
        self.name = name
        self._observer = observer
        self._sign = 1.0 if direction == "higher" else -1.0
        self._threshold = threshold
        self._level = level
        self._before: list[float] = []
        self._evaluations = 0
        self._gauge = observer.gauge(
            "training.evaluation", attributes=("evaluation",), layer="training"
        )

    def before(self, results: Iterable[float]) -> None:
        """Take the results of the base model, one an example.

        Raises
        ------
        InvalidArgumentError
            If one is not finite, or there are none.
        TypeError
            If they are no numbers.
        """
        self._before = _checked(results)
        self._gauge.set(statistics.fmean(self._before), evaluation=self.name)

    def after(self, results: Iterable[float], *, step: int | None = None) -> Forgotten:
        """Compare the results of the model that is tuned.

        Parameters
        ----------
        results : iterable of float
            One an example, in the order of those of the base model.
        step : int, optional
            The training step.

        Returns
        -------
        Forgotten

        Raises
        ------
        InvalidArgumentError
            If one is not finite, there are none, or `before` was not called.
        TypeError
            If they are no numbers.
        """
        if not self._before:
            message = f"the results before the tuning are missing: {self.name!r}"
            raise InvalidArgumentError(message)
        if step is not None:
            at_least("step", step, 0)
        now = _checked(results)
        self._evaluations += 1
        level = self._level * 6.0 / (math.pi * self._evaluations) ** 2
        found = self._compare(now, level)
        self._tell(found, step)
        return found

    def _compare(self, now: list[float], level: float) -> Forgotten:
        before, sign = self._before, self._sign
        then, mean = statistics.fmean(before), statistics.fmean(now)
        loss = sign * (then - mean)
        if min(len(before), len(now)) < _LEAST:
            return Forgotten(
                mean, then, loss, None, None, None, "undefined", "insufficient", len(now)
            )
        if len(before) == len(now):
            differences = [sign * (b - a) for b, a in zip(before, now, strict=True)]
            error = statistics.stdev(differences) / math.sqrt(len(now))
            binary = all(value in (0.0, 1.0) for value in (*before, *now))
            p_value = _sign_test(differences) if binary else _upper_tail(loss, error)
        else:
            error = math.sqrt(
                statistics.variance(before) / len(before) + statistics.variance(now) / len(now)
            )
            p_value = _upper_tail(loss, error)
        z = statistics.NormalDist().inv_cdf(1.0 - level / 2.0)
        low, high = loss - z * error, loss + z * error
        corrected = min(1.0, p_value * self._level / level)
        if loss <= self._threshold:
            verdict, reason = "no", None
        elif corrected <= self._level:
            verdict, reason = "yes", None
        else:
            verdict, reason = "undefined", "insufficient"
        return Forgotten(mean, then, loss, low, high, corrected, verdict, reason, len(now))

    def _tell(self, found: Forgotten, step: int | None) -> None:
        observer = self._observer
        self._gauge.set(found.value, evaluation=self.name)
        observer.verdict(
            "training.evaluation",
            found.verdict,
            method="forgetting",
            judge="inlay.forgetting",
            layer="training",
            attributes={"evaluation": self.name},
            reason=found.reason,
            value=found.value,
            low=found.low,
            high=found.high,
            effect=found.loss,
            threshold=self._threshold,
            p_value=found.p_value,
            n=found.n,
            n_reference=len(self._before),
        )
        told: dict[str, Any] = {"evaluation": self.name, "verdict": found.verdict}
        if step is not None:
            told["step"] = step
        observer.event(
            "training.forgetting",
            layer="training",
            severity="warning" if found.verdict == "yes" else "info",
            body=f"{self.name}: {found.value:.6g} after {found.before:.6g}",
            **told,
        )


def _checked(results: Iterable[float]) -> list[float]:
    if isinstance(results, (str, bytes)) or not hasattr(results, "__iter__"):
        message = f"results must be numbers, one an example: {results!r}"
        raise TypeError(message)
    given: list[Any] = list(results)
    # Truths are numbers here: whether the answer to an example was right.
    values = [
        float(value)
        if isinstance(value, bool)
        else number_between("the result of an example", value)
        for value in given
    ]
    if not values:
        message = f"results must be those of an example at least: {values!r}"
        raise InvalidArgumentError(message)
    return values


def _upper_tail(loss: float, error: float) -> float:
    if error == 0.0:
        return 0.0 if loss > 0.0 else 1.0
    return 0.5 * math.erfc(loss / error / math.sqrt(2.0))


def _sign_test(differences: list[float]) -> float:
    worse = sum(one > 0.0 for one in differences)
    changed = sum(one != 0.0 for one in differences)
    if changed > 2000:  # the sum of so many terms is the normal law's
        middle, spread = changed / 2.0, math.sqrt(changed) / 2.0
        return _upper_tail(worse - 0.5 - middle, spread)
    return binomial_tail(worse, changed, 0.5)
