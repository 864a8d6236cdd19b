"""Floating-point operations of a transformer's training, for the model FLOPs utilization."""

from __future__ import annotations

from inlay._arguments import at_least

__all__ = ["palm_flops_per_token"]


def palm_flops_per_token(
    parameters: int, *, layers: int = 0, heads: int = 0, head_size: int = 0, sequence: int = 0
) -> float:
    """Return what forward and backward of one token take, by the formula of PaLM.

    Parameters
    ----------
    parameters : int
        N, without embeddings that are only looked up.
    layers, heads, head_size, sequence : int
        L, H, Q and T: of the attention, which is left out where one of them is 0.

    Returns
    -------
    float
        ``6 N + 12 L H Q T``.

    Raises
    ------
    InvalidArgumentError
        If one is below 0, or there are no parameters.

    Notes
    -----
    Operations that a re-computation of activations repeats do not count: they are no progress.

    References
    ----------
    A. Chowdhery et al., "PaLM: Scaling Language Modeling with Pathways", appendix B,
    arXiv:2204.02311 (2022).

    Examples
    --------
    >>> from inlay.training import palm_flops_per_token
    >>> palm_flops_per_token(1_000_000, layers=4, heads=8, head_size=32, sequence=128)
    7572864.0
    """
    n = at_least("parameters", parameters, 1)
    sizes = [
        at_least(name, value, 0)
        for name, value in (
            ("layers", layers),
            ("heads", heads),
            ("head_size", head_size),
            ("sequence", sequence),
        )
    ]
    attention = 1
    for size in sizes:
        attention *= size
    return float(6 * n + 12 * attention)
