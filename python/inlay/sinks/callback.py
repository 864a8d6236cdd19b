"""A sink that calls a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inlay.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Callable as Function

    from inlay.table import Batch

__all__ = ["Callback"]


class Callback(Sink):
    """Calls a function with each window's batch.

    The function runs in the sink's own thread. If it raises, it is called again with the same
    batch, as every sink is.

    Parameters
    ----------
    function : callable
        Takes one `Batch`; what it returns is ignored.
    name : str, optional
        What the sink is called in the metrics of layer ``self``.

    Raises
    ------
    TypeError
        If `function` cannot be called.

    Examples
    --------
    >>> import inlay
    >>> seen = []
    >>> obs = inlay.Observer(sinks=[inlay.sinks.Callback(lambda batch: seen.append(batch))])
    >>> obs.counter("orders").bind().add(3)
    >>> _ = obs.collect()
    >>> obs.stop()
    True
    >>> [row["value"] for row in seen[0].points.to_pylist() if row["metric"] == "orders"]
    [3.0]
    """

    def __init__(self, function: Function[[Batch], object], *, name: str | None = None) -> None:
        given: object = function
        if not callable(given):
            message = f"a Callback needs a function, not {given!r}"
            raise TypeError(message)
        self.function = function
        self.name = "callback" if name is None else name

    def write(self, batch: Batch) -> None:
        """Call the function with a batch."""
        self.function(batch)

    def __repr__(self) -> str:
        """Show the function."""
        return f"inlay.sinks.Callback({self.function!r})"
