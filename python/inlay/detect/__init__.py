"""Tests of two samples of rows, and detectors of change: what needs values, not summaries."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from inlay.detect.domain import domain_classifier
    from inlay.detect.embedding import Embedding
    from inlay.detect.kernel import energy_distance, mmd
    from inlay.detect.normal import frechet, mahalanobis
    from inlay.detect.reconstruction import PCAReconstruction
    from inlay.detect.row_statistic import RowStatistic
    from inlay.detect.samples import Sorted, TwoSample, two_sample, two_sample_table
    from inlay.detect.sliced import sliced_wasserstein

# Most programs use one of them.
_HOMES = {
    "Embedding": "inlay.detect.embedding",
    "PCAReconstruction": "inlay.detect.reconstruction",
    "RowStatistic": "inlay.detect.row_statistic",
    "Sorted": "inlay.detect.samples",
    "TwoSample": "inlay.detect.samples",
    "domain_classifier": "inlay.detect.domain",
    "energy_distance": "inlay.detect.kernel",
    "frechet": "inlay.detect.normal",
    "mahalanobis": "inlay.detect.normal",
    "mmd": "inlay.detect.kernel",
    "sliced_wasserstein": "inlay.detect.sliced",
    "two_sample": "inlay.detect.samples",
    "two_sample_table": "inlay.detect.samples",
}

__all__ = [
    "Embedding",
    "PCAReconstruction",
    "RowStatistic",
    "Sorted",
    "TwoSample",
    "domain_classifier",
    "energy_distance",
    "frechet",
    "mahalanobis",
    "mmd",
    "sliced_wasserstein",
    "two_sample",
    "two_sample_table",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'inlay.detect' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
