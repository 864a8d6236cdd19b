"""The demo, run as a user runs it, and its parts."""

import argparse
import importlib.util
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

import inlay

for needed in ("duckdb", "fastapi", "httpx", "rich", "sklearn", "uvicorn"):
    pytest.importorskip(needed, reason=f"the demo needs {needed}")

import inlay.cli
import inlay.demo
from inlay.demo import happened, overhead, quality, report
from inlay.demo.server import LEAST_EFFECT, LEAST_ROWS, Classifier, create_app
from inlay.demo.traffic import Tally, plan

INLAY = [sys.executable, "-c", "import sys, inlay.cli; sys.exit(inlay.cli.main())"]
DEMO = [*INLAY, "demo"]


@pytest.fixture(scope="module")
def model():
    return Classifier()


def run(folder, *arguments, timeout):
    return subprocess.run(
        [*DEMO, "--dir", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "120"},
        check=False,
    )


def check(done, folder, requests):
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert f"All {requests:,} requests" in done.stdout
    assert re.search(r"added \S+ µs to a request", done.stdout)
    assert re.search(r"Scraped \d+ times meanwhile: http://127.0.0.1:\d+/metrics", done.stdout)
    assert str(folder.resolve()) in done.stdout
    assert list(folder.glob("points/date=*/layer=app/*.parquet"))
    assert "People looked at" in done.stdout
    assert f"report {shlex.quote(str(folder))} -o {shlex.quote(f'{folder}/report')}" in done.stdout
    counted = inlay.query(
        folder,
        "select sum(value)::bigint as n from points where metric = 'http.server.requests'",
    ).to_pylist()
    assert counted == [{"n": requests}]


def test_small_demo_agrees_with_its_client(tmp_path):
    folder = tmp_path / "tele metry"
    done = run(folder, "--requests", "200", timeout=120)
    check(done, folder, 200)
    command = next(line for line in done.stdout.splitlines() if "inlay query" in line)
    pasted = subprocess.run(
        [*INLAY, *shlex.split(command)[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert pasted.returncode == 0, pasted.stderr
    assert re.search(r"POST +/predict/batch", pasted.stdout)
    command = next(line for line in done.stdout.splitlines() if "inlay judge" in line)
    assert f"--threshold {LEAST_EFFECT} --min-rows {LEAST_ROWS}" in command
    judged = subprocess.run(
        [*INLAY, *shlex.split(command)[1:], "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode in (0, 3), judged.stderr
    thresholds = {
        row["threshold"] for row in json.loads(judged.stdout)["latest"] if row["method"] == "drift"
    }
    assert thresholds == {LEAST_EFFECT}


@pytest.mark.slow
def test_whole_demo_takes_less_than_a_minute(tmp_path):
    start = time.monotonic()
    done = run(tmp_path, timeout=240)
    elapsed = time.monotonic() - start
    check(done, tmp_path, 3000)
    assert elapsed < 60
    for route in ("/predict", "/predict/batch", "/predict/stream", "/images/{number}", "unmatched"):
        assert route in done.stdout
    assert "IndexError" in done.stdout
    assert "site=south brings" in done.stdout
    if importlib.util.find_spec("vl_convert") is not None:
        page = (tmp_path / "report" / "models.html").read_text()
        assert "site=south brings" in page
        assert (tmp_path / "report" / "drift.html").exists()


@pytest.mark.slow
def test_interrupted_demo_ends_cleanly(tmp_path):
    process = subprocess.Popen(
        [*DEMO, "--requests", "1000000", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background may have set it to be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.arrows")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "stopped before the end" in out
    assert "Traceback" not in out + err
    rows = inlay.query(tmp_path, "select count(*) as n from points").to_pylist()
    assert rows[0]["n"] > 0


def test_taken_port_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "--port", str(port), "--requests", "1", timeout=120)
    assert done.returncode == 2
    assert f"port {port}" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("--requests", "0"), ("--requests", "many"), ("--port", "70000")]
)
def test_bad_arguments_are_refused(tmp_path, arguments):
    done = run(tmp_path, *arguments, timeout=60)
    assert done.returncode == 2
    assert arguments[0] in done.stderr


def test_model_reads_most_digits(model):
    digits, confidences = model.predict(model.images)
    assert model.accuracy > 0.9
    assert digits.shape == confidences.shape == (len(model.images),)
    assert ((confidences > 0.1) & (confidences <= 1)).all()


def test_plan_is_the_same_for_the_same_seed_and_has_everything(model):
    first, again = (list(plan(1_000, model.images, model.labels, seed=3)) for _ in range(2))
    assert first == again
    assert len(first) == 1_000
    statuses = Counter(planned.status for planned in first)
    assert set(statuses) == {200, 404, 405, 422, 500}
    assert statuses[200] > 850


def test_half_way_one_site_changes_to_a_scanner_that_moves_its_images(model):
    planned = list(plan(1_000, model.images, model.labels, seed=3))
    for number, each in enumerate(planned):
        images = (each.body or {}).get("images", (each.body,))
        for image, digit in zip(images, each.truths, strict=bool(each.truths)):
            has_joined = number >= 500 and image["site"] == "south"
            assert (image["scanner"] == "c") == has_joined
            assert 0 <= digit <= 9
    assert {len(each.truths) for each in planned} == {0, 1, 4, 16}


def measured(outcomes, images=0):
    return report.Measured([], Counter(outcomes), [], [], [], images)


def told(**changed):
    rows = [{"segment": {"site": "south"}}, {"segment": {"site": "north"}}]
    quality = {
        "name": "digit",
        "predictions": 2000,
        "labels": 1500,
        "segments": [{"metric": "accuracy", "by": [{"rows": rows}]}],
        **changed,
    }
    return {"quality": [quality]}


def test_differences_of_labels_are_named():
    tally = Tally(images=2000, labels=1500)
    assert quality.disagreements(told(), tally) == []
    assert quality.disagreements(told(labels=1499, predictions=1), tally) == [
        "predictions: the files say 1, the client counted 2000",
        "labels: the files say 1499, the client counted 1500",
    ]
    (line,) = quality.disagreements(told(segments=[]), tally)
    assert line.startswith("the site that got worse is south")
    (line,) = quality.disagreements({"quality": []}, tally)
    assert line == "the files have no quality 'digit'"


def test_differences_are_named():
    tally = Tally(outcomes=Counter({("GET", "/a", 200): 3, ("GET", "/b", 200): 1}), images=5)
    same = measured({("GET", "/a", 200): 3, ("GET", "/b", 200): 1}, images=5)
    assert report.disagreements(same, tally) == []
    other = measured({("GET", "/a", 200): 2, ("GET", "/b", 200): 1, ("GET", "/c", 500): 1}, 4)
    assert report.disagreements(other, tally) == [
        "GET /a 200: the files say 2, the client counted 3",
        "GET /c 500: the files say 1, the client counted 0",
        "images: the files say 4, the client counted 5",
    ]
    tally.unexpected.append("GET /b: expected 200, got 503")
    assert report.disagreements(same, tally) == ["GET /b: expected 200, got 503"]


def test_overhead_is_a_small_part_of_a_request(model):
    app = create_app(model, inlay.Observer())
    cost = overhead.measure(app, "/health", seconds=0.2)
    assert cost.request > 1
    assert cost.added < cost.request


def test_missing_extra_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(inlay.demo, "_NEEDS", ("json", "no_such_module"))
    arguments = argparse.Namespace(requests=1, dir=tmp_path, port=0)
    assert inlay.demo.run(arguments) == 2
    assert "no_such_module: pip install 'inlay[demo]'" in capsys.readouterr().err


@pytest.mark.parametrize("below", [False, True])
def test_directory_that_cannot_be_written_is_refused_before_anything_starts(
    capsys, monkeypatch, tmp_path, below
):
    file = tmp_path / "file"
    file.write_text("here")
    # Nothing else of the demo is reached.
    monkeypatch.setitem(sys.modules, "inlay.demo.session", None)
    folder = file / "below" if below else file
    assert inlay.cli.main(["demo", "--dir", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"cannot write to --dir {folder}" in said
    assert ("it is a file" in said) != below


def test_unknown_option_shows_the_usage_of_the_demo(capsys):
    with pytest.raises(SystemExit) as caught:
        inlay.cli.main(["demo", "--no-such"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: inlay demo [-h]")
    assert "unrecognized arguments: --no-such" in said


def test_events_are_told_with_their_intervals_whole():
    def row(name, start, end, severity, body=None, **attrs):
        return {
            "time": start, "end_time": end, "origin": 1, "layer": "infra", "name": name,
            "severity": severity, "body": body, "attrs": json.dumps(attrs), "resource": "{}",
            "trace_id": None,
        }  # fmt: skip

    rows = [
        *(row("host.pressure", s * 10**6, (s + 1) * 10**6, 13, resource="cpu") for s in range(14)),
        row("gpu.throttle", 0, 700_000, 13, cause="hw_thermal"),
        row("gpu.throttle", 8_000_000, 8_700_000, 13, cause="hw_thermal"),
        *(row("log.record", s, None, 17, "failed\n", **{"exception.type": "E"}) for s in range(3)),
        row("gpu.info", 5, None, 9),
    ]
    assert happened.lines(rows) == [
        "log.record E (error), 3 times: failed",
        "gpu.throttle hw_thermal (warning), 2 intervals, 1.4 s in all",
        "gpu.info (info), once",
        "host.pressure cpu (warning), 1 interval, 14.0 s in all",
    ]


@pytest.mark.parametrize(("option", "word"), [("--requests", "1e3"), ("--port", "http")])
def test_numbers_that_are_none_are_named(capsys, option, word):
    with pytest.raises(SystemExit):
        inlay.cli.main(["demo", option, word])
    assert f"argument {option}: must be a whole number, got '{word}'" in capsys.readouterr().err
