"""Distances between two distributions of which only summaries are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from operator import index
from typing import Any, NamedTuple, TypeAlias

from inlay import _core
from inlay._exceptions import InvalidArgumentError
from inlay.summary.categories import Categories
from inlay.summary.edge_histogram import EdgeHistogram
from inlay.summary.exp_histogram import ExpHistogram
from inlay.summary.kll import Kll
from inlay.summary.moments import Moments

__all__ = ["ChiSquared", "Distance", "Distances", "Parts", "cell_names", "distances"]

_CELL_KINDS = (
    "psi",
    "jensen_shannon",
    "kl",
    "hellinger",
    "total_variation",
    "l_infinity",
    "chi2",
)
_ORDERED_KINDS = ("ks", "cramer_von_mises", "anderson_darling", "wasserstein", "energy")
_OTHER = "(other)"
# Buckets are joined into about as many cells as a reference has, for what needs cells with rows.
_JOINED_CELLS = 10
_NO_ORDER = "categories have no order"
_NO_EDGES = "counts without edges"
_NO_CELLS = "a quantile sketch has no cells"

_Fields: TypeAlias = tuple[float | None, float | None, float | None, float | None, str | None]


class Distance(NamedTuple):
    """One distance, and what is known of it.

    Attributes
    ----------
    value : float or None
        None where the distance is not defined.
    low, high : float or None
        What the summaries leave open. Both equal `value` where the summaries determine it, as
        counts do for distances between counts. That rows are a sample is not in them, but in
        `p_value`.
    p_value : float or None
        The chance that two samples of one distribution are at least so far apart, for `low` where
        that is less than `value`. None where no such law is known: total variation, L-infinity,
        Wasserstein and energy have none.
    reason : str or None
        Why there is no value.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None = None
    reason: str | None = None


class ChiSquared(NamedTuple):
    """Pearson's test that two rows of counts come from one distribution.

    Attributes
    ----------
    value, low, high : float or None
        The statistic, exact. None if no cell or a single one holds all rows.
    p_value : float or None
        Upper tail of the chi-squared distribution, once cells that expect few rows are joined.
    reason : str or None
        Why there is no value.
    dof : int
        Degrees of freedom: cells that either side has, less 1.
    cramers_v : float or None
        Effect size, 0 to 1, the same for any number of rows.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None = None
    reason: str | None = None
    dof: int = 0
    cramers_v: float | None = None


class Parts(NamedTuple):
    """What the cells contribute to a distance.

    Attributes
    ----------
    names : list of str
        Of the cells: ``"(1.5, 3]"``, or names of categories with ``"(other)"`` last.
    values : list of float
        One per cell.
    """

    names: list[str]
    values: list[float]


class _Cells(NamedTuple):
    names: list[str]
    reference: list[int]
    current: list[int]
    is_ordered: bool


class Distances:
    """All distances between a reference and what came later; `distances` makes them.

    Attributes
    ----------
    psi : Distance
        Population stability index, the sum of ``(q - p) ln(q / p)`` with ``p`` the reference's
        shares of the cells and ``q`` the current ones.
    jensen_shannon : Distance
        Square root of the Jensen-Shannon divergence in bits: 0 for equal shares, 1 for disjoint.
    kl : Distance
        Kullback-Leibler divergence of the current shares from the reference's, in nats.
    hellinger, total_variation, l_infinity : Distance
        0 to 1 each; the last is the largest difference of a share.
    chi2 : ChiSquared
        Pearson's statistic of the two rows of counts.
    ks : Distance
        Kolmogorov-Smirnov: the largest difference of the distribution functions F and G.
    cramer_von_mises, anderson_darling : Distance
        Integrals of ``(F - G)² dH`` and ``(F - G)² / (H (1 - H)) dH``, H of both sides together;
        times ``n m / (n + m)`` they are the statistics of that name.
    wasserstein, energy : Distance
        Integral of ``|F - G| dx``, in the unit of the values, and the square root of twice that of
        ``(F - G)² dx``.
    n, n_reference : int
        Rows behind each side, infinite values included, missing ones not.

    Notes
    -----
    ``psi`` and ``kl`` are infinite where one side has an empty cell. In that case, and for these
    two alone, every cell of both sides gets Jeffreys' half a row more.

    Values and parts are of all cells. p-values of distances between cells are computed after cells
    that expect fewer than 5 rows on a side are joined, neighbours where cells have an order, else
    those with the fewest rows first; they are 1 where that leaves one cell.
    """

    __module__ = "inlay.drift"
    __slots__ = (
        "_cells",
        "anderson_darling",
        "chi2",
        "cramer_von_mises",
        "energy",
        "hellinger",
        "jensen_shannon",
        "kl",
        "ks",
        "l_infinity",
        "n",
        "n_reference",
        "psi",
        "total_variation",
        "wasserstein",
    )

    psi: Distance
    jensen_shannon: Distance
    kl: Distance
    hellinger: Distance
    total_variation: Distance
    l_infinity: Distance
    chi2: ChiSquared
    ks: Distance
    cramer_von_mises: Distance
    anderson_darling: Distance
    wasserstein: Distance
    energy: Distance
    n: int
    n_reference: int
    _cells: _Cells | None

    @classmethod
    def _of(
        cls,
        cells: _Cells | None,
        ordered: Sequence[_Fields] | str,
        sizes: tuple[int, int] = (0, 0),
    ) -> Distances:
        self = cls()
        self._cells = cells
        self.n_reference, self.n = sizes
        if cells is None:
            for name in _CELL_KINDS[:-1]:
                setattr(self, name, Distance(None, None, None, None, _NO_CELLS))
            self.chi2 = ChiSquared(None, None, None, None, _NO_CELLS)
        else:
            found, dof, v, self.n, self.n_reference = _core.cell_distances(
                cells.reference, cells.current, is_ordered=cells.is_ordered
            )
            for name, fields in zip(_CELL_KINDS[:-1], found, strict=False):
                setattr(self, name, Distance(*fields))
            self.chi2 = ChiSquared(*found[-1], int(dof), v)
        for position, name in enumerate(_ORDERED_KINDS):
            if isinstance(ordered, str):
                setattr(self, name, Distance(None, None, None, None, ordered))
            else:
                setattr(self, name, Distance(*ordered[position]))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all distances, in order."""
        return _CELL_KINDS + _ORDERED_KINDS

    def items(self) -> Iterator[tuple[str, Distance | ChiSquared]]:
        """Yield each distance with its name, in order."""
        for name in self.names:
            yield name, getattr(self, name)

    def parts(self, name: str) -> Parts:
        """Return what each cell contributes to a distance.

        Parameters
        ----------
        name : str
            ``"psi"``, ``"jensen_shannon"`` (parts sum to the divergence, the square of the
            distance), ``"kl"``, ``"hellinger"`` (parts sum to the square), ``"total_variation"``,
            ``"l_infinity"`` (the largest part is the distance), ``"chi2"``, or ``"ks"`` (the
            difference of the distribution functions, reference less current, at each cell's
            upper end).

        Returns
        -------
        Parts
            Empty if a side has no rows.

        Raises
        ------
        InvalidArgumentError
            If there is no distance of that name, or it has no parts.

        Examples
        --------
        >>> import inlay
        >>> counts = inlay.drift.distances([60, 30, 10], [30, 60, 10])
        >>> [round(part, 3) for part in counts.parts("total_variation").values]
        [0.15, 0.15, 0.0]
        """
        has_parts = (*_CELL_KINDS, "ks")
        if name not in has_parts:
            message = f"parts are those of {', '.join(has_parts)}: {name!r}"
            raise InvalidArgumentError(message)
        if self._cells is None or (name == "ks" and self.ks.value is None and self.n):
            message = f"there are no parts of {name}: {_NO_CELLS if self._cells is None else name}"
            raise InvalidArgumentError(message)
        names, reference, current, _ = self._cells
        if self.n == 0 or self.n_reference == 0:
            return Parts([], [])
        if name == "ks":
            steps = zip(itertools.accumulate(reference), itertools.accumulate(current), strict=True)
            return Parts(list(names), [a / self.n_reference - b / self.n for a, b in steps])
        return Parts(list(names), _core.cell_parts(_CELL_KINDS.index(name), reference, current))

    def __repr__(self) -> str:
        """Return a line with the sizes and the distances that are defined."""
        shown = ", ".join(
            f"{name} {found.value:.4g}" for name, found in self.items() if found.value is not None
        )
        sizes = f"{self.n} rows from a reference of {self.n_reference}"
        return f"<inlay.drift.Distances of {sizes}: {shown or 'undefined, ' + str(self.ks.reason)}>"

    def to_dict(self) -> dict[str, Any]:
        """Return all as plain data: a mapping for each distance, ``n`` and ``n_reference``."""
        out: dict[str, Any] = {name: found._asdict() for name, found in self.items()}
        return out | {"n": self.n, "n_reference": self.n_reference}


def distances(
    reference: Any,
    current: Any,
    *,
    reference_moments: Moments | None = None,
    current_moments: Moments | None = None,
) -> Distances:
    """Compare a reference with what came later, from their summaries alone.

    Parameters
    ----------
    reference, current : EdgeHistogram, Categories, ExpHistogram, Kll or sequence of int
        Two of one kind. Histograms with the same edges, infinite values belonging to the outer
        cells; categories with the same names in any order, what is in no list being a cell of its
        own; exponential histograms of any scales, whose buckets are joined into about ten cells
        for the distances that need no order; quantile sketches of one dtype; or counts of the same
        cells. Nulls and NaN are missing and in no cell.
    reference_moments, current_moments : Moments, optional
        Of the same rows as two `EdgeHistogram`: their ``min`` and ``max`` bound the outer cells,
        without which ``wasserstein`` and ``energy`` are undefined if there are rows in these.

    Returns
    -------
    Distances

    Raises
    ------
    TypeError
        If the two are not of one of these kinds.
    InvalidArgumentError
        If their edges, names or numbers of cells differ, or a count is negative.

    Notes
    -----
    From edges, the distribution functions are known at the edges and bounded between them: ``low``
    and ``high`` of the ordered distances are the least and the most that rows within these bounds
    can have, for Anderson-Darling without ties. From sketches, each distribution function may be
    off by its sketch's rank error (with 99 % confidence), and ``low`` allows for both. p-values of
    the ordered distances are those of ``low``, hence never too small because of a coarse summary.

    References
    ----------
    Lin (1991), "Divergence measures based on the Shannon entropy"; Anderson and Darling (1952);
    Székely and Rizzo (2013), "Energy statistics".

    Examples
    --------
    >>> import inlay
    >>> reference = inlay.EdgeHistogram.of(range(1000), bins=4)
    >>> current = inlay.EdgeHistogram(reference.edges, range(100, 1100))
    >>> found = inlay.drift.distances(reference, current)
    >>> round(found.jensen_shannon.value, 4)
    0.1231
    >>> [round(x, 3) for x in found.ks[:3]]
    [0.1, 0.1, 0.35]
    >>> found.wasserstein.reason
    'outer cells hold rows and their bounds are not known'
    """
    if isinstance(reference, EdgeHistogram) and isinstance(current, EdgeHistogram):
        return _of_edges(reference, current, (reference_moments, current_moments))
    if isinstance(reference, Categories) and isinstance(current, Categories):
        return Distances._of(_of_categories(reference, current), _NO_ORDER)
    if isinstance(reference, ExpHistogram) and isinstance(current, ExpHistogram):
        ordered, edges, ours, theirs = _core.bucket_distances(
            reference._native, current._native, cells=_JOINED_CELLS
        )
        return Distances._of(_Cells(cell_names(edges), ours, theirs, True), ordered)
    if isinstance(reference, Kll) and isinstance(current, Kll):
        return _of_sketches(reference, current)
    if _are_counts(reference) and _are_counts(current):
        ours, theirs = list(reference), list(current)
        for counts in (ours, theirs):
            for position, count in enumerate(counts):
                if not 0 <= index(count) < 1 << 63:
                    message = f"counts must lie within 0 to 2**63 - 1; at {position}: {count!r}"
                    raise InvalidArgumentError(message)
        names = [str(position) for position in range(len(ours))]
        return Distances._of(_Cells(names, ours, theirs, False), _NO_EDGES)
    kinds = f"{type(reference).__name__} and {type(current).__name__}"
    message = (
        "distances are between two summaries of one kind or two rows of integer counts, "
        f"got {kinds}"
    )
    raise TypeError(message)


def cell_names(edges: Sequence[float]) -> list[str]:
    """Return a name for each cell between edges.

    Parameters
    ----------
    edges : sequence of float
        That increase.

    Returns
    -------
    list of str
        One more than edges.

    Notes
    -----
    Cells include their upper bound. A first edge just below a shorter number, as references have it
    below their least value, is called by that number, which the next cell includes.

    Examples
    --------
    >>> from inlay.drift.summary_distances import cell_names
    >>> cell_names([0.0, 1.5])
    ['(-inf, 0]', '(0, 1.5]', '(1.5, inf)']
    >>> cell_names([0.9999999999999999, 1.5])
    ['(-inf, 1)', '[1, 1.5]', '(1.5, inf)']
    """
    texts = ["-inf", *map(_number, edges), "inf"]
    names = [f"({low}, {high}]" for low, high in itertools.pairwise(texts)]
    names[-1] = names[-1][:-1] + ")"
    if len(edges) and is_just_below(edges[0]):
        least = _number(math.nextafter(edges[0], math.inf) + 0.0)
        names[0] = f"(-inf, {least})"
        names[1] = f"[{least}{names[1][1 + len(texts[1]) :]}"
    return names


def is_just_below(edge: float) -> bool:
    """Return whether the next number above an edge is a shorter one."""
    return len(_number(math.nextafter(edge, math.inf) + 0.0)) < len(_number(edge))


def _number(edge: float) -> str:
    return repr(edge).removesuffix(".0")


def _of_edges(
    reference: EdgeHistogram,
    current: EdgeHistogram,
    moments: tuple[Moments | None, Moments | None],
) -> Distances:
    ours, theirs = reference._native.copy(), current._native.copy()
    edges = ours.edges
    if edges != theirs.edges:
        pairs = zip(edges, theirs.edges, strict=False)
        first = next((edge for edge, other in pairs if edge != other), len(theirs.edges))
        message = f"both sides must have the same edges; the first that differs: {first!r}"
        raise InvalidArgumentError(message)
    cells = _Cells(cell_names(edges), _with_infinities(ours), _with_infinities(theirs), True)
    lowest, highest = _range_of(moments)
    ordered = _core.ordered_distances(
        edges,
        cells.reference,
        cells.current,
        lowest=lowest,
        highest=highest,
        has_infinity=bool(
            ours.pos_inf_count + ours.neg_inf_count + theirs.pos_inf_count + theirs.neg_inf_count
        ),
    )
    return Distances._of(cells, ordered)


def _with_infinities(histogram: _core.EdgeHistogram) -> list[int]:
    counts = histogram.counts
    counts[0] += histogram.neg_inf_count
    counts[-1] += histogram.pos_inf_count
    return counts


def _range_of(moments: tuple[Moments | None, Moments | None]) -> tuple[float | None, float | None]:
    lows, highs = [], []
    for each in moments:
        if each is None or each.min is None or each.max is None:
            return None, None
        lows.append(each.min)
        highs.append(each.max)
    return min(lows), max(highs)


def _of_categories(reference: Categories, current: Categories) -> _Cells:
    ours, theirs = reference._native.copy(), current._native.copy()
    names = ours.names
    found: Mapping[str, int] = dict(zip(theirs.names, theirs.counts, strict=True))
    if found.keys() != set(names):
        odd = sorted(found.keys() ^ set(names))[0]
        message = f"both sides must have the same names; on one side only: {odd!r}"
        raise InvalidArgumentError(message)
    return _Cells(
        [*names, _OTHER],
        [*ours.counts, ours.other],
        [*(found[name] for name in names), theirs.other],
        False,
    )


def _of_sketches(reference: Kll, current: Kll) -> Distances:
    if reference.dtype != current.dtype:
        message = f"both sketches must be of one dtype: {reference.dtype}, {current.dtype}"
        raise InvalidArgumentError(message)
    ours, theirs = reference._native.copy(), current._native.copy()
    ordered = _core.sketch_distances(ours, theirs)  # type: ignore[arg-type]  # of one dtype
    sizes = [each.count + each.neg_inf_count + each.pos_inf_count for each in (ours, theirs)]
    return Distances._of(None, ordered, (sizes[0], sizes[1]))


def _is_integer(value: Any) -> bool:
    return hasattr(value, "__index__") and getattr(value, "ndim", 0) == 0


def _are_counts(values: Any) -> bool:
    if isinstance(values, str | bytes | Mapping):
        return False
    try:
        return getattr(values, "ndim", 1) == 1 and all(_is_integer(value) for value in values)
    except TypeError:
        return False
