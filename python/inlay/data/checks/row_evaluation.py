"""Works a row rule out over arrays, by pyarrow's kernels and three-valued logic."""

from __future__ import annotations

import ast
import decimal
import fractions
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from inlay.data.checks.row_rule import ARITHMETIC, COMPARISONS, constant_of, dotted

if TYPE_CHECKING:
    from collections.abc import Callable

    from inlay.data.checks.row_rule import RowRule

__all__ = ["evaluate"]

_MAX_DIGITS = 76  # of decimal256
_NARROW_DIGITS = 38  # of decimal128


class _Number(NamedTuple):
    """A number that the rule states, exact until the type it meets is known."""

    value: fractions.Fraction | float
    whole: bool


def evaluate(rule: RowRule, column: Callable[[str], Any], rows: int) -> Any:
    """Return a boolean array; `RowRule.evaluate` says how."""
    import pyarrow as pa

    found = _alone(_Evaluation(rule, column).of(rule.tree))
    if isinstance(found, pa.Scalar):
        found = pa.repeat(found, rows)
    if not pa.types.is_boolean(found.type):
        message = f"the rule is {found.type}, not true or false: {rule.text}"
        raise pa.ArrowTypeError(message)
    return found


class _Evaluation:
    """One walk through a tree."""

    def __init__(self, rule: RowRule, column: Callable[[str], Any]) -> None:
        self._names = rule.names
        self._column = column

    def of(self, node: ast.expr) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        match node:
            case ast.Name(id=("true" | "false") as name):
                return pa.scalar(name == "true")
            case ast.Name() | ast.Attribute():
                return _plain(self._column(self._names[dotted(node) or ""]))
            case ast.Constant(value=bool() | str() as constant):
                return pa.scalar(constant)
            case ast.Constant(value=int() | float() as constant):
                return _number(constant)
            case ast.BoolOp(op=operator, values=values):
                join = "and" if isinstance(operator, ast.And) else "or"
                found = _alone(self.of(values[0]))
                for value in values[1:]:
                    found = _call(f"{join}_kleene", join, found, _alone(self.of(value)))
                return found
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _call("invert", "not", _alone(self.of(operand)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                found = self.of(operand)
                if isinstance(found, _Number):
                    return found._replace(value=-found.value)
                return _call("negate_checked", "-", _wide(found))
            case ast.UnaryOp(operand=operand):
                return self.of(operand)
            case ast.BinOp(left=left, op=operator, right=right):
                return _arithmetic(self.of(left), operator, self.of(right))
            case ast.Call(func=ast.Name(id="abs"), args=[argument]):
                return _call("abs_checked", "abs()", _wide(_alone(self.of(argument))))
            case ast.Call(args=[argument]):
                return _length(_alone(self.of(argument)))
            case ast.Compare():
                found = None
                left = self.of(node.left)
                for comparison, right in zip(node.ops, node.comparators, strict=True):
                    part, left = self._comparison(left, comparison, right)
                    found = part if found is None else pc.and_kleene(found, part)
                return found
        raise AssertionError(node)

    def _comparison(self, left: Any, operator: ast.cmpop, node: ast.expr) -> tuple[Any, Any]:
        """Return what one comparison gives, and its right side for the next of a chain."""
        import pyarrow.compute as pc

        if isinstance(operator, (ast.Is, ast.IsNot)):
            left = _alone(left)
            return (pc.is_null if isinstance(operator, ast.Is) else pc.is_valid)(left), left
        if isinstance(operator, (ast.In, ast.NotIn)):
            assert isinstance(node, (ast.Tuple, ast.List))
            left = _alone(left)
            found = _membership(left, [constant_of(item) for item in node.elts])
            return (pc.invert(found) if isinstance(operator, ast.NotIn) else found), left
        right = self.of(node)
        symbol, kernel = COMPARISONS[type(operator)]
        first, second = _alike(left, right)
        digits = _digits(first, second)
        if digits is not None:
            whole, scale = digits
            first, second = _roomy(first, second, whole + scale)
        return _call(kernel, symbol, first, second), right


def _plain(array: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if str(array.type) == "string_view":
        array = array.cast(pa.large_utf8())
    return array


def _call(kernel: str, symbol: str, *sides: Any) -> Any:
    """Call a kernel; where it does not know the types, name the operator and them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return getattr(pc, kernel)(*sides)
    except pa.ArrowNotImplementedError:
        types = " and ".join(str(side.type) for side in sides)
        message = f"{symbol} does not take {types}"
        raise pa.ArrowTypeError(message) from None


# ---- numbers that the rule states ------------------------------------------------------------


def _number(constant: float) -> _Number:
    whole = isinstance(constant, int)
    # Beyond this a float says all there is to say, and its digits would fill the memory.
    if not whole and not (constant == 0 or 1e-100 < abs(constant) < 1e100):
        return _Number(constant, whole)
    # The digits as they were written: a float's own are those of a binary fraction.
    return _Number(fractions.Fraction(str(constant)), whole)


def _nearest(value: fractions.Fraction | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _alone(side: Any) -> Any:
    """Return a number that meets no column as pyarrow has it: int64 or double."""
    import pyarrow as pa

    if not isinstance(side, _Number):
        return side
    return pa.scalar(int(side.value) if side.whole else _nearest(side.value))


def _scalar(number: _Number, arrow_type: Any) -> Any:
    """Return a number as what it is to be set against: its exact decimal, or the nearest float."""
    import numpy as np
    import pyarrow as pa

    types = pa.types
    value = number.value
    if types.is_decimal(arrow_type):
        exact = _decimal_of(value)
        if exact is not None:
            return pa.scalar(exact)
    if types.is_uint64(arrow_type) and number.whole and 0 <= value < 2**64:
        return pa.scalar(int(value), arrow_type)
    if not number.whole and (types.is_float32(arrow_type) or types.is_float16(arrow_type)):
        # What the column holds of such a number is the nearest of its own type.
        with np.errstate(over="ignore"):
            near = arrow_type.to_pandas_dtype()(_nearest(value))
        if np.isfinite(near):
            return pa.scalar(near, arrow_type)
    return _alone(number)


def _decimal_of(value: fractions.Fraction | float) -> decimal.Decimal | None:
    """Return a number as a decimal if it is one of at most 76 digits."""
    if isinstance(value, float):
        return None
    scale, rest = 0, value
    while rest.denominator != 1:
        scale, rest = scale + 1, rest * 10
        if scale > _MAX_DIGITS:
            return None
    if len(str(abs(rest.numerator))) > _MAX_DIGITS:
        return None
    digits = tuple(map(int, str(abs(rest.numerator))))
    return decimal.Decimal((rest < 0, digits, -scale))


# ---- what two sides become before they meet --------------------------------------------------


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Read numbers and texts of the rule as what the other side holds."""
    import pyarrow as pa

    if isinstance(left, _Number):
        left = _alone(left) if isinstance(right, _Number) else _scalar(left, right.type)
    if isinstance(right, _Number):
        right = _scalar(right, left.type)
    for first, second in ((left, right), (right, left)):
        if isinstance(second, pa.Scalar) and pa.types.is_string(second.type):
            converted = _from_text(second.as_py(), first.type)
            if converted is not None:
                return (left, converted) if second is right else (converted, right)
    return left, right


def _from_text(text: str, arrow_type: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_temporal(arrow_type):
        return _time_scalar(text, arrow_type)
    if pa.types.is_decimal(arrow_type):
        try:
            return pa.scalar(decimal.Decimal(text))
        except decimal.InvalidOperation:
            message = f"{text!r} is no {arrow_type}"
            raise pa.ArrowTypeError(message) from None
    return None


def _wide(side: Any) -> Any:
    """Return integers as int64: those of few bits overflow long before the numbers are large."""
    import pyarrow as pa

    types = pa.types
    if types.is_integer(side.type) and not types.is_uint64(side.type):
        return side.cast(pa.int64())
    return side


def _digits(left: Any, right: Any) -> tuple[int, int] | None:
    """Return how many digits both sides need before and after the point; None if no decimals."""
    import pyarrow as pa

    types = pa.types
    if not (types.is_decimal(left.type) or types.is_decimal(right.type)):
        return None
    whole = scale = 0
    for side in (left, right):
        if types.is_decimal(side.type):
            whole = max(whole, side.type.precision - side.type.scale)
            scale = max(scale, side.type.scale)
        elif types.is_integer(side.type):
            whole = max(whole, 20)
        else:
            return None
    return whole, scale


def _roomy(left: Any, right: Any, digits: int) -> tuple[Any, Any]:
    """Return decimals of 256 bits where 128 are too few for so many digits."""
    import pyarrow as pa

    if digits <= _NARROW_DIGITS:
        return left, right

    def wide(side: Any) -> Any:
        if not pa.types.is_decimal128(side.type):
            return side
        return side.cast(pa.decimal256(side.type.precision, side.type.scale))

    return wide(left), wide(right)


def _folded(left: _Number, operator: ast.operator, right: _Number) -> _Number | None:
    """Work out what two numbers of the rule give, exactly; None where that is undefined."""
    first, second = left.value, right.value
    if isinstance(operator, ast.Div):
        return None if second == 0 else _Number(first / second, whole=False)
    whole = left.whole and right.whole
    match operator:
        case ast.Add():
            return _Number(first + second, whole)
        case ast.Sub():
            return _Number(first - second, whole)
    return _Number(first * second, whole)


def _arithmetic(left: Any, operator: ast.operator, right: Any) -> Any:
    import pyarrow as pa

    if isinstance(left, _Number) and isinstance(right, _Number):
        folded = _folded(left, operator, right)
        if folded is not None:
            return folded
    left, right = (_wide(side) for side in _alike(left, right))
    symbol, kernel = ARITHMETIC[type(operator)]
    if isinstance(operator, ast.Div):
        # Of integers too the true quotient is meant, not the one cut off.
        left, right = (
            side.cast(pa.float64(), safe=False) if pa.types.is_integer(side.type) else side
            for side in (left, right)
        )
    digits = _digits(left, right)
    if digits is not None:
        product = sum(getattr(side.type, "precision", 20) for side in (left, right))
        needed = product if isinstance(operator, ast.Mult) else sum(digits)
        left, right = _roomy(left, right, needed + 1)
    return _call(kernel, symbol, left, right)


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

    types = pa.types
    if types.is_string(array.type) or types.is_large_string(array.type):
        return _call("utf8_length", "len()", array)
    if types.is_nested(array.type):
        return _call("list_value_length", "len()", array)
    return _call("binary_length", "len()", array)


def _membership(array: Any, values: list[Any]) -> Any:
    """Return whether each value is one of a list; null for null, as SQL has it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.Scalar):
        array = pa.array([array.as_py()], array.type)
    if pa.types.is_temporal(array.type):
        times = [_time_scalar(value, array.type).as_py() for value in values]
        members = pa.array(times, array.type)
    elif pa.types.is_decimal(array.type):
        members = pa.array(_decimals(values, array.type), array.type)
    else:
        members = pa.array(values)
        if pa.types.is_integer(array.type) and pa.types.is_floating(members.type):
            array = array.cast(pa.float64(), safe=False)
        else:
            members = members.cast(array.type)
    found = _call_is_in(array, members)
    return pc.if_else(pc.is_valid(array), found, pa.scalar(None, pa.bool_()))


def _call_is_in(array: Any, members: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.is_in(array, value_set=members)
    except pa.ArrowNotImplementedError:
        message = f"in does not take {array.type} and {members.type}"
        raise pa.ArrowTypeError(message) from None


def _decimals(values: list[Any], arrow_type: Any) -> list[decimal.Decimal]:
    """Return the values that a column of decimals can hold; no row equals any other."""
    import pyarrow as pa

    found = []
    for value in values:
        if isinstance(value, bool):
            message = f"{value!r} is no {arrow_type}"
            raise pa.ArrowTypeError(message)
        if isinstance(value, str):
            exact = _from_text(value, arrow_type).as_py()
        else:
            exact = _decimal_of(_number(value).value)
        try:
            found.append(pa.scalar(exact, arrow_type).as_py())
        except pa.ArrowInvalid:
            continue
    return [value for value in found if value is not None]
