"""What a program may set for tensors on CUDA devices."""

from __future__ import annotations

from inlay._cuda_runtime import set_allocator

__all__ = ["set_allocator"]
