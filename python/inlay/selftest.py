"""``python -m inlay.selftest`` tells whether this installation works on this machine."""

from __future__ import annotations

import inlay

__all__ = ["main"]


def main() -> int:
    """Run one pass through the installed library and say what was found.

    Returns
    -------
    int
        0 if all of it worked; a failure raises.
    """
    for name, value in inlay.build_info().items():
        print(f"{name}: {value}")
    print("ok")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
