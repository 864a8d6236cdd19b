"""What an import costs a starting process, over ``python -c pass``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from harness import Bench, Run

bench = Bench("import")
STARTS = 7  # processes per figure, in turn with as many that do nothing


def _start_ms(code: str) -> float:
    start = time.perf_counter_ns()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return (time.perf_counter_ns() - start) / 1e6


def _over_pass(run: Run, code: str) -> list[float]:
    """Milliseconds over a process that does nothing, one figure per repeat."""
    starts = run.size(STARTS, quick=1)
    _start_ms(code)  # files into the page cache, bytecode written
    samples = []
    for _ in range(run.repeats):
        pairs = [(_start_ms(code), _start_ms("pass")) for _ in range(starts)]
        samples.append(statistics.median(ours - idle for ours, idle in pairs))
    return samples


def _kernels_ms() -> float:
    """Milliseconds that the kernels' module adds to the others, in a process of its own."""
    code = (
        "import time, inlay._core\nstart = time.perf_counter_ns()\nimport inlay._cuda\n"
        "print((time.perf_counter_ns() - start) / 1e6)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _loads(code: str, unwanted: tuple[str, ...]) -> list[str]:
    report = f"{code}\nimport sys\nprint(' '.join(m for m in {unwanted!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", report], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


@bench.case("inlay")
def _inlay(run: Run) -> None:
    ready = (
        "import inlay\nobs = inlay.Observer({'service.name': 'bench'})\nobs.counter('hits').add(1)"
    )
    for work, code in (("import", "import inlay"), ("ready", ready)):
        run.check(_loads(code, ("numpy", "pyarrow")), [], f"heavy modules loaded ({work})")
        run.report(work, _over_pass(run, code))
    from inlay import build_info

    if "cuda" in build_info():
        run.report("cuda", [_kernels_ms() for _ in range(run.repeats)])


@bench.case("prometheus_client", needs=["prometheus_client"])
def _prometheus(run: Run) -> None:
    code = "import prometheus_client"
    run.report("import", _over_pass(run, code))
    run.report("ready", _over_pass(run, f"{code}\nprometheus_client.Counter('hits', 'n').inc()"))


@bench.case("opentelemetry", needs=["opentelemetry.sdk"])
def _opentelemetry(run: Run) -> None:
    code = "from opentelemetry.sdk.metrics import MeterProvider"
    run.report("import", _over_pass(run, code))
    ready = f"{code}\nMeterProvider().get_meter('bench').create_counter('hits').add(1)"
    run.report("ready", _over_pass(run, ready))


@bench.case("numpy", needs=["numpy"], role="floor")
def _numpy(run: Run) -> None:
    run.report("import", _over_pass(run, "import numpy"))


if __name__ == "__main__":
    bench.main()
