"""Who reads the links of a machine where both a `Host` and a `Fabric` could."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from inlay._threads import new_lock

if TYPE_CHECKING:
    from inlay.infra._kernel_reader import KernelReader
    from inlay.observer import Observer

__all__ = ["LINK_FAMILIES", "forget", "share"]

LINK_FAMILIES = ("network", "infiniband", "ethtool")
"""What both read; one that a fabric reads, the host of the same observer and root leaves out."""


class _Readers:
    def __init__(self) -> None:
        self.hosts: weakref.WeakSet[KernelReader] = weakref.WeakSet()
        self.fabrics: weakref.WeakSet[KernelReader] = weakref.WeakSet()

    def settle(self) -> None:
        for host in list(self.hosts):
            taken = {
                family
                for fabric in self.fabrics
                if fabric.root == host.root
                for family in fabric._families
            }
            for family in LINK_FAMILIES:
                if family in host._families:
                    host._native.enable(family, family not in taken)


_lock = new_lock()
_by_observer: weakref.WeakKeyDictionary[Observer, _Readers] = weakref.WeakKeyDictionary()


def share(observer: Observer, reader: KernelReader, *, fabric: bool) -> None:
    """Let a reader that starts take its part of the links."""
    with _lock:
        readers = _by_observer.setdefault(observer, _Readers())
        among = readers.fabrics if fabric else readers.hosts
        if reader in among:
            return
        among.add(reader)
        readers.settle()


def forget(observer: Observer, reader: KernelReader) -> None:
    """Give the part of a reader that stops to the other."""
    with _lock:
        readers = _by_observer.get(observer)
        if readers is None:
            return
        readers.hosts.discard(reader)
        readers.fabrics.discard(reader)
        readers.settle()
