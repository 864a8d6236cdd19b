"""Tensors of PyTorch in the memory of the host, as numpy reads them."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["host_array", "host_tensor"]


def host_tensor(values: Any) -> Any:
    """Return a tensor of PyTorch without what its elements do not need.

    Parameters
    ----------
    values : object
        Anything; torch is not imported for it.

    Returns
    -------
    torch.Tensor or None
        The same memory, read without a gradient; None if they are no tensor of PyTorch.

    Raises
    ------
    TypeError
        If it is sparse, nested, quantised, complex, without memory, or not on the host.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(values, torch.Tensor):
        return None
    if values.is_meta:
        message = "a meta tensor has no values"
        raise TypeError(message)
    if values.device.type != "cpu":
        message = f"a tensor on {values.device}: copy it to the host, by .cpu(), and give that"
        raise TypeError(message)
    if values.is_nested:
        message = "a nested tensor has no one shape: give its tensors one by one"
        raise TypeError(message)
    if values.layout != torch.strided or values.is_quantized:
        kind = values.dtype if values.is_quantized else values.layout
        message = f"a tensor must be dense and hold its values as they are: {kind}"
        raise TypeError(message)
    if values.is_complex():
        message = f"a tensor must hold real numbers: {values.dtype}"
        raise TypeError(message)
    return values.detach().resolve_neg()


def host_array(values: Any) -> Any:
    """Return a tensor of PyTorch as an array of numpy, values of narrow floats as float32.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    numpy.ndarray or None
        The tensor's memory where numpy knows its type; None if they are no tensor of PyTorch.

    Raises
    ------
    TypeError
        If it is sparse, nested, quantised, complex, without memory, or not on the host.
    """
    tensor = host_tensor(values)
    if tensor is None:
        return None
    if tensor.is_floating_point() and tensor.dtype.itemsize <= 2:
        name = str(tensor.dtype)
        if name != "torch.float16":
            tensor = tensor.float()
    return tensor.numpy()
