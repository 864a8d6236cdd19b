"""A real Prometheus scrapes a live process and is asked what it understood."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest

import inlay
from inlay.sinks import Prometheus

TRACE = "0af7651916cd43dd8448eb211c80319c"

# How long a scrape, its storage and its being found may take on a loaded machine, in seconds.
PATIENCE_S = 60.0


def binary(name):
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not on PATH; it comes with Debian's package prometheus")
        pytest.skip(f"{name} is not on PATH (Debian's package prometheus has it)")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Prometheus on loopback, scraping one target each second."""

    def __init__(self, folder, target):
        self.port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "inlay", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [
                binary("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--enable-feature=native-histograms,exemplar-storage",
            ],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)["data"]

    def value(self, query):
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def wait_for(self, check):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert self.process.poll() is None, "prometheus has ended"
            try:
                found = check()
            except OSError:  # not listening yet
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A process that recorded, and the Prometheus that scraped it."""
    binary("prometheus")
    sink = Prometheus(port=0)
    observer = inlay.Observer(resource={"service.name": "shop"}, sinks=[sink], window=1.0)
    values = np.random.default_rng(42).lognormal(-2.0, 1.0, 20_000)
    requests = observer.counter("http.requests", unit="{request}", attributes=("route",))
    latency = observer.histogram("http.duration", unit="s", attributes=("route",))
    requests.add(123_456_789, route='/a"b\\c')
    requests.add(7, route="/d")
    latency.bind(route="/d").record_many(values)
    latency.bind(route="/d").exemplar(0.25, TRACE, "b7ad6b7169203331")
    observer.histogram("signed").bind().record_many(np.array([-4.0, -2.0, 0.0, 0.0, 3.0]))
    observer.start()
    server = Server(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{sink.port}")
    try:
        server.wait_for(lambda: server.value("http_requests_total{route='/d'}") == 7)
        yield server, values, sink
    finally:
        server.close()
        observer.stop()


def test_target_is_up_and_protobuf_was_taken(scraped):
    server, _, sink = scraped
    assert server.value("up") == 1
    # Native histograms travel by protobuf alone: no series of classic buckets appears.
    assert server.ask("query", query="http_duration_seconds_bucket")["result"] == []
    assert sink.stats()["scrapes"] > 0


def test_counters_are_exact(scraped):
    server, _, _ = scraped
    assert server.value('http_requests_total{route="/a\\"b\\\\c"}') == 123_456_789


def test_quantiles_lie_within_the_error_of_the_scale(scraped):
    server, values, _ = scraped
    count = server.value("histogram_count(http_duration_seconds)")
    # The exemplar is recorded with its value, or apart from it; both are right.
    assert count in (len(values), len(values) + 1)
    assert server.value("histogram_sum(http_duration_seconds)") == pytest.approx(
        values.sum() + 0.25 * (count - len(values)), rel=1e-9
    )
    for quantile in (0.01, 0.25, 0.5, 0.9, 0.99, 0.999):
        found = server.value(f"histogram_quantile({quantile}, http_duration_seconds)")
        exact = np.quantile(values, quantile, method="inverted_cdf")
        # Both lie in one bucket, or by the rank's rounding in two neighbours. 160 buckets hold
        # these values at schema 3 at least, where a bucket is 2^(1/8) wide: two of them 19 %.
        assert exact / 2 ** (2 / 8) <= found <= exact * 2 ** (2 / 8), quantile
    # Where one value does not matter for the rank, the error is that of one bucket.
    median = server.value("histogram_quantile(0.5, http_duration_seconds)")
    assert median == pytest.approx(np.median(values), rel=2 ** (1 / 8) - 1)


def test_fraction_and_signed_values(scraped):
    server, _, _ = scraped
    assert server.value("histogram_count(signed)") == 5
    assert server.value("histogram_sum(signed)") == -3
    assert server.value("histogram_fraction(-Inf, 0.1, signed)") == pytest.approx(0.8, abs=0.01)


def test_exemplars_arrive(scraped):
    server, _, _ = scraped
    found = server.wait_for(
        lambda: server.ask(
            "query_exemplars",
            query="http_duration_seconds",
            start=time.time() - 3600,
            end=time.time() + 60,
        )
    )
    exemplars = [exemplar for series in found for exemplar in series["exemplars"]]
    assert {exemplar["labels"]["trace_id"] for exemplar in exemplars} == {TRACE}
    assert {float(exemplar["value"]) for exemplar in exemplars} == {0.25}


def test_help_type_and_unit_arrive(scraped):
    server, _, _ = scraped
    found = server.ask("metadata", metric="http_duration_seconds")["http_duration_seconds"]
    assert found[0]["type"] == "histogram"
    assert found[0]["help"] == "http.duration"


def test_promtool_has_nothing_to_say(scraped):
    _, _, sink = scraped
    body, _ = sink.scrape("text/plain")
    checked = subprocess.run(
        [binary("promtool"), "check", "metrics"],
        input=body,
        capture_output=True,
        timeout=60,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
