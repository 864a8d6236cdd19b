"""Writes src/stub_names.inc: the names that callers look up and that have no body here."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
STUBS = HERE / "src" / "stub_names.inc"


def implemented() -> set[str]:
    """Names with a body."""
    names = {"nvmlErrorString"}
    for source in sorted((HERE / "src").glob("*.cpp")):
        if source.name != "stubs.cpp":
            names |= set(re.findall(r"FAKE_NVML_\w+\(\s*(nvml\w+)", source.read_text("utf-8")))
    return names


def looked_up(pynvml: Path) -> set[str]:
    """Names that the module `pynvml` asks the library for."""
    text = pynvml.read_text("utf-8")
    return set(re.findall(r'_nvmlGetFunctionPointer\(\s*"(nvml\w+)"', text))


def declared(header: Path) -> set[str]:
    """Names that the vendor's header declares."""
    return set(re.findall(r"DECLDIR\s+(?:char\s*\*\s*)?(nvml\w+)\s*\(", header.read_text("utf-8")))


def stubs() -> set[str]:
    """Names in the list as it is."""
    return set(re.findall(r"FAKE_NVML_STUB\((nvml\w+)\)", STUBS.read_text("utf-8")))


def main(pynvml: str, *headers: str) -> None:
    names = looked_up(Path(pynvml))
    for header in headers:
        names |= declared(Path(header))
    lines = [f"FAKE_NVML_STUB({name})\n" for name in sorted(names - implemented())]
    STUBS.write_text("".join(lines), "utf-8")
    print(f"{len(lines)} stubs, {len(implemented())} with a body")


if __name__ == "__main__":
    main(*sys.argv[1:])
