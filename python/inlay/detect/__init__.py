"""Tests of two samples of rows, and online detectors: what needs values rather than summaries.

Their results cannot be computed again from points, and say so.
"""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.detect.adwin import ADWIN
    from inlay.detect.cusum import CUSUM
    from inlay.detect.ddm import DDM
    from inlay.detect.domain import domain_classifier
    from inlay.detect.eddm import EDDM
    from inlay.detect.embedding import Embedding
    from inlay.detect.fhddm import FHDDM
    from inlay.detect.hddm import HDDM_A, HDDM_W
    from inlay.detect.kernel import energy_distance, mmd
    from inlay.detect.kswin import KSWIN
    from inlay.detect.normal import frechet, mahalanobis
    from inlay.detect.online import OnlineDetector
    from inlay.detect.page_hinkley import PageHinkley
    from inlay.detect.reconstruction import PCAReconstruction
    from inlay.detect.row_statistic import RowStatistic
    from inlay.detect.samples import Sorted, TwoSample, two_sample, two_sample_table
    from inlay.detect.sliced import sliced_wasserstein

# Public name -> the module that defines it: most programs use one of them.
_HOMES = {
    "ADWIN": "inlay.detect.adwin",
    "CUSUM": "inlay.detect.cusum",
    "DDM": "inlay.detect.ddm",
    "EDDM": "inlay.detect.eddm",
    "FHDDM": "inlay.detect.fhddm",
    "HDDM_A": "inlay.detect.hddm",
    "HDDM_W": "inlay.detect.hddm",
    "KSWIN": "inlay.detect.kswin",
    "Embedding": "inlay.detect.embedding",
    "OnlineDetector": "inlay.detect.online",
    "PCAReconstruction": "inlay.detect.reconstruction",
    "PageHinkley": "inlay.detect.page_hinkley",
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
    "ADWIN",
    "CUSUM",
    "DDM",
    "EDDM",
    "FHDDM",
    "HDDM_A",
    "HDDM_W",
    "KSWIN",
    "Embedding",
    "OnlineDetector",
    "PCAReconstruction",
    "PageHinkley",
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


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
