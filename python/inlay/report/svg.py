"""Charts as SVG inside the page: drawn by Vega, less what a still picture does not need."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

__all__ = ["draw", "interactive_bundle"]

_DROPPED = frozenset(
    {
        "aria-hidden",
        "aria-label",
        "aria-roledescription",
        "class",
        "fill-opacity",
        "font-family",
        "font-size",
        "font-weight",
        "opacity",
        "pointer-events",
        "role",
        "stroke-miterlimit",
        "version",
    }
)
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
# What Vega paints in these greys is an axis or its grid; the page has colours for both.
_LINES = {"#888": "axis", "#ddd": "grid"}


def draw(spec: dict[str, Any], label: str) -> str:
    """Draw a chart.

    Parameters
    ----------
    spec : dict
        A Vega-Lite specification.
    label : str
        What the picture shows, for those who do not see it.

    Returns
    -------
    str
        An ``svg`` element that takes its colours from the page.

    Raises
    ------
    ImportError
        If ``vl-convert-python`` is missing; the extra ``inlay[report]`` brings it.
    """
    made = _converter().vegalite_to_svg(spec)
    root = ET.fromstring(re.sub(r' xmlns(:\w+)?="[^"]*"', "", made))
    _slim(root)
    root.attrib = {
        "role": "img",
        "aria-label": label,
        **{key: root.attrib[key] for key in ("width", "height", "viewBox")},
    }
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def interactive_bundle() -> str:
    """Give Vega, Vega-Lite and Vega-Embed as one script, about 0.9 MB, that needs no network.

    Raises
    ------
    ImportError
        If ``vl-convert-python`` is missing; the extra ``inlay[report]`` brings it.
    """
    bundle: str = _converter().javascript_bundle()
    return bundle.replace("</script", "<\\/script")


def _converter() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        message = "the page needs vl-convert to draw: pip install 'inlay[report]'"
        raise ImportError(message) from error
    return vl_convert


def _slim(element: ET.Element) -> None:
    """Drop what shows nothing, merge bars of one colour, shorten numbers; text stays as it is."""
    for child in list(element):
        _slim(child)
        if _shows_nothing(child):
            element.remove(child)
    line = _LINES.get(element.get("stroke", ""))
    for name in list(element.attrib):
        if name in _DROPPED:
            del element.attrib[name]
        else:
            element.set(name, _LONG_NUMBER.sub(_two_digits, element.attrib[name]))
    if line is not None:
        del element.attrib["stroke"]
        element.set("class", line)
    if element.tag == "text":
        element.attrib.pop("fill", None)
    if element.get("transform") in {"translate(0,0)"}:
        del element.attrib["transform"]
    for i, child in enumerate(list(element)):
        # A group that says nothing itself gives its place to the only thing it holds.
        if child.tag == "g" and len(child) == 1 and not child.attrib:
            element[i] = child[0]
    _merge_paths(element)


def _shows_nothing(element: ET.Element) -> bool:
    if element.get("display") == "none":
        return True
    if element.tag == "g":
        return len(element) == 0
    # The frame that Vega lays under each group has neither colour nor line.
    return element.tag == "path" and not {"fill", "stroke"} & element.attrib.keys()


def _merge_paths(element: ET.Element) -> None:
    """Make one path of neighbours that differ in nothing but their outline."""
    last: ET.Element | None = None
    for child in list(element):
        if last is not None and last.tag == child.tag == "path" and _style(last) == _style(child):
            last.set("d", last.attrib["d"] + child.attrib["d"])
            element.remove(child)
        else:
            last = child


def _style(path: ET.Element) -> dict[str, str]:
    return {name: text for name, text in path.attrib.items() if name != "d"}


def _two_digits(found: re.Match[str]) -> str:
    return f"{float(found.group()):.2f}".rstrip("0").rstrip(".")
