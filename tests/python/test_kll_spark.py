"""Spark's own functions merge and query our sketches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inlay import Kll

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore")]

#: As many rows as hosts may write, each of another size.
SIZES = [1, 5, 200, 201, 1000, 20_000, 50_000, 120_000]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pyspark_sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        pyspark_sql.SparkSession.builder.master("local[1]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.timeout(280)
@pytest.mark.parametrize(("dtype", "word"), [("float64", "double"), ("float32", "float")])
def test_spark_merges_and_queries_our_bytes(
    spark: Any, tmp_path: Path, dtype: str, word: str
) -> None:
    random = np.random.default_rng(1)
    parts = [random.lognormal(size=size).astype(dtype) for size in SIZES]
    rows = [Kll(part, dtype=dtype, seed=i).to_arrow() for i, part in enumerate(parts)]
    pq.write_table(pa.concat_tables(rows), tmp_path / "points.parquet")
    values = np.sort(np.concatenate(parts))

    spark.read.parquet(str(tmp_path / "points.parquet")).createOrReplaceTempView("points")
    (row,) = spark.sql(
        f"""with merged as (select kll_merge_agg_{word}(summary) s, sum(count) n from points
                            where summary_type = 'kll_{word}s_datasketches')
            select kll_sketch_get_n_{word}(s) n, n counted,
                   kll_sketch_get_quantile_{word}(s, 0.5) median,
                   kll_sketch_get_quantile_{word}(s, 0.9) p90,
                   kll_sketch_get_rank_{word}(s, cast(1 as {word})) below_one,
                   s bytes
            from merged"""
    ).collect()
    assert row.n == row.counted == len(values)
    bound = Kll().normalized_rank_error()
    for q, found in ((0.5, row.median), (0.9, row.p90)):
        assert abs(np.searchsorted(values, found, side="right") / len(values) - q) < bound
    assert abs(np.searchsorted(values, 1, side="right") / len(values) - row.below_one) < bound

    # And back: what Spark wrote is read here, and goes on.
    theirs = Kll.from_bytes(bytes(row.bytes))
    assert theirs.dtype == dtype
    assert (theirs.count, theirs.min, theirs.max) == (len(values), values[0], values[-1])
    theirs.merge(Kll([1.0], dtype=dtype))
    assert theirs.count == len(values) + 1
