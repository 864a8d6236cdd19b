"""`Check`: a number that data has, and the bound it is to keep."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypedDict

from inlay._exceptions import InvalidArgumentError
from inlay.data.checks.bound import OPERATORS, Bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["NO_FAILURES", "SEVERITIES", "Check", "ContractError", "Fault", "Options", "new_check"]

SEVERITIES = ("info", "warning", "error")
"""How bad a violation is."""

NO_FAILURES = Bound("at_most", (0,))
"""The bound of a count of bad rows where none is given."""

_MAX_NAME = 255


class Options(TypedDict, total=False):
    """What every check takes by keyword: one bound, and how it is called."""

    equals: float
    not_equals: float
    less_than: float
    at_most: float
    greater_than: float
    at_least: float
    between: tuple[float, float]
    not_between: tuple[float, float]
    unit: str
    name: str | None
    description: str | None
    severity: str


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a contract.

    Attributes
    ----------
    message : str
        What.
    line : int, optional
        Where in its file, from 1.
    is_unknown : bool
        Whether it is a key that nobody knows, such as one with a typing error.
    """

    message: str
    line: int | None = None
    is_unknown: bool = False

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


class ContractError(InvalidArgumentError):
    """A contract that contradicts itself or does not fit the data; all its faults at once.

    Attributes
    ----------
    faults : tuple of Fault
        In the order of the file, or of the checks.
    """

    __module__ = "inlay"

    def __init__(self, faults: Iterable[Fault], *, source: str = "the contract") -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        head = f"{source} has {count} fault{'s' if count != 1 else ''}"
        super().__init__("\n".join([f"{head}:", *(f"  {fault}" for fault in self.faults)]))


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A number that data has, and the bound it is to keep. Made by `inlay.checks`. Immutable.

    Attributes
    ----------
    kind : str
        Which number: the name of its factory in `inlay.checks`.
    columns : tuple of str
        The columns it looks at, by path (``"address.city"`` inside a struct).
    parameters : mapping
        What else the number depends on.
    bound : Bound
        What the number is compared with.
    unit : str
        ``"rows"`` or ``"percent"`` for counts of rows, else ``"seconds"``, ``"bytes"`` or nothing.
    name : str, optional
        What it is called in reports; made of kind and columns if not given.
    description : str, optional
        Why it is there.
    severity : str
        ``"info"``, ``"warning"`` or ``"error"``.
    extra : mapping
        What its file says beside, such as ``dimension``.
    line : int, optional
        Where in its file it stands.
    """

    kind: str
    columns: tuple[str, ...]
    parameters: Mapping[str, Any]
    bound: Bound
    unit: str = ""
    name: str | None = None
    description: str | None = None
    severity: str = "error"
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    line: int | None = dataclasses.field(default=None, compare=False)

    __hash__ = None  # type: ignore[assignment]

    @property
    def title(self) -> str:
        """Its name, or one made of kind and columns."""
        if self.name is not None:
            return self.name
        inside = self.parameters.get("expression") or ", ".join(self.columns)
        return f"{self.kind}({inside})" if inside else self.kind

    @property
    def bound_text(self) -> str:
        """The bound in words."""
        return self.bound.text(self.unit)

    def __repr__(self) -> str:
        """Return the check in words."""
        return f"<check {self.title}: {self.bound_text}>"


def _text_option(options: dict[str, Any], name: str) -> str | None:
    value = options.pop(name, None)
    if value is not None and not isinstance(value, str):
        message = f"{name} must be a text, got {value!r}"
        raise TypeError(message)
    return value


def new_check(
    kind: str,
    columns: Iterable[Any],
    parameters: Mapping[str, Any],
    options: Options,
    *,
    unit: str = "",
    default: Bound | None = None,
) -> Check:
    """Make a check of what a factory was given.

    `unit` is that of the number; ``"rows"`` may be turned into ``"percent"`` by the caller. Without
    a `default` a bound must be given.
    """
    columns = tuple(columns)
    for column in columns:
        if not isinstance(column, str):
            message = f"{kind}: a column is named by a text, got {column!r}"
            raise TypeError(message)
    given: dict[str, Any] = dict(options)
    name, description = _text_option(given, "name"), _text_option(given, "description")
    if name is not None and not 0 < len(name) <= _MAX_NAME:
        message = f"a name has 1 to {_MAX_NAME} characters, got {len(name)}"
        raise InvalidArgumentError(message)
    severity = given.pop("severity", "error")
    if severity not in SEVERITIES:
        message = f"severity must be one of {', '.join(SEVERITIES)}, got {severity!r}"
        raise InvalidArgumentError(message)
    wanted_unit = given.pop("unit", None)
    if wanted_unit is not None and wanted_unit != unit:
        if unit != "rows" or wanted_unit != "percent":
            allowed = "'rows' or 'percent'" if unit == "rows" else repr(unit)
            message = f"{kind}: unit must be {allowed}, got {wanted_unit!r}"
            raise InvalidArgumentError(message)
        unit = wanted_unit
    try:
        bound = Bound.of(given, default)
    except (InvalidArgumentError, TypeError) as error:
        message = f"{kind}: {error}"
        raise type(error)(message) from None
    if unit in ("rows", "percent"):
        most = 100 if unit == "percent" else math.inf
        for limit in bound.limits:
            if not 0 <= limit <= most:
                allowed = "from 0 to 100" if unit == "percent" else "at least 0"
                message = f"{kind}: {bound.operator} of {unit} is {allowed}, got {limit}"
                raise InvalidArgumentError(message)
    if given:
        message = f"{kind} takes no {', '.join(map(repr, given))}; a bound is one of " + ", ".join(
            OPERATORS
        )
        raise TypeError(message)
    return Check(kind, columns, parameters, bound, unit, name, description, severity)
