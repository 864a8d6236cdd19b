"""What a measurement has to be read with: the machine, the interpreter, the versions."""

from __future__ import annotations

import os
import platform
import re
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["facts", "slug"]

#: Instruction sets that change what kernels run, of the many a processor lists.
_ISA = ("sse4_2", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "neon", "asimd", "sve")


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.split("\n\n", 1)[0].splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def facts(libraries: Iterable[str] = ()) -> dict[str, Any]:
    """Return the facts as data for JSON; none of them names the machine or its user.

    Parameters
    ----------
    libraries : iterable of str
        Distributions whose versions belong to the facts; those not installed are left out.

    Returns
    -------
    dict
        ``cpu``, ``cores``, ``isa``, ``memory_gib``, ``kernel``, ``python``, ``build`` (how the
        core was built), ``versions`` and more.
    """
    from inlay import build_info

    cpu = _cpuinfo()
    flags = set((cpu.get("flags") or cpu.get("Features") or "").split())
    versions = {}
    for name in libraries:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "cpu_family": cpu.get("cpu family"),
        "cpu_model": cpu.get("model"),
        "cores": os.cpu_count(),
        "isa": [name for name in _ISA if name in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": ".".join(re.findall(r"\d+", platform.release())[:2]),  # the rest names a vendor
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "python_compiler": platform.python_compiler(),
        "python_optimised": "--enable-optimizations"
        in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "gil": not bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "build": build_info(),
        "versions": versions,
    }


def slug(machine: dict[str, Any]) -> str:
    """Return a short name for the kind of machine, for a file: processor and number of cores.

    Parameters
    ----------
    machine : dict
        What `facts` returned.
    """
    parts = [
        machine["cpu"],
        machine.get("cpu_family"),
        machine.get("cpu_model"),
        f"{machine['cores']}c",
    ]
    text = "-".join(str(part) for part in parts if part)
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
