"""The errors inlay raises.

InlayError
├── CudaUnavailableError   also a RuntimeError
├── InvalidArgumentError   also a ValueError
├── OutOfRangeError        also an IndexError
├── SerializationError     also a ValueError
└── StoppedError           also a RuntimeError

and the category of what it warns of, InlayWarning.
"""

__all__ = [
    "CudaUnavailableError",
    "InlayError",
    "InlayWarning",
    "InvalidArgumentError",
    "OutOfRangeError",
    "SerializationError",
    "StoppedError",
]


class InlayError(Exception):
    """Base of every error that is inlay's own."""

    __module__ = "inlay"


class CudaUnavailableError(InlayError, RuntimeError):
    """CUDA tensors cannot be read: no toolkit at the build, no driver, an old one, no device."""

    __module__ = "inlay"


class InvalidArgumentError(InlayError, ValueError):
    """A value or a combination of values that may not be passed; the message ends with it."""

    __module__ = "inlay"


class OutOfRangeError(InlayError, IndexError):
    """An index or a position outside what exists."""

    __module__ = "inlay"


class SerializationError(InlayError, ValueError):
    """Bytes that are no valid state: cut short, damaged, or written by a newer version."""

    __module__ = "inlay"


class StoppedError(InlayError, RuntimeError):
    """A stopped observer was asked to start again or to turn a window."""

    __module__ = "inlay"


class InlayWarning(UserWarning):
    """Something was left out or may surprise, though nothing failed."""

    __module__ = "inlay"
