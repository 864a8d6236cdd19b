"""Every float32 there is, through each set of loops: the states agree byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# A digest for the 2^23 floats of one sign and exponent, so that no histogram has to coarsen.
DIGESTS = """
import hashlib, sys
import numpy as np
import inlay

first, step = int(sys.argv[1]), int(sys.argv[2])
print(inlay.build_info()["isa"])
mantissas = np.arange(2**23, dtype=np.uint32)
obs = inlay.Observer({"service.name": "test"}, window=3600.0)
for block in range(first, 512, step):
    values = (mantissas | np.uint32(block << 23)).view(np.float32)
    histogram = inlay.ExpHistogram(values, scale=8)
    moments = inlay.Moments(values)
    assert histogram.count + histogram.nan_count + histogram.pos_inf_count + (
        histogram.neg_inf_count
    ) == moments.count + moments.nan_count + moments.pos_inf_count + moments.neg_inf_count == 2**23
    bound = obs.histogram(f"both.{block}", scale=8).bind()
    bound.record_many(values)
    row = next(r for r in obs.collect().points.to_pylist() if r["metric"] == f"both.{block}")
    assert inlay.ExpHistogram.from_row(row).pos_counts == histogram.pos_counts
    assert inlay.ExpHistogram.from_row(row).neg_counts == histogram.neg_counts
    digest = hashlib.sha256(histogram.to_bytes() + moments.to_bytes() + repr(
        [row[name] for name in ("sum", "min", "max", "mean", "m2", "m3", "m4")]
    ).encode())
    print(block, digest.hexdigest(), flush=True)
"""


def digests(isa: str, first: int, step: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS, str(first), str(step)],
        env=os.environ | {"INLAY_FORCE_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, *lines = done.stdout.splitlines()
    if used != isa:
        return []
    assert len(lines) == len(range(first, 512, step))
    return lines


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(4))
def test_every_float_agrees_on_every_set_of_loops(first):
    baseline = digests("scalar", first, 4)
    assert baseline
    for isa in ("avx2", "avx512"):
        found = digests(isa, first, 4)
        assert found == baseline or not found, isa  # none where the machine lacks the set
