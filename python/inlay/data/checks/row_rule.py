"""Row rules: an expression over the columns of one row, parsed by a whitelist and never run."""

from __future__ import annotations

import ast
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ARITHMETIC", "COMPARISONS", "RowRule", "constant_of", "dotted", "parse_rule"]

_MAX_LENGTH = 10_000
_MAX_NODES = 1_000
_MAX_DEPTH = 100
_QUOTED = re.compile(r"`([^`]+)`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "less"),
    ast.LtE: ("<=", "less_equal"),
    ast.Eq: ("==", "equal"),
    ast.NotEq: ("!=", "not_equal"),
    ast.Gt: (">", "greater"),
    ast.GtE: (">=", "greater_equal"),
}
"""The comparisons: how each is written, and pyarrow's kernel."""

ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "add_checked"),
    ast.Sub: ("-", "subtract_checked"),
    ast.Mult: ("*", "multiply_checked"),
    ast.Div: ("/", "divide"),
}
"""The same of arithmetic."""

_CALLS = ("abs", "len")
_NULLS = ("null", "NULL", "None")


@dataclasses.dataclass(frozen=True, slots=True)
class RowRule:
    """A parsed rule.

    Attributes
    ----------
    text : str
        As it was written.
    columns : tuple of str
        The paths of the columns it names, each once, in the order they appear.
    tree : ast.expr
        The expression, of nodes on the whitelist only.
    names : mapping of str to str
        The column that each name of the tree stands for.
    """

    text: str
    columns: tuple[str, ...]
    tree: ast.expr
    names: Mapping[str, str]

    def simple(self) -> tuple[str, str, Any] | None:
        """Return ``(column, operator, other)`` if it is one comparison of a column.

        `other` is ``("column", path)`` or ``("value", constant)``.
        """
        node = self.tree
        if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
            return None
        entry = COMPARISONS.get(type(node.ops[0]))
        left, right = node.left, node.comparators[0]
        if entry is None:
            return None
        operator = entry[0]
        if not isinstance(left, (ast.Name, ast.Attribute)):
            left, right = right, left
            operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
        first, second = self._path(left), self._path(right)
        if first is None:
            return None
        if second is not None:
            return first, operator, ("column", second)
        constant = constant_of(right)
        return None if constant is None else (first, operator, ("value", constant))

    def _path(self, node: ast.expr) -> str | None:
        name = dotted(node)
        return None if name is None else self.names.get(name)

    def evaluate(self, column: Callable[[str], Any], rows: int) -> Any:
        """Return a boolean array by pyarrow: true, false, or null where a null decides it.

        Parameters
        ----------
        column : callable
            Gives the array of a column by its path.
        rows : int
            How many rows there are.

        Raises
        ------
        pyarrow.ArrowInvalid
            If integers overflow, or a value cannot be converted.
        pyarrow.ArrowNotImplementedError, pyarrow.ArrowTypeError
            If the columns are of types the operators do not take.
        """
        from inlay.data.checks.row_evaluation import evaluate

        return evaluate(self, column, rows)


class _Written(float):
    """A number with a point, and its digits as they were written; they are what it prints."""

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str) -> _Written:
        found = super().__new__(cls, text)
        found._text = text.replace("_", "")
        return found

    def __repr__(self) -> str:
        return self._text

    def __neg__(self) -> _Written:
        return _Written(self._text[1:] if self._text.startswith("-") else f"-{self._text}")


def parse_rule(text: Any) -> RowRule:
    """Parse a rule.

    Parameters
    ----------
    text : str
        Column names (in back-quotes where they are no identifiers, with points inside structs),
        numbers, texts in quotes, ``true``, ``false``; ``and``, ``or``, ``not``; ``<``, ``<=``,
        ``==``, ``!=``, ``>``, ``>=``; ``+``, ``-``, ``*``, ``/``; ``abs()``, ``len()``;
        ``is null``, ``is not null``; ``in (…)``, ``not in (…)``.

    Returns
    -------
    RowRule

    Raises
    ------
    InvalidArgumentError
        If it is anything else; the message shows the part.
    TypeError
        If it is no text.

    Examples
    --------
    >>> parse_rule("end >= start and `unit price` > 0").columns
    ('end', 'start', 'unit price')
    """
    if not isinstance(text, str):
        message = f"a rule is a text, got {text!r}"
        raise TypeError(message)
    if len(text) > _MAX_LENGTH:
        message = f"a rule has at most {_MAX_LENGTH} characters, got {len(text)}"
        raise InvalidArgumentError(message)
    return _parse(text)


def _parse(text: str) -> RowRule:
    names: dict[str, str] = {}

    def name_quoted(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        name = f"quoted_{len(names)}_column"
        while name in text:
            name += "_"
        names[name] = match[1]
        return name

    source = _QUOTED.sub(name_quoted, text).strip()
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error) or "too deep"
        message = f"the rule cannot be parsed, {why} (equality is ==): {text!r}"
        raise InvalidArgumentError(message) from None
    _complete(tree, source)
    reader = _Reader(text, names)
    reader.read(tree, 0)
    if not reader.columns:
        message = f"the rule names no column: {text!r}"
        raise InvalidArgumentError(message)
    return RowRule(text, tuple(reader.columns), tree, names)


def _complete(tree: ast.expr, source: str) -> None:
    """Put back what the tree has lost of the text: digits, and parentheses around one member."""
    lines = source.encode().splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is float:
            node.value = _Written(
                lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
            )
        if isinstance(node, ast.Compare):
            for index, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
                before = lines[right.lineno - 1][: right.col_offset].rstrip()
                is_member = isinstance(operator, (ast.In, ast.NotIn))
                if is_member and before.endswith(b"(") and constant_of(right) is not None:
                    node.comparators[index] = ast.Tuple([right], ast.Load())


def dotted(node: ast.expr) -> str | None:
    """Return a name with its points, or None if the node is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def constant_of(node: ast.expr) -> Any:
    """Return a number, text or truth value that the node states, else None."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = constant_of(node.operand)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    return None


def _is_null(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id in _NULLS) or (
        isinstance(node, ast.Constant) and node.value is None
    )


class _Reader:
    """Walks a tree, refuses what is not on the whitelist, and collects the columns."""

    def __init__(self, text: str, names: dict[str, str]) -> None:
        self.columns: dict[str, None] = {}
        self._text = text
        self._names = names
        self._nodes = 0

    def _refuse(self, node: ast.AST, why: str) -> InvalidArgumentError:
        try:
            part = ast.unparse(node)
        except RecursionError:
            part = type(node).__name__
        for name, column in self._names.items():
            part = part.replace(name, f"`{column}`")
        return InvalidArgumentError(f"{why} in the rule {self._text!r}: {part}")

    def read(self, node: ast.expr, depth: int) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            message = f"the rule is too long or too deep: {self._text[:100]!r}"
            raise InvalidArgumentError(message)
        match node:
            case ast.Name(id=("true" | "false")):
                pass
            case ast.Name() | ast.Attribute():
                self._read_column(node)
            case ast.Constant(value=bool() | int() | float() | str()):
                pass
            case ast.BoolOp(values=values):
                for value in values:
                    self.read(value, depth + 1)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
                self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
                self.read(left, depth + 1)
                self.read(right, depth + 1)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _CALLS:
                self.read(argument, depth + 1)
            case ast.Compare():
                self._read_comparison(node, depth)
            case _:
                raise self._refuse(node, "there is no such thing")

    def _read_column(self, node: ast.expr) -> None:
        name = dotted(node)
        if name is None or name in _NULLS:
            raise self._refuse(node, "null is asked for by `is null`" if name else "not a column")
        self._names.setdefault(name, name)
        self.columns[self._names[name]] = None

    def _read_comparison(self, node: ast.Compare, depth: int) -> None:
        self.read(node.left, depth + 1)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.Is, ast.IsNot)):
                if not _is_null(right):
                    raise self._refuse(node, "`is` takes null alone")
            elif isinstance(operator, (ast.In, ast.NotIn)):
                items = right.elts if isinstance(right, (ast.Tuple, ast.List)) else None
                if not items or any(constant_of(item) is None for item in items):
                    raise self._refuse(node, "`in` takes a list of numbers or texts")
            elif type(operator) in COMPARISONS:
                self.read(right, depth + 1)
            else:
                raise self._refuse(node, "there is no such comparison")
