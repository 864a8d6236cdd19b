"""What the calling thread asks of CUDA while a block runs, seen by CUPTI.

``cupti_watch.c`` is built with the host's C compiler against the toolkit's CUPTI, once a session;
``INLAY_CUPTI_WATCH`` names one that was built before, for a machine without the headers.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("cupti_watch.c")


class NoCupti(Exception):
    """The watch cannot be built or started here; says what is missing."""


class _Counts(ctypes.Structure):
    _fields_ = [
        ("waits", ctypes.c_uint),
        ("allocations", ctypes.c_uint),
        ("legacy_stream", ctypes.c_uint),
        ("launches", ctypes.c_uint),
        ("calls", ctypes.c_uint),
        ("names", ctypes.c_char * 1024),
    ]


@dataclass
class Calls:
    """Counts of one block; filled when it ends."""

    waits: int = -1
    allocations: int = -1
    legacy_stream: int = -1
    launches: int = -1
    calls: int = -1
    names: str = ""


def _toolkits() -> Iterator[Path]:
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(name):
            yield Path(os.environ[name])
    nvcc = shutil.which("nvcc")
    if nvcc:
        yield Path(nvcc).resolve().parent.parent
    yield Path("/usr/local/cuda")
    # The toolkit as Python packages.
    yield from sorted((Path(sysconfig.get_path("purelib")) / "nvidia").glob("cu*"))


def _find() -> tuple[list[Path], Path]:
    """Return the folders of the headers, and the library."""
    headers: list[Path] = []
    library = None
    for root in _toolkits():
        for part in ("include", "extras/CUPTI/include", "targets/x86_64-linux/include"):
            if (root / part / "cupti.h").exists() or (root / part / "cuda.h").exists():
                headers.append(root / part)
        for part in ("lib64", "lib", "extras/CUPTI/lib64", "targets/x86_64-linux/lib"):
            if library is None:
                library = next(iter(sorted((root / part).glob("libcupti.so*"))), None)
    if not any((folder / "cupti.h").exists() for folder in headers):
        raise NoCupti("no cupti.h beside the CUDA toolkit")
    if library is None:
        raise NoCupti("no libcupti.so beside the CUDA toolkit")
    return headers, library


def build(folder: Path) -> Path:
    """Build the watch into ``folder`` and return it, or the one that was built elsewhere."""
    if os.environ.get("INLAY_CUPTI_WATCH"):
        return Path(os.environ["INLAY_CUPTI_WATCH"])
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoCupti("no C compiler")
    headers, library = _find()
    made = folder / "cupti_watch.so"
    command = [compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(made)]
    command += [f"-I{header}" for header in headers]
    command += [str(library), f"-Wl,-rpath,{library.parent}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoCupti(f"cupti_watch.c does not build: {done.stderr.strip()[-500:]}")
    return made


class Watch:
    """Counts calls of blocks; one at a time in a process, since CUPTI has one subscriber."""

    def __init__(self, folder: Path) -> None:
        made = build(folder)
        try:
            self._library = ctypes.CDLL(str(made))
        except OSError as error:
            raise NoCupti(f"the watch does not load: {error}") from error
        code = self._library.watch_start()
        if code:
            raise NoCupti(f"CUPTI refuses a subscriber, its code is {code}")

    def close(self) -> None:
        self._library.watch_stop()

    @contextmanager
    def calls(self) -> Iterator[Calls]:
        seen = Calls()
        counts = _Counts()
        self._library.watch_begin()
        try:
            yield seen
        finally:
            self._library.watch_end(ctypes.byref(counts))
            for name in ("waits", "allocations", "legacy_stream", "launches", "calls"):
                setattr(seen, name, int(getattr(counts, name)))
            seen.names = counts.names.decode()
