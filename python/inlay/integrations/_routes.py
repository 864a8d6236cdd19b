"""Route templates of ASGI frameworks, read from the scope that the router left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

__all__ = ["UNMATCHED", "RouteOf", "key_of", "template_of"]

Scope = MutableMapping[str, Any]
RouteOf = Callable[[Mapping[str, Any]], str | None]

#: What every request gets whose path belongs to no route, so that made-up paths add no series.
UNMATCHED = "unmatched"

# A mount inside a mount inside … : deeper than this is a loop, not an application.
_MAX_DEPTH = 32


def key_of(scope: Scope) -> object | None:
    """Find the object that stands for the matched route.

    Parameters
    ----------
    scope : mapping
        The ASGI scope after the application ran.

    Returns
    -------
    object or None
        FastAPI's context of an included route (the route itself does not know the prefix it
        was included under), else the route, else the endpoint; None when nothing matched.
    """
    route = scope.get("route")
    extension = scope.get("fastapi")
    if isinstance(extension, dict):
        context = extension.get("effective_route_context")
        # A context whose route is not the one that ran is left from an earlier attempt to match.
        if context is not None and (
            route is None or getattr(context, "original_route", None) is route
        ):
            return context  # type: ignore[no-any-return]
    return route if route is not None else scope.get("endpoint")


def template_of(scope: Scope) -> tuple[str | None, bool]:
    """Find the template of the route that served a request.

    Parameters
    ----------
    scope : mapping
        The ASGI scope after the application ran.

    Returns
    -------
    template : str or None
        The path with its parameters by name, mounts included, such as ``/users/{id}``; None
        when no route matched.
    stable : bool
        Whether the same ``key_of`` always has this template. It has not where one endpoint
        serves several routes and the framework does not say which.
    """
    key = key_of(scope)
    routes = _routes_of(scope.get("router"))
    path = _path_under(scope, scope.get("app_root_path", scope.get("root_path", "")))
    if "app_root_path" in scope:  # what a mount leaves behind
        prefix, routes, path = _walk_mounts(routes, path, scope.get("root_path", ""), scope)
    else:
        prefix = ""
    template = getattr(key, "path_format", None)
    if isinstance(template, str):
        if _is_mount(key):
            # The mount itself is what the innermost router found: its name is in the prefix.
            return (prefix or template.removesuffix("/{path}")) + "/{path}", False
        return prefix + template, True
    if key is not None and callable(key):
        found = [r for r in routes if getattr(r, "endpoint", None) is key]
        if len(found) == 1:
            return prefix + str(getattr(found[0], "path_format", found[0].path)), True
        for route in found:
            regex = getattr(route, "path_regex", None)
            if regex is not None and regex.match(path) and _serves(route, scope):
                return prefix + str(route.path_format), False
    return (prefix + "/{path}" if prefix else None), False


def _walk_mounts(
    routes: list[Any], path: str, root: str, scope: Scope
) -> tuple[str, list[Any], str]:
    """Follow the mounts from the outermost router down to the application that answered.

    ``root_path`` holds what the mounts matched, not their templates: a mount at ``/{tenant}``
    would make a series for each tenant.
    """
    prefix = ""
    eaten = scope.get("app_root_path", "")
    for _ in range(_MAX_DEPTH):
        if eaten == root:
            break
        for route in routes:
            if not _is_mount(route):
                continue
            match = route.path_regex.match(path)
            if match is None:
                continue
            rest = "/" + match["path"]
            eaten += path[: len(path) - len(rest)]
            prefix += route.path
            path = rest
            routes = _routes_of(route)
            break
        else:
            break
    return prefix, routes, path


def _routes_of(router: object) -> list[Any]:
    routes = getattr(router, "routes", None)
    return list(routes) if isinstance(routes, list | tuple) else []


def _is_mount(route: object) -> bool:
    template = getattr(route, "path_format", None)
    return (
        isinstance(template, str)
        and template.endswith("/{path}")
        and hasattr(route, "routes")
        and getattr(route, "path_regex", None) is not None
    )


def _serves(route: object, scope: Scope) -> bool:
    methods = getattr(route, "methods", None)
    return not methods or scope.get("method") in methods


def _path_under(scope: Scope, root: str) -> str:
    path: str = scope.get("path", "")
    return path[len(root) :] if root and path.startswith(root) else path
