"""Row rules: an expression over the columns of one row, parsed by a whitelist and never run."""

from __future__ import annotations

import ast
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RowRule", "parse_rule"]

_MAX_LENGTH = 10_000
_MAX_NODES = 1_000
_MAX_DEPTH = 100
_QUOTED = re.compile(r"`([^`]+)`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "less"),
    ast.LtE: ("<=", "less_equal"),
    ast.Eq: ("==", "equal"),
    ast.NotEq: ("!=", "not_equal"),
    ast.Gt: (">", "greater"),
    ast.GtE: (">=", "greater_equal"),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add_checked",
    ast.Sub: "subtract_checked",
    ast.Mult: "multiply_checked",
    ast.Div: "divide",
}
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
        entry = _COMPARISONS.get(type(node.ops[0]))
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
        constant = _constant(right)
        return None if constant is None else (first, operator, ("value", constant))

    def _path(self, node: ast.expr) -> str | None:
        name = _dotted(node)
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
        import pyarrow as pa

        found = _Evaluation(self, column, rows).of(self.tree)
        if isinstance(found, pa.Scalar):
            found = pa.repeat(found, rows)
        if not pa.types.is_boolean(found.type):
            message = f"the rule is {found.type}, not true or false: {self.text}"
            raise pa.ArrowTypeError(message)
        return found


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
    reader = _Reader(text, names)
    reader.read(tree, 0)
    if not reader.columns:
        message = f"the rule names no column: {text!r}"
        raise InvalidArgumentError(message)
    return RowRule(text, tuple(reader.columns), tree, names)


def _dotted(node: ast.expr) -> str | None:
    """Return a name with its points, or None if the node is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def _constant(node: ast.expr) -> Any:
    """Return a number, text or truth value that the node states, else None."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _constant(node.operand)
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
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
                self.read(left, depth + 1)
                self.read(right, depth + 1)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _CALLS:
                self.read(argument, depth + 1)
            case ast.Compare():
                self._read_comparison(node, depth)
            case _:
                raise self._refuse(node, "there is no such thing")

    def _read_column(self, node: ast.expr) -> None:
        name = _dotted(node)
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
                if not items or any(_constant(item) is None for item in items):
                    raise self._refuse(node, "`in` takes a list of numbers or texts")
            elif type(operator) in _COMPARISONS:
                self.read(right, depth + 1)
            else:
                raise self._refuse(node, "there is no such comparison")


class _Evaluation:
    """Works a tree out over arrays, by pyarrow's kernels and three-valued logic."""

    def __init__(self, rule: RowRule, column: Callable[[str], Any], rows: int) -> None:
        self._names = rule.names
        self._column = column
        self._rows = rows

    def of(self, node: ast.expr) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        match node:
            case ast.Name(id=("true" | "false") as name):
                return pa.scalar(name == "true")
            case ast.Name() | ast.Attribute():
                return self._plain(self._column(self._names[_dotted(node) or ""]))
            case ast.Constant(value=constant):
                return pa.scalar(constant)
            case ast.BoolOp(op=operator, values=values):
                join = pc.and_kleene if isinstance(operator, ast.And) else pc.or_kleene
                found = self.of(values[0])
                for value in values[1:]:
                    found = join(found, self.of(value))
                return found
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return pc.invert(self.of(operand))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return pc.negate_checked(self.of(operand))
            case ast.UnaryOp(operand=operand):
                return self.of(operand)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._arithmetic(self.of(left), operator, self.of(right))
            case ast.Call(func=ast.Name(id="abs"), args=[argument]):
                return pc.abs_checked(self.of(argument))
            case ast.Call(args=[argument]):
                return _length(self.of(argument))
            case ast.Compare():
                return self._comparison(node)
        raise AssertionError(node)

    def _plain(self, array: Any) -> Any:
        import pyarrow as pa

        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if str(array.type) == "string_view":
            array = array.cast(pa.large_utf8())
        return array

    def _arithmetic(self, left: Any, operator: ast.operator, right: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        left, right = _alike(left, right)
        if isinstance(operator, ast.Div):
            # Of integers too the true quotient is meant, not the one cut off.
            left, right = (
                side.cast(pa.float64(), safe=False) if pa.types.is_integer(side.type) else side
                for side in (left, right)
            )
        return getattr(pc, _ARITHMETIC[type(operator)])(left, right)

    def _comparison(self, node: ast.Compare) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = None
        left = self.of(node.left)
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.Is, ast.IsNot)):
                part = pc.is_null(left) if isinstance(operator, ast.Is) else pc.is_valid(left)
            elif isinstance(operator, (ast.In, ast.NotIn)):
                assert isinstance(right_node, (ast.Tuple, ast.List))
                part = _membership(left, [_constant(item) for item in right_node.elts])
                part = pc.invert(part) if isinstance(operator, ast.NotIn) else part
            else:
                right = self.of(right_node)
                part = getattr(pc, _COMPARISONS[type(operator)][1])(*_alike(left, right))
                left = right
            found = part if found is None else pc.and_kleene(found, part)
        return pa.scalar(True) if found is None else found


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Read a text that is set against a time as that time; keep decimals with whole numbers."""
    import pyarrow as pa

    for first, second in ((left, right), (right, left)):
        text = isinstance(second, pa.Scalar) and pa.types.is_string(second.type)
        if text and pa.types.is_temporal(first.type):
            converted = _time_scalar(second.as_py(), first.type)
            return (left, converted) if second is right else (converted, right)
        if text and pa.types.is_decimal(first.type):
            converted = pa.scalar(second.as_py()).cast(first.type)
            return (left, converted) if second is right else (converted, right)
    return left, right


def _time_scalar(text: str, arrow_type: Any) -> Any:
    import datetime

    import pyarrow as pa

    types = pa.types
    try:
        if types.is_timestamp(arrow_type):
            return pa.scalar(datetime.datetime.fromisoformat(text), arrow_type)
        if types.is_date(arrow_type):
            return pa.scalar(datetime.date.fromisoformat(text), arrow_type)
        if types.is_time(arrow_type):
            return pa.scalar(datetime.time.fromisoformat(text), arrow_type)
    except ValueError as error:
        raise pa.ArrowTypeError(str(error)) from None
    message = f"{text!r} is no {arrow_type}"
    raise pa.ArrowTypeError(message)


def _length(array: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if types.is_string(array.type) or types.is_large_string(array.type):
        return pc.utf8_length(array)
    if types.is_nested(array.type):
        return pc.list_value_length(array)
    return pc.binary_length(array)


def _membership(array: Any, values: list[Any]) -> Any:
    """Return whether each value is one of a list; null for null, as SQL has it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.Scalar):
        array = pa.array([array.as_py()], array.type)
    if pa.types.is_temporal(array.type):
        times = [_time_scalar(value, array.type).as_py() for value in values]
        members = pa.array(times, array.type)
    else:
        members = pa.array(values)
        if pa.types.is_integer(array.type) and pa.types.is_floating(members.type):
            array = array.cast(pa.float64(), safe=False)
        else:
            members = members.cast(array.type)
    found = pc.is_in(array, value_set=members)
    return pc.if_else(pc.is_valid(array), found, pa.scalar(None, pa.bool_()))
