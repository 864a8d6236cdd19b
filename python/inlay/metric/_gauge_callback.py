"""Gauges that are asked before each cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay._core import Gauge

__all__ = ["GaugeCallback"]


class GaugeCallback:
    """Sets a gauge to what a function returns.

    Not thread-safe: one cut at a time runs it.

    Parameters
    ----------
    gauge : Gauge
        The gauge.
    function : callable
        Returns a number, or an iterable of ``(number, attributes)``.
    """

    def __init__(self, gauge: Gauge, function: Callable[[], Any]) -> None:
        self.gauge = gauge
        self.function = function

    @property
    def name(self) -> str:
        """The gauge's name."""
        return self.gauge.name

    def run(self) -> Any:
        """Call the function and take everything it yields."""
        result = self.function()
        if isinstance(result, Iterable) and not isinstance(result, (str, bytes)):
            return list(result)
        return result

    def apply(self, result: Any) -> None:
        """Set the gauge; a bad value is left out, and the first one raised at the end."""
        if not isinstance(result, list):
            self.gauge.set(result)
            return
        wrong: Exception | None = None
        for entry in result:
            try:
                value, attributes = self._pair(entry)
                self.gauge.set(value, **attributes)
            except Exception as error:
                wrong = wrong or error
        if wrong is not None:
            raise wrong

    def _pair(self, entry: Any) -> tuple[Any, Mapping[str, Any]]:
        if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], Mapping):
            return entry
        message = (
            f"the callback of gauge {self.name!r} must give a number or "
            f"(number, attributes) pairs, not {entry!r}"
        )
        raise TypeError(message)
