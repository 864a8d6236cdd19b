"""The Prometheus sink in one process: what a scrape shows, read back by independent parsers."""

import asyncio
import gzip
import itertools
import json
import math
import re
import threading
import urllib.error
import urllib.request

import numpy as np
import prometheus_client.openmetrics.parser as openmetrics_parser
import prometheus_client.parser as text_parser
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from hypothesis import given, settings
from hypothesis import strategies as st

import inlay
from inlay.sinks import Prometheus
from inlay.table import Batch

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
TEXT = "text/plain;version=0.0.4"


def make(**options):
    sink = Prometheus(**options)
    observer = inlay.Observer(
        resource={"service.name": "shop"}, sinks=[sink], clock=inlay.ManualClock()
    )
    return sink, observer


def turn(observer):
    observer.collect()
    assert observer.flush(timeout=20)


def text_of(sink):
    return sink.scrape(TEXT)[0].decode()


def samples_of(sink, accept=TEXT):
    """Every sample as {(name, labels): value}, by the peer's parser."""
    body = sink.scrape(accept)[0].decode()
    parser = openmetrics_parser if accept == OPENMETRICS else text_parser
    found = {}
    for family in parser.text_string_to_metric_families(body):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample
    return found


# ---- protobuf, read by the protobuf package --------------------------------------------------
FIELDS = {
    "LabelPair": [("name", 1, "string"), ("value", 2, "string")],
    "Timestamp": [("seconds", 1, "int64"), ("nanos", 2, "int32")],
    "Exemplar": [("label", 1, "*LabelPair"), ("value", 2, "double"), ("timestamp", 3, "Timestamp")],
    "Gauge": [("value", 1, "double")],
    "Counter": [
        ("value", 1, "double"),
        ("exemplar", 2, "Exemplar"),
        ("created_timestamp", 3, "Timestamp"),
    ],
    "Bucket": [
        ("cumulative_count", 1, "uint64"),
        ("upper_bound", 2, "double"),
        ("exemplar", 3, "Exemplar"),
    ],
    "BucketSpan": [("offset", 1, "sint32"), ("length", 2, "uint32")],
    "Histogram": [
        ("sample_count", 1, "uint64"),
        ("sample_sum", 2, "double"),
        ("bucket", 3, "*Bucket"),
        ("schema", 5, "sint32"),
        ("zero_threshold", 6, "double"),
        ("zero_count", 7, "uint64"),
        ("negative_span", 9, "*BucketSpan"),
        ("negative_delta", 10, "*sint64"),
        ("positive_span", 12, "*BucketSpan"),
        ("positive_delta", 13, "*sint64"),
        ("created_timestamp", 15, "Timestamp"),
        ("exemplars", 16, "*Exemplar"),
    ],
    "Metric": [
        ("label", 1, "*LabelPair"),
        ("gauge", 2, "Gauge"),
        ("counter", 3, "Counter"),
        ("histogram", 7, "Histogram"),
    ],
    "MetricFamily": [
        ("name", 1, "string"),
        ("help", 2, "string"),
        ("type", 3, "int32"),  # an enum on the wire is a varint
        ("metric", 4, "*Metric"),
        ("unit", 5, "string"),
    ],
}


def family_class():
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="inlay_test.proto", package="inlay_test", syntax="proto2"
    )
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            field = message.field.add(name=field_name, number=number)
            repeated = kind.startswith("*")
            kind = kind.removeprefix("*")
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind in FIELDS:
                field.type = kinds.TYPE_MESSAGE
                field.type_name = f".inlay_test.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("inlay_test.MetricFamily"))


MetricFamily = family_class()


def families_of(sink):
    body = sink.scrape(PROTOBUF)[0]
    families, at = {}, 0
    while at < len(body):
        size = shift = 0
        while True:
            byte = body[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        family = MetricFamily.FromString(body[at : at + size])
        assert len(unknown_fields.UnknownFieldSet(family)) == 0
        assert family.name not in families
        families[family.name] = family
        at += size
    assert at == len(body)
    return families


def native_buckets(spans, deltas):
    """Counts by Prometheus index."""
    counts, index, count, rest = {}, 0, 0, iter(deltas)
    for span in spans:
        index += span.offset
        for _ in range(span.length):
            count += next(rest)
            counts[index] = count
            index += 1
    assert next(rest, None) is None
    return counts


# ---- what a scrape shows ---------------------------------------------------------------------
def test_counters_gauges_and_help_in_text():
    sink, obs = make()
    jobs = obs.counter(
        "jobs.done", unit="{job}", description='Jobs "done"\\or\nnot.', attributes=("queue",)
    )
    jobs.add(3, queue='a"b\\c\nd')
    obs.gauge("disk.free", unit="By", description="Room left.").set(2.5e10)
    turn(obs)
    text = text_of(sink)
    assert (
        '# HELP jobs_done_total Jobs "done"\\\\or\\nnot.\n# TYPE jobs_done_total counter\n' in text
    )
    assert 'jobs_done_total{queue="a\\"b\\\\c\\nd"} 3\n' in text
    assert "# TYPE disk_free_bytes gauge\ndisk_free_bytes 2.5e+10\n" in text
    assert 'service_name="shop"' in re.search(r"target_info\{.*\} 1", text).group()
    obs.stop()


def test_open_window_shows_at_once_and_is_not_turned():
    sink, obs = make()
    jobs = obs.counter("jobs").bind()
    jobs.add(2)
    before = obs.core.window_seq
    for _ in range(3):
        assert "jobs_total 2\n" in text_of(sink)
    assert obs.core.window_seq == before
    jobs.add(1)
    assert "jobs_total 3\n" in text_of(sink)
    turn(obs)
    assert "jobs_total 3\n" in text_of(sink)
    obs.stop()
    assert "jobs_total 3\n" in text_of(sink)


def test_counters_never_fall_while_windows_turn():
    sink, obs = make()
    jobs = obs.counter("jobs").bind()
    latency = obs.histogram("latency", unit="s").bind()
    done = threading.Event()
    seen, failures = [], []

    def scrape():
        try:
            while not done.is_set():
                found = samples_of(sink)
                if ("jobs_total", ()) in found:
                    seen.append(
                        (
                            found["jobs_total", ()].value,
                            found["latency_seconds_count", ()].value,
                        )
                    )
        except Exception as error:  # shown below
            failures.append(error)

    scraper = threading.Thread(target=scrape)
    scraper.start()
    recorded = 0
    while (len(seen) < 20 or recorded < 3000) and not failures:
        for _ in range(50):
            jobs.add(1)
            latency.record(0.01)
        recorded += 50
        if recorded % 150 == 0:
            obs.collect()
        if recorded % 4500 == 0:  # before the sink's queue is full and drops windows
            assert obs.flush(timeout=20)
    obs.flush(timeout=20)
    done.set()
    scraper.join()
    assert not failures
    for earlier, later in itertools.pairwise(seen):
        assert later[0] >= earlier[0]
        assert later[1] >= earlier[1]
    final = samples_of(sink)
    assert final["jobs_total", ()].value == recorded
    assert final["latency_seconds_count", ()].value == recorded
    assert sink.stats()["lost_windows"] == 0
    obs.stop()


def test_batch_delivered_twice_counts_once():
    sink, obs = make()
    obs.counter("jobs").bind().add(2)
    batch = obs.collect()
    obs.flush(timeout=20)
    sink.write(batch)
    assert "jobs_total 2\n" in text_of(sink)
    assert sink.stats()["duplicates"] == 1
    obs.stop()


def test_values_that_are_no_number_are_counted_apart():
    sink, obs = make()
    latency = obs.histogram("latency", unit="s").bind()
    latency.record_many(np.array([1.0, np.nan, np.inf, -np.inf, np.nan]))
    found = samples_of(sink)
    assert found["latency_seconds_count", ()].value == 1
    assert found["latency_seconds_sum", ()].value == 1.0
    apart = {
        labels[0][1]: sample.value
        for (name, labels), sample in found.items()
        if name == "latency_seconds_excluded_total"
    }
    assert apart == {"nan": 2, "pos_inf": 1, "neg_inf": 1}
    obs.stop()


def test_idle_series_expire():
    sink = Prometheus(expire=30.0)
    clock = inlay.ManualClock()
    obs = inlay.Observer(sinks=[sink], clock=clock)
    obs.counter("idle").bind().add(1)
    turn(obs)
    assert "idle_total 1\n" in text_of(sink)
    clock.advance(31.0)
    busy = obs.counter("busy").bind()
    busy.add(1)
    turn(obs)
    assert "idle_total" not in text_of(sink)
    assert sink.stats()["expired"] >= 1
    obs.stop()


def test_metrics_that_want_one_name_are_kept_apart():
    sink, obs = make()
    obs.counter("a.b").bind().add(1)
    obs.gauge("a_b").bind().set(2)
    obs.histogram("a-b").bind().record(3)
    found = samples_of(sink)
    # The first by name keeps it; each of the others has one of its own.
    assert found["a_b_sum", ()].value == 3
    renamed = sink.renamed()
    assert set(renamed) == {"a.b", "a_b"}
    assert found[renamed["a.b"] + "_total", ()].value == 1
    assert found[renamed["a_b"], ()].value == 2
    samples_of(sink, OPENMETRICS)  # the parser refuses clashes
    obs.stop()


def test_classic_buckets_are_exact():
    sink, obs = make(buckets={"latency": (0.01, 20.0, 2)})
    values = np.random.default_rng(3).lognormal(-1.0, 1.5, 5000)
    obs.histogram("latency", unit="s").bind().record_many(values)
    for accept in (TEXT, OPENMETRICS):
        found = samples_of(sink, accept)
        edges = 0
        for (name, labels), sample in found.items():
            if name != "latency_seconds_bucket":
                continue
            edge = float(dict(labels)["le"])
            # An edge that is no power of two is rounded; a value within one ULP of it may fall on
            # either side, and 5000 draws of doubles meet none.
            assert sample.value == np.count_nonzero(values <= edge)
            edges += 1
        assert edges == len(range(-14, 10)) + 1
        assert found["latency_seconds_sum", ()].value == pytest.approx(values.sum(), rel=1e-12)
    obs.stop()


def test_protobuf_holds_the_native_histogram():
    sink, obs = make(max_buckets=1000)
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.lognormal(0, 1, 3000), -rng.lognormal(2, 0.5, 500), np.zeros(7)])
    obs.histogram("delta", unit="s", description="d").bind().record_many(values)
    turn(obs)
    family = families_of(sink)["delta_seconds"]
    assert (family.help, family.type, family.unit) == ("d", 4, "seconds")
    histogram = family.metric[0].histogram
    assert histogram.sample_count == len(values)
    assert histogram.zero_count == 7
    assert histogram.zero_threshold == 2.0**-128
    assert histogram.schema == 5
    assert histogram.sample_sum == pytest.approx(values.sum(), rel=1e-12)
    base = 2.0 ** (2.0**-histogram.schema)
    for sign, spans, deltas in (
        (1, histogram.positive_span, histogram.positive_delta),
        (-1, histogram.negative_span, histogram.negative_delta),
    ):
        side = sign * values[sign * values > 0]
        counts = {i: n for i, n in native_buckets(spans, deltas).items() if n}
        assert sum(counts.values()) == len(side)
        for index, count in counts.items():
            inside = (side > base ** (index - 1)) & (side <= base**index)
            assert count == np.count_nonzero(inside)
    assert histogram.bucket[-1].upper_bound == math.inf
    assert histogram.bucket[-1].cumulative_count == len(values)
    assert histogram.created_timestamp.seconds > 1_600_000_000
    obs.stop()


def test_protobuf_without_classic_buckets():
    sink, obs = make(classic=False)
    obs.histogram("latency", unit="s").bind().record(1.0)
    assert not families_of(sink)["latency_seconds"].metric[0].histogram.bucket
    obs.stop()


def test_wide_histogram_is_shown_at_a_lower_resolution():
    sink, obs = make(max_buckets=40)
    values = np.random.default_rng(9).lognormal(0, 8, 4000)
    obs.histogram("size", unit="By").bind().record_many(values)
    histogram = families_of(sink)["size_bytes"].metric[0].histogram
    counts = native_buckets(histogram.positive_span, histogram.positive_delta)
    assert max(counts) - min(counts) < 40
    assert histogram.schema < 3
    assert sum(counts.values()) == 4000
    obs.stop()


def test_text_and_protobuf_agree():
    sink, obs = make()
    requests = obs.counter("http.requests", attributes=("route", "status"))
    for route, status in itertools.product("abc", ("200", "500")):
        requests.add(len(route) + int(status), route=route, status=status)
    families = families_of(sink)
    from_protobuf = {
        (family.name, tuple(sorted((pair.name, pair.value) for pair in metric.label))): (
            metric.counter.value if family.type == 0 else metric.gauge.value
        )
        for family in families.values()
        if family.type in (0, 1)
        for metric in family.metric
    }
    from_text = {key: sample.value for key, sample in samples_of(sink).items()}
    counted = {key: value for key, value in from_protobuf.items() if "http" in key[0]}
    assert len(counted) == 6
    for key, value in counted.items():
        assert from_text[key] == value
    obs.stop()


def test_exemplars_in_openmetrics_and_protobuf():
    sink, obs = make()
    latency = obs.histogram("latency", unit="s", attributes=("route",)).bind(route="chat")
    latency.record(0.2)
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    latency.exemplar(0.2, trace, span)
    turn(obs)
    found = samples_of(sink, OPENMETRICS)
    exemplars = [sample.exemplar for sample in found.values() if sample.exemplar]
    assert [(e.labels["trace_id"], e.labels["span_id"], e.value) for e in exemplars] == [
        (trace, span, 0.2)
    ]
    histogram = families_of(sink)["latency_seconds"].metric[0].histogram
    assert {pair.name: pair.value for pair in histogram.exemplars[0].label}["trace_id"] == trace
    in_buckets = [bucket for bucket in histogram.bucket if bucket.HasField("exemplar")]
    assert [bucket.upper_bound for bucket in in_buckets] == [0.25]
    obs.stop()


def test_whole_numbers_beyond_a_double_stay_exact_in_text():
    sink, obs = make()
    tokens = obs.counter("tokens").bind()
    for _ in range(3):
        tokens.add(2**53 - 1)
        turn(obs)
    assert f"tokens_total {3 * (2**53 - 1)}\n" in text_of(sink)
    obs.stop()


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-/]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    metrics=st.lists(
        st.tuples(
            NAMES,
            st.sampled_from(("counter", "gauge", "histogram")),
            st.sampled_from(("", "s", "By", "1", "ms", "{x}/s", "°")),
            st.dictionaries(NAMES, VALUES, max_size=3),
            st.floats(0.001, 1e12),
        ),
        max_size=8,
        unique_by=lambda metric: metric[0],
    )
)
def test_any_names_labels_and_values_parse(metrics):
    sink, obs = make()
    try:
        for name, kind, unit, attrs, value in metrics:
            maker = getattr(obs, kind)
            instrument = maker(name, unit=unit, attributes=tuple(attrs))
            method = {"counter": "add", "gauge": "set", "histogram": "record"}[kind]
            getattr(instrument.bind(**attrs), method)(value)
        by_text = samples_of(sink)
        by_openmetrics = samples_of(sink, OPENMETRICS)
        families = families_of(sink)
        # Each metric is there once, in each form, with its value.
        counters = sum(kind == "counter" for _, kind, *_ in metrics)
        own = [f for f in families.values() if not f.name.startswith(("inlay_", "target_info"))]
        assert sum(family.type == 0 for family in own) == counters
        assert len(own) == len(metrics)
        for family in own:
            for metric in family.metric:
                labels = tuple(sorted((pair.name, pair.value) for pair in metric.label))
                if family.type == 4:
                    count = by_text[family.name + "_count", labels].value
                    assert count == metric.histogram.sample_count == 1
                    continue
                value = metric.counter.value if family.type == 0 else metric.gauge.value
                assert by_text[family.name, labels].value == value
                assert by_openmetrics[family.name, labels].value == value
    finally:
        obs.stop()


@settings(max_examples=200, deadline=None)
@given(accept=st.text(st.characters(max_codepoint=255), max_size=120))
def test_no_accept_header_fails(accept):
    sink = Prometheus()
    assert sink.scrape(accept)[1].startswith(("text/plain", "application/"))


def test_bad_arguments_name_the_value():
    for arguments, shown in (
        ({"port": 70000}, "70000"),
        ({"path": "metrics"}, "'metrics'"),
        ({"expire": -1.0}, "-1.0"),
        ({"gauges": "mean"}, "'mean'"),
        ({"gauges": {"x": "mean"}}, "'x'"),
        ({"buckets": {"x": (2.0, 1.0)}}, r"\(2.0, 1.0\)"),
        ({"buckets": {"x": (1.0, 2.0, 3)}}, "3"),
        ({"max_buckets": 3}, "3"),
        ({"exemplars": 65}, "65"),
        ({"publish": 0.0}, "0.0"),
    ):
        with pytest.raises(ValueError, match=shown):
            Prometheus(**arguments)


def test_foreign_tables_are_taken():
    pa = pytest.importorskip("pyarrow")
    rows = {
        "metric": ["x", "x"],
        "kind": ["counter", "counter"],
        "series_id": [1, 2],
        "attrs": ['{"a":"1"}', "not json"],
        "value": [1.5, 1.0],
    }
    sink = Prometheus()
    sink.write(Batch.from_tables({"points": pa.table(rows)}, origin=1, window_seq=0))
    assert 'x_total{a="1"} 1.5\n' in text_of(sink)
    assert sink.stats()["refused_rows"] == 1
    assert "not json" in sink.status["last_refusal"]


# ---- over HTTP -------------------------------------------------------------------------------
def fetch(url, **headers):
    request = urllib.request.Request(
        url, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.status, response.headers, response.read()


def test_server_answers_on_loopback():
    sink, obs = make(port=0)
    try:
        many = obs.counter("jobs", attributes=("n",))
        for number in range(100):
            many.add(1, n=number)
        url = f"http://127.0.0.1:{sink.port}"
        status, headers, body = fetch(f"{url}/metrics?x=1", Accept=OPENMETRICS)
        assert status == 200
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")
        _, headers, packed = fetch(f"{url}/metrics", Accept_Encoding="gzip, deflate")
        assert headers["Content-Encoding"] == "gzip"
        assert b'jobs_total{n="99"} 1\n' in gzip.decompress(packed)
        _, headers, plain = fetch(f"{url}/metrics", Accept_Encoding="gzip;q=0")
        assert headers["Content-Encoding"] is None
        assert int(headers["Content-Length"]) == len(plain)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(f"{url}/")
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(f"{url}/metrics", data=b"x", timeout=20)
    finally:
        port = sink.port
        obs.stop()
    assert sink.port is None
    with pytest.raises(urllib.error.URLError):
        fetch(f"http://127.0.0.1:{port}/metrics")


def test_port_in_use_is_an_error_that_names_it():
    sink, obs = make(port=0)
    try:
        with pytest.raises(OSError, match=str(sink.port)):
            inlay.Observer(sinks=[Prometheus(port=sink.port)])
    finally:
        obs.stop()


def test_asgi_and_wsgi_apps():
    sink, obs = make()
    obs.counter("jobs").bind().add(1)
    sent = []

    async def run():
        async def receive():
            return {"type": "http.request"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"Accept", OPENMETRICS.encode()), (b"accept-encoding", b"br")],
        }
        await sink.asgi(scope, receive, send)
        await sink.asgi({**scope, "method": "HEAD"}, receive, send)

    asyncio.run(run())
    assert sent[0]["status"] == 200
    assert b"jobs_total 1\n" in sent[1]["body"]
    assert sent[3]["body"] == b""
    started = []
    body = sink.wsgi({"REQUEST_METHOD": "GET"}, lambda *given: started.append(given))
    assert started[0][0] == "200 OK"
    assert b"jobs_total 1\n" in b"".join(body)
    obs.stop()


def test_asgi_lifespan():
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def run():
        async def receive():
            return next(messages)

        async def send(message):
            sent.append(message["type"])

        await Prometheus().asgi({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_mounted_in_starlette():
    applications = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")
    testclient = pytest.importorskip("starlette.testclient")
    sink, obs = make()
    obs.counter("jobs").bind().add(1)
    app = applications.Starlette(routes=[routing.Route("/metrics", sink.asgi)])
    with testclient.TestClient(app) as client:
        response = client.get("/metrics")
    assert response.status_code == 200
    assert "jobs_total 1\n" in response.text
    obs.stop()


def test_status_is_json():
    sink, obs = make()
    obs.counter("jobs").bind().add(1)
    turn(obs)
    assert json.loads(json.dumps(sink.status))["series"] >= 1
    obs.stop()
