"""The fake NVML of tests/nvml: built once, its scenarios, and its own functions.

``library()`` gives the path of ``libnvidia-ml.so.1``; ``Fake(path)`` its own functions in this
process. pynvml keeps what it once loaded, so what uses both belongs in a process of its own:
``run(code, scenario)``.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
SOURCES = PROJECT / "tests/nvml"
SCENARIOS = SOURCES / "scenarios"
NAME = "libnvidia-ml.so.1"

Play = Callable[[str, str], Any]


def _digest(sanitize: str) -> str:
    digest = hashlib.sha256(sanitize.encode())
    for path in sorted([*SOURCES.glob("src/*"), SOURCES / "CMakeLists.txt"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(folder: Path, sanitize: str) -> None:
    if shutil.which("cmake") and shutil.which("ninja"):
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            # The Makefile of a developer's shell may name other compilers' flags; only these count.
            configure = ["cmake", "-S", str(SOURCES), "-B", scratch, "-G", "Ninja"]
            configure += [f"-DINLAY_SANITIZE={sanitize}", "-DCMAKE_BUILD_TYPE=Release"]
            subprocess.run(configure, check=True, capture_output=True)
            subprocess.run(["ninja", "-j2", "-C", scratch], check=True, capture_output=True)
            shutil.move(str(Path(scratch) / "fake_nvml" / NAME), folder / NAME)
        return
    flags = ["-std=c++20", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread"]
    if sanitize:
        flags += [f"-fsanitize={sanitize}", "-fno-sanitize-recover=all"]
    sources = [str(path) for path in sorted(SOURCES.glob("src/*.cpp"))]
    command = [os.environ.get("CXX", "c++"), *flags, f"-Wl,-soname,{NAME}", *sources]
    subprocess.run([*command, "-o", str(folder / NAME)], check=True, capture_output=True)


def library(
    scenario: str | os.PathLike[str] | None = None,
    *,
    without: Iterable[str] = (),
    sanitize: str = "",
) -> Path:
    """Build the library, unless these sources were built before.

    Parameters
    ----------
    scenario : path, optional
        Functions that its lines ``without NAME`` name are missing from the library, as from an old
        driver's; in the library built without it they give "function not found".
    without : iterable of str
        More such functions.
    sanitize : str
        As ``-fsanitize=`` takes it.

    Returns
    -------
    Path
        ``libnvidia-ml.so.1`` in a folder of its own, so that it can stand in ``LD_LIBRARY_PATH``.
    """
    cache = PROJECT / "build/fake_nvml"
    folder = cache / _digest(sanitize)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / NAME).exists():
            _build(folder, sanitize)
        names = set(without)
        if scenario is not None:
            text = Path(scenario).read_text("utf-8")
            names |= set(re.findall(r"^\s*without\s+(\w+)", text, re.MULTILINE))
        if not names:
            return folder / NAME
        digest = hashlib.sha256(" ".join(sorted(names)).encode()).hexdigest()[:16]
        variant = folder / digest / NAME
        if not variant.exists():
            variant.parent.mkdir(exist_ok=True)
            part = variant.with_suffix(".part")
            part.write_bytes(_hide((folder / NAME).read_bytes(), names))
            part.rename(variant)
        return variant


def _hide(image: bytes, names: set[str]) -> bytes:
    """Rename symbols in a library's table of names: a look-up by hash and name misses them."""
    # The section headers of an ELF file of 64 bits, little-endian.
    (table,) = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, table + i * size) for i in range(count)]
    # The names of the dynamic symbols (section type 11) are in the section that theirs links to.
    symbols = next(header for header in headers if header[1] == 11)
    start, length = headers[symbols[6]][4:6]
    text = image[start : start + length]
    for name in sorted(names):
        entry = b"\0" + name.encode() + b"\0"
        if entry not in text:
            raise ValueError(f"no such function in the library: {name}")
        text = text.replace(entry, b"\0~" + name[1:].encode() + b"\0")
    return image[:start] + text + image[start + length :]


def scenario(text: str, folder: Path) -> Path:
    """Write a scenario to a file of its own in `folder`."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = folder / f"{digest}.nvml"
    path.write_text(text, "utf-8")
    return path


class Fake:
    """The fake's own functions, in this process.

    Parameters
    ----------
    path : Path
        What ``library()`` gave.
    """

    def __init__(self, path: Path) -> None:
        self.dll = ctypes.CDLL(str(path))
        self.dll.inlay_fake_nvml_error.restype = ctypes.c_char_p
        self.dll.inlay_fake_nvml_load.argtypes = [ctypes.c_char_p]
        self.dll.inlay_fake_nvml_load_text.argtypes = [ctypes.c_char_p]
        self.dll.inlay_fake_nvml_advance.argtypes = [ctypes.c_double]
        self.dll.inlay_fake_nvml_advance.restype = None
        self.dll.inlay_fake_nvml_now.restype = ctypes.c_double
        self.dll.inlay_fake_nvml_calls.argtypes = [ctypes.c_char_p]
        self.dll.inlay_fake_nvml_calls.restype = ctypes.c_ulonglong
        self.dll.inlay_fake_nvml_reset_calls.restype = None

    def load(self, path: str | os.PathLike[str]) -> None:
        """Load a scenario's file; handles from before are invalid and the time is 0."""
        if self.dll.inlay_fake_nvml_load(os.fsencode(path)) != 0:
            raise ValueError(self.dll.inlay_fake_nvml_error().decode("utf-8", "replace"))

    def load_text(self, text: str | bytes) -> None:
        """Load a scenario's text."""
        raw = text.encode() if isinstance(text, str) else text
        if self.dll.inlay_fake_nvml_load_text(raw) != 0:
            raise ValueError(self.dll.inlay_fake_nvml_error().decode("utf-8", "replace"))

    def advance(self, seconds: float) -> None:
        """Move the clock forwards."""
        self.dll.inlay_fake_nvml_advance(seconds)

    def now(self) -> float:
        """Seconds since the scenario was loaded."""
        return float(self.dll.inlay_fake_nvml_now())

    def calls(self, name: str | None = None) -> int:
        """How often a function, or any, was called since the last reset."""
        return int(self.dll.inlay_fake_nvml_calls(None if name is None else name.encode()))

    def reset_calls(self) -> None:
        """Count anew."""
        self.dll.inlay_fake_nvml_reset_calls()


def environment(scenario: Path | None, path: Path | None = None) -> dict[str, str]:
    """Variables for a process that shall find the fake by its name."""
    found = path if path is not None else library(scenario)
    variables = dict(os.environ, LD_LIBRARY_PATH=str(found.parent))
    variables.pop("INLAY_NVML_SCENARIO", None)
    if scenario is not None:
        variables["INLAY_NVML_SCENARIO"] = str(scenario)
    return variables


def run(
    code: str, scenario: Path | None = None, *, timeout: float = 60, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own that finds the fake by its name."""
    env = environment(scenario) | variables
    python = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(python, env=env, capture_output=True, text=True, timeout=timeout)


@contextmanager
def player() -> Iterator[Play]:
    """Start a process that has only the fake and a manual clock, and runs code on scenarios.

    ``ask(scenario, code)`` gives what the code assigned to ``result``; fake_nvml_player.py says
    what the code finds.
    """
    script = Path(__file__).with_name("fake_nvml_player.py")
    command = [sys.executable, str(script), str(library())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def ask(scenario: str, code: str) -> Any:
            text = f"clock manual\nepoch 1700000000\n{scenario}"
            requests.write(json.dumps({"scenario": text, "code": code}) + "\n")
            requests.flush()
            answer = json.loads(answers.readline())
            assert "error" not in answer, answer["error"]
            return answer["result"]

        yield ask
        requests.close()
