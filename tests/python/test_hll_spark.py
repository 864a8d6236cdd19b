"""Spark's own functions merge our sketches and estimate from them."""

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

from inlay import Hll

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore")]

#: As many rows as hosts may write: empty, sparse and dense ones.
SIZES = [0, 1, 7, 8, 100, 384, 385, 5000, 60_000]


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
def test_spark_merges_and_estimates_our_bytes(spark: Any, tmp_path: Path) -> None:
    starts = np.cumsum([0, *SIZES]) // 2  # neighbours overlap
    parts = [np.arange(start, start + size) for start, size in zip(starts, SIZES, strict=False)]
    sketches = [Hll(part) for part in parts]
    tables = [
        sketch.to_arrow().append_column("host", pa.array([i], pa.int32()))
        for i, sketch in enumerate(sketches)
    ]
    pq.write_table(pa.concat_tables(tables), tmp_path / "points.parquet")
    spark.read.parquet(str(tmp_path / "points.parquet")).createOrReplaceTempView("points")

    merged = Hll()
    for sketch in sketches:
        merged.merge(sketch)
    (row,) = spark.sql(
        """select hll_sketch_estimate(hll_union_agg(summary)) estimate, hll_union_agg(summary) bytes
           from points where summary_type = 'hll_datasketches'"""
    ).collect()
    assert Hll.from_bytes(bytes(row.bytes)) == merged
    # The same registers by two estimators of the same error; Spark's is a whole number.
    assert abs(row.estimate / merged.estimate - 1) <= 0.7 * merged.relative_error

    each = spark.sql("select host, hll_sketch_estimate(summary) estimate from points order by host")
    for found, sketch in zip(each.collect(), sketches, strict=True):
        allowed = 0.5 if sketch.is_sparse else 0.7 * sketch.relative_error * sketch.estimate
        assert abs(found.estimate - sketch.estimate) <= allowed


@pytest.mark.timeout(280)
def test_spark_hashes_the_same_items(spark: Any) -> None:
    cases = {
        "id": [Hll(np.arange(20_000)), "id"],
        "text": [Hll([f"user-{i}" for i in range(20_000)]), "concat('user-', id)"],
    }
    for sketch, expression in cases.values():
        (row,) = spark.sql(f"select hll_sketch_agg({expression}, 12) s from range(20000)").collect()
        assert Hll.from_bytes(bytes(row.s)) == sketch
