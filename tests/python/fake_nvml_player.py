"""Runs pieces of Python on the fake, one after another: a request a line on the standard input.

A request is JSON: ``scenario`` (text) and ``code``, which assigns ``result``; the answer is JSON:
``result``, or ``error``. The code sees all of pynvml, `fake` (``fake_nvml.Fake``), `gpus` (the
handles by index) and the helpers below.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from fake_nvml import Fake

fake = Fake(Path(sys.argv[1]))

import pynvml  # finds the library that is loaded by its name


def value_of(field: Any) -> Any:
    """The value of a field by its type, or the name of its status."""
    if field.nvmlReturn != 0:
        return f"error {field.nvmlReturn}"
    name = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal", 6: "usVal"}
    return getattr(field.value, name[field.valueType])


def fields(handle: Any, *ids: Any) -> list[Any]:
    """Values of fields: numbers, or (number, scope)."""
    return [value_of(field) for field in pynvml.nvmlDeviceGetFieldValues(handle, list(ids))]


def code_of(function: Any, *arguments: Any) -> int:
    """The code of a call that fails, 0 if it does not."""
    try:
        function(*arguments)
    except pynvml.NVMLError as error:
        return int(error.value)
    return 0


def gpm(handle: Any, seconds: float, *ids: int) -> list[Any]:
    """Metrics between now and `seconds` later."""
    before, after = pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc()
    try:
        pynvml.nvmlGpmSampleGet(handle, before)
        fake.advance(seconds)
        pynvml.nvmlGpmSampleGet(handle, after)
        return gpm_between(before, after, *ids)
    finally:
        pynvml.nvmlGpmSampleFree(before)
        pynvml.nvmlGpmSampleFree(after)


def gpm_between(before: Any, after: Any, *ids: int) -> list[Any]:
    """Metrics between two samples."""
    request = pynvml.c_nvmlGpmMetricsGet_t()
    request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    request.numMetrics = len(ids)
    request.sample1, request.sample2 = before, after
    for metric, number in zip(request.metrics, ids, strict=False):
        metric.metricId = number
    pynvml.nvmlGpmMetricsGet(request)
    return [
        metric.value if metric.nvmlReturn == 0 else f"error {metric.nvmlReturn}"
        for metric in request.metrics[: len(ids)]
    ]


def answer(request: dict[str, str]) -> dict[str, Any]:
    fake.load_text(request["scenario"])
    pynvml.nvmlInit()
    try:
        names: dict[str, Any] = {k: v for k, v in vars(pynvml).items() if not k.startswith("__")}
        names |= {"pynvml": pynvml, "fake": fake, "fields": fields, "code_of": code_of}
        names |= {"gpm": gpm, "gpm_between": gpm_between}
        count = pynvml.nvmlDeviceGetCount()
        names["gpus"] = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        exec(compile(request["code"], "<code>", "exec"), names)
        return {"result": names["result"]}
    finally:
        pynvml.nvmlShutdown()


def main() -> None:
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception:
            reply = {"error": traceback.format_exc()}
        # Some of pynvml give a number of ctypes.
        print(json.dumps(reply, default=lambda number: number.value), flush=True)


if __name__ == "__main__":
    main()
