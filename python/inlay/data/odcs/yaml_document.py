"""A YAML text as plain values, and the line of each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay.data.checks.check import Fault

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Document", "dump_yaml", "load_yaml"]

_MAX_BYTES = 16 << 20
_MAX_NODES = 200_000  # with aliases written out


class Document:
    """What a YAML text holds.

    Attributes
    ----------
    value : object
        Dictionaries, lists, texts, numbers, truth values, dates and None.
    faults : list of Fault
        What is wrong with the text as such, such as a key that repeats.
    """

    def __init__(self, value: Any, lines: dict[tuple[Hashable, ...], int]) -> None:
        self.value = value
        self.faults: list[Fault] = []
        self._lines = lines

    def line(self, *path: Hashable) -> int | None:
        """Return the line of the value at a path of keys and indices, or of what holds it."""
        while path not in self._lines and path:
            path = path[:-1]
        return self._lines.get(path)


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        message = "contracts as YAML need PyYAML: pip install 'inlay[contracts]'"
        raise ImportError(message) from error
    return yaml


def load_yaml(text: str) -> Document:
    """Read a YAML text without running anything it may ask for.

    Aliases are allowed as long as the text stays small when they are written out.

    Returns
    -------
    Document
        With faults and the value None if the text is no YAML.

    Raises
    ------
    ImportError
        If PyYAML is not installed.
    """
    yaml = _yaml()
    refused = Document(None, {})
    if len(text) > _MAX_BYTES:
        refused.faults.append(Fault(f"the text is longer than {_MAX_BYTES} characters"))
        return refused
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, {})
        if _written_out(node) > _MAX_NODES:
            message = f"the text has more than {_MAX_NODES} values when its aliases are written out"
            refused.faults.append(Fault(message))
            return refused
        lines: dict[tuple[Hashable, ...], int] = {}
        repeated: list[Fault] = []
        _note_lines(yaml, loader, node, (), lines, repeated)
        document = Document(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = error.problem or error.context or "this is no YAML"
        refused.faults.append(Fault(message, None if mark is None else mark.line + 1))
        return refused
    except yaml.YAMLError as error:  # characters that YAML does not allow
        refused.faults.append(Fault(str(error).splitlines()[0]))
        return refused
    except RecursionError:
        refused.faults.append(Fault("the text is nested too deep"))
        return refused
    except (ValueError, TypeError, OverflowError) as error:  # a date such as 2024-13-45
        refused.faults.append(Fault(f"a value cannot be read: {error}"))
        return refused
    finally:
        if loader is not None:
            loader.dispose()
    document.faults.extend(repeated)
    return document


def _written_out(root: Any) -> int:
    """Return how many nodes a walk of the tree meets; a node that holds itself has too many."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        key = id(node)
        if key in sizes:
            return sizes[key]
        if key in open_nodes:
            return _MAX_NODES + 1
        open_nodes.add(key)
        total = 1
        if isinstance(node.value, list):
            for child in node.value:
                for part in child if isinstance(child, tuple) else (child,):
                    total += size(part)
        open_nodes.discard(key)
        sizes[key] = total
        return total

    return size(root)


def _note_lines(
    yaml: Any,
    loader: Any,
    node: Any,
    path: tuple[Hashable, ...],
    lines: dict[tuple[Hashable, ...], int],
    repeated: list[Fault],
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _note_lines(yaml, loader, child, (*path, index), lines, repeated)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key_node, child in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            line = key_node.start_mark.line + 1
            if key in seen and key is not None and key_node.tag != "tag:yaml.org,2002:merge":
                repeated.append(Fault(f"the key {key!r} is there twice", line))
            seen.add(key)
            # A key's own line: that of its value may be the next one.
            lines[(*path, key)] = line
            _note_lines(yaml, loader, child, (*path, key), lines, repeated)


def dump_yaml(value: Any) -> str:
    """Return plain values as YAML, keys in their order.

    Raises
    ------
    ImportError
        If PyYAML is not installed.
    """
    yaml = _yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    text: str = yaml.dump(
        value,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return text
