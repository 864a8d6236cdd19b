"""What runs in the environment of the peers that need an old numpy; see ``elsewhere.py``.

``python elsewhere_peers.py WORK '{"rows": 1000}'`` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["WHYLOGS_NO_ANALYTICS"] = "True"
os.environ["GX_ANALYTICS_ENABLED"] = "False"
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"


def _status_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(name + ":"))
    return int(line.split()[1]) / 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _frame(rows: int) -> Any:
    import pandas as pd
    from wide_table import wide_columns

    columns = wide_columns(rows)
    return pd.DataFrame(
        {
            name: values if values.dtype == float else values.tolist()
            for name, values in columns.items()
        }
    )


def whylogs_profile(rows: int) -> dict[str, Any]:
    """Profile the table; seconds, extra peak memory, and bytes of the profile on disk."""
    import whylogs

    frame = _frame(rows)
    whylogs.log(pandas=frame.head(10))
    _forget_peak()
    before = _status_mib("VmRSS")
    start = time.perf_counter()
    result = whylogs.log(pandas=frame)
    seconds = time.perf_counter() - start
    view = result.view()
    counted = view.get_column("f0").get_metric("counts").n.value
    return {
        "seconds": seconds,
        "extra_mib": _status_mib("VmHWM") - before,
        "bytes": len(view.serialize()),
        "rows": counted,
    }


def great_expectations_suite(rows: int) -> dict[str, Any]:
    """Check each of 20 columns: nulls and a range, or nulls and a length."""
    import great_expectations as gx
    from great_expectations import expectations as expect

    frame = _frame(rows)
    names = [*list(frame)[:15], *list(frame)[20:]]
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_pandas("memory")
    asset = source.add_dataframe_asset(name="wide")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    suite = gx.ExpectationSuite(name="suite")
    for name in names:
        suite.add_expectation(expect.ExpectColumnValuesToNotBeNull(column=name, mostly=0.9))
        if name.startswith("f"):
            suite.add_expectation(
                expect.ExpectColumnValuesToBeBetween(column=name, min_value=-1e9, max_value=1e9)
            )
        else:
            suite.add_expectation(
                expect.ExpectColumnValueLengthsToBeBetween(column=name, min_value=1, max_value=80)
            )
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    start = time.perf_counter()
    result = batch.validate(suite, result_format="SUMMARY")
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "checks": len(result.results),
        "success": result.success,
    }


def nannyml_cbpe(rows: int, threshold: float) -> dict[str, Any]:
    """Fit CBPE to a reference and estimate as many rows; seconds, and the figures by our names."""
    import nannyml
    import pandas as pd
    from scored_rows import scored_rows

    ours = {"roc_auc": "auroc"}
    names = ["accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "average_precision"]

    def frame(seed: int) -> Any:
        scores, labels = scored_rows(rows, seed=seed)
        predicted = (scores >= threshold).astype(int)
        return pd.DataFrame({"score": scores, "predicted": predicted, "label": labels})

    reference, chunk = frame(1), frame(2).drop(columns="label")
    start = time.perf_counter()
    cbpe = nannyml.CBPE(
        problem_type="classification_binary",
        y_pred_proba="score",
        y_pred="predicted",
        y_true="label",
        metrics=names,
        chunk_number=1,
    )
    found = cbpe.fit(reference).estimate(chunk).filter(period="analysis").to_df()
    seconds = time.perf_counter() - start
    values = {ours.get(name, name): float(found[(name, "value")].iloc[0]) for name in names}
    return {"seconds": seconds, "values": values}


if __name__ == "__main__":
    work, options = sys.argv[1], json.loads(sys.argv[2])
    works = {
        "whylogs_profile": whylogs_profile,
        "great_expectations_suite": great_expectations_suite,
        "nannyml_cbpe": nannyml_cbpe,
    }
    print(json.dumps(works[work](**options)))
