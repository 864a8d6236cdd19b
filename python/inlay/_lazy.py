"""Names of a package that are loaded when they are first used."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["loader"]


def loader(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Name to the module that has it; a name whose module is that of a part of the package is
        the module itself.

    Notes
    -----
    Where a package that a name needs is not installed, the name is no attribute, and the error says
    what to install; an import statement, which would hide that error, gets a `ModuleNotFoundError`.
    """

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        import importlib

        try:
            module = importlib.import_module(home)
        except ModuleNotFoundError as error:
            needed = (error.name or "").partition(".")[0]
            if needed in ("", "inlay"):
                raise
            message = f"{package}.{name} needs {needed}, which is not installed: install {needed!r}"
            if sys._getframe(1).f_code.co_name == "_handle_fromlist":  # of importlib
                raise ModuleNotFoundError(message, name=error.name) from error
            raise AttributeError(message, name=name) from error
        value = module if home == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)  # the next access does not come here
        return value

    return load
