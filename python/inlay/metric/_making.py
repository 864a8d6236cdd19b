"""How an observer makes instruments."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inlay._core import Counter, Gauge, Histogram, ObserverCore

__all__ = ["Instruments", "attribute_names", "check_callback"]


def attribute_names(attributes: Iterable[str]) -> tuple[str, ...]:
    if isinstance(attributes, str):
        message = f"attributes must be a sequence of names, such as ({attributes!r},)"
        raise TypeError(message)
    return tuple(attributes)


def check_callback(name: str, callback: Callable[[], Any] | None) -> None:
    """Refuse what cannot be called before a cut."""
    if callback is None:
        return
    if not callable(callback) or inspect.iscoroutinefunction(callback):
        message = f"the callback of gauge {name!r} must be a function, not {callback!r}"
        raise TypeError(message)


class Instruments:
    """The part of an observer that makes instruments. Thread-safe."""

    _core: ObserverCore

    def counter(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        attributes: Iterable[str] = (),
        layer: str = "app",
    ) -> Counter:
        """Return the counter of this name; it is made the first time.

        Parameters
        ----------
        name : str
            A letter, then letters, digits and ``_ . - /``; 255 characters at most.
        unit : str
            UCUM unit, such as ``"s"``, ``"By"``, ``"{request}"``.
        description : str
            One line for people.
        attributes : iterable of str
            The names of the attributes that every record has.
        layer : str
            ``"app"``, ``"data"``, ``"model"``, ``"infra"`` or ``"training"``.

        Returns
        -------
        Counter
            The same object for the same arguments.

        Raises
        ------
        ValueError
            If the name is not one, or is taken by an instrument with other arguments.
        """
        return self._core.counter(name, unit, description, attribute_names(attributes), layer)

    def gauge(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        attributes: Iterable[str] = (),
        layer: str = "app",
        callback: Callable[[], Any] | None = None,
    ) -> Gauge:
        """Return the gauge of this name; it is made the first time.

        Parameters
        ----------
        name, unit, description, attributes, layer
            As for `counter`.
        callback : callable, optional
            Called before each cut. It returns a number, or for a gauge with attributes an
            iterable of ``(number, attributes)``. If it raises or does not return in time, that
            is counted (``inlay.observe.failures``) and the window is cut without it.

        Returns
        -------
        Gauge
            The same object for the same arguments.

        Raises
        ------
        ValueError
            If the name is not one, or is taken by an instrument with other arguments or another
            callback.
        TypeError
            If `callback` is no ordinary function.
        """
        check_callback(name, callback)
        gauge = self._core.gauge(name, unit, description, attribute_names(attributes), layer)
        if callback is not None:
            self._observe_gauge(gauge, callback)
        return gauge

    def histogram(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        attributes: Iterable[str] = (),
        layer: str = "app",
        scale: int = 5,
        quantiles: bool = False,
        cardinality: bool = False,
    ) -> Histogram:
        """Return the histogram of this name; it is made the first time.

        Parameters
        ----------
        name, unit, description, attributes, layer
            As for `counter`.
        scale : int
            Buckets grow by ``2 ** 2 ** -scale``: 5 keeps any quantile within 1.1 %.
        quantiles : bool
            Also keep a `Kll` of the values of each window: a further row of kind ``quantiles``.
            Its error is one of rank, 1.3 %, whatever the scale of the values; worth it where they
            lie close together far from zero.
        cardinality : bool
            Also keep an `Hll` of the values of each window: a further row of kind ``cardinality``
            with the number of different ones, within 1.6 %.

        Returns
        -------
        Histogram
            The same object for the same arguments.

        Raises
        ------
        ValueError
            If the name is not one, is taken by an instrument with other arguments, or the scale
            is out of range.
        """
        return self._core.histogram(
            name,
            unit,
            description,
            attribute_names(attributes),
            layer,
            scale=scale,
            quantiles=quantiles,
            cardinality=cardinality,
        )

    def _observe_gauge(self, gauge: Gauge, callback: Callable[[], Any]) -> None:
        raise NotImplementedError
