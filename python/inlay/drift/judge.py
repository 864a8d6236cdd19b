"""What a judge is: points in, verdicts out."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from inlay.table import Table

__all__ = ["SCOPES", "Judge", "check_scope"]

SCOPES = ("process", "host", "fleet")
"""Whose rows a verdict is about."""


@runtime_checkable
class Judge(Protocol):
    """A small state that turns points into verdicts, live or over stored files.

    A judge sees nothing but points and references, takes them in the order they were emitted, and
    neither looks at a clock nor draws random numbers: the same points give the same verdicts.

    Attributes
    ----------
    name : str
        Of the judge, as verdicts tell it.
    version : str
        Changes whenever the same points may give other verdicts.
    """

    @property
    def name(self) -> str:
        """Name of the judge."""

    @property
    def version(self) -> str:
        """Version of the judge."""

    def judge(self, points: Table, references: Any = None, *, scope: str = "process") -> Table:
        """Return the verdicts that rows of points lead to.

        Parameters
        ----------
        points : Table
            All rows of a window, or of several windows one after the other.
        references : object, optional
            What the rows are compared with; has ``get(attrs, reference_id)``.
        scope : {"process", "host", "fleet"}
            Whose rows these are.

        Returns
        -------
        Table
            With the schema of ``verdicts``.
        """

    def save_state(self) -> bytes:
        """Return the state, to go on from there later."""

    def load_state(self, data: bytes) -> None:
        """Take up a state that `save_state` returned."""


def check_min_rows(min_rows: int) -> None:
    """Refuse a number of rows that is none.

    Raises
    ------
    InvalidArgumentError
        If it is no whole number of 1 or more.
    """
    from inlay._exceptions import InvalidArgumentError

    if isinstance(min_rows, bool) or not isinstance(min_rows, int) or min_rows < 1:
        message = f"min_rows must be a whole number of 1 or more: {min_rows!r}"
        raise InvalidArgumentError(message)


def check_scope(scope: str) -> str:
    """Return the scope, or refuse it.

    Raises
    ------
    InvalidArgumentError
        If it is none of `SCOPES`.
    """
    from inlay._exceptions import InvalidArgumentError

    if scope not in SCOPES:
        message = f"scope must be one of {', '.join(SCOPES)}: {scope!r}"
        raise InvalidArgumentError(message)
    return scope
