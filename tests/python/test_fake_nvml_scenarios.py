"""What a scenario may hold, what is wrong in it, and that the fake matches the vendor's header."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fake_nvml
import pytest
from fake_nvml import Fake, Play
from hypothesis import given
from hypothesis import strategies as st

ALL = sorted(fake_nvml.SCENARIOS.glob("*.nvml"))


@pytest.fixture(scope="module")
def fake() -> Fake:
    """In this process: nothing here looks for another NVML."""
    return Fake(fake_nvml.library())


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    pytest.importorskip("pynvml")
    with fake_nvml.player() as ask:
        yield ask


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_each_scenario_that_we_ship_is_read(fake: Fake, path: Path) -> None:
    fake.load(path)
    assert fake.now() >= 0


def test_an_empty_scenario_is_one_healthy_gpu(fake: Fake) -> None:
    for text in ("", "\n", "# nothing\n", "   \t\r\n", "gpus 1 # one"):
        fake.load_text(text)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("gpu", "no GPU"),
        ("cpu 0 power 1", 'unknown directive "cpu"'),
        ("gpus 65", 'not a number of GPUs of 0 to 64: "65"'),
        ("gpus many", 'not a number of GPUs of 0 to 64: "many"'),
        ("gpus 2 3", 'unexpected "3"'),
        ("gpu 9 power 1", 'not GPU of 0 to 7: "9"'),
        ("gpu 3..1 power 1", 'not GPU of 3 to 7: "1"'),
        ("gpu 0:0 power 1", 'there is no instance to select: "0"'),
        ("gpu 0", "no quantity"),
        ("gpu 0 warmth 3", 'unknown quantity "warmth"'),
        ("gpu 0 power", "no a number"),
        ("gpu 0 power high", 'not a number: "high"'),
        ("gpu 0 power nan", 'not a number: "nan"'),
        ("gpu 0 power inf", 'not a number: "inf"'),
        ("gpu 0 power 1e999", 'not a number: "1e999"'),
        ("gpu 0 power 3 4", 'unexpected "4"'),
        ("gpu 0 power 3 for", "no a time"),
        ("gpu 0 power ramp 1 2 0s", "a time of 0 for a ramp"),
        ("gpu 0 power ramp 1 2", "no a time"),
        ("gpu 0 at power 3", 'not a time: "power"'),
        ("gpu 0 power 3 at", 'no time after "at"'),
        ("gpu 0 at -1s power 3", 'not a time of 0 to 1e9 seconds: "-1s"'),
        ("gpu 0 at 3 days power 3", 'unknown quantity "days"'),
        ("gpu 0 throttle", "no cause"),
        ("gpu 0 throttle heat for 1s", 'unknown cause "heat"'),
        ("gpu 0 throttle hw_thermal 50ms", 'unexpected "50ms"'),
        ("gpu 0 throttle idle for 2s every 1s", "a throttle that lasts longer than its period"),
        ("gpu 0 throttle idle for 1s every 2s times 0", 'not a number of times of 1 to 16384: "0"'),
        ("gpu 0 xid -3", 'not an Xid of 1 to 100000: "-3"'),
        ("gpu 0 event flood", 'unknown kind of event "flood"'),
        ("gpu 0 permission everything", 'unknown group or function "everything"'),
        ("gpu 0 permission field 310", 'not a field\'s number of 1 to 309: "310"'),
        ("gpu 0 error power", "no error"),
        ("gpu 0 error power strange", 'not an error\'s name or number of 1 to 999: "strange"'),
        ("gpu 0 process 0", 'not a process number of 1 to 2147483647: "0"'),
        ("gpu 0 process 5 type none", 'unknown type of process "none"'),
        ("gpu 0 process 5 hungry 3", 'unexpected "hungry"'),
        ("gpu 0 link 99 state 0", 'not link of 0 to 17: "99"'),
        ("gpu 0 link 0 mood 0", 'unknown quantity of a link "mood"'),
        ("gpu 0 pci 1b", 'not a PCI bus id such as 0000:1b:00.0: "1b"'),
        ("gpu 0 name", "no name"),
        ('gpu 0 name "half', "a quote that does not end"),
        ("field 0 0 1", 'not a field\'s number of 1 to 309: "0"'),
        ("field 0 5:x 1", 'not a scope of 0 to 4294967295: "x"'),
        ("mig 0 8", 'not a number of instances of 1 to 7: "8"'),
        ("nvlink 37", 'not a number of links of 0 to 36: "37"'),
        ("without nvmlNothing", 'unknown function "nvmlNothing"'),
        ("latency_us nvmlNothing 3", 'unknown function "nvmlNothing"'),
        ("latency_us fast", 'not microseconds: "fast"'),
        ("clock sundial", 'neither real nor manual: "sundial"'),
        ("serialized perhaps", 'neither on nor off: "perhaps"'),
        ("architecture tesla", 'unknown architecture "tesla"'),
        ("cuda x.1", 'not a version of 1 to 99: "x"'),
        ("epoch 1e12", "not a time since 1970"),
        ("samples 10 0", "samples closer than 0.1 ms"),
        ("init fine", 'not an error\'s name or number of 1 to 999: "fine"'),
        ("refresh_ms warmth 3", 'not milliseconds: "warmth"'),
        ("jitter warmth 3", 'unknown quantity "warmth"'),
        ("jitter power", "no an amount"),
        (f"model {'x' * 65}", "a model of more than 64 letters"),
    ],
)
def test_a_wrong_line_is_named(fake: Fake, line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^scenario:3: ") as caught:
        fake.load_text(f"gpus 8\n# a comment\n{line}\ngpu 0 power 1\n")
    message = str(caught.value)
    assert problem in message
    assert message.endswith(f": {line}")


def test_a_wrong_scenario_leaves_the_one_before(play: Play) -> None:
    code = """
before = nvmlDeviceGetUUID(gpus[0])
try:
    fake.load_text("gpus nine")
    result = "read"
except ValueError:
    result = nvmlDeviceGetUUID(gpus[0]) == before
"""
    assert play("gpus 2\n", code) is True


def test_a_file_that_is_not_there_is_named(fake: Fake, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read the scenario"):
        fake.load(tmp_path / "none.nvml")
    wrong = tmp_path / "wrong.nvml"
    wrong.write_text("gpus 1\nfoo\n")
    with pytest.raises(ValueError, match=re.escape(f'{wrong}:2: unknown directive "foo": foo')):
        fake.load(wrong)


def test_a_wrong_scenario_of_the_environment_fails_init_and_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pynvml")
    code = "import pynvml\npynvml.nvmlInit()"
    ran = fake_nvml.run(code, fake_nvml.scenario("gpus\n", tmp_path))
    assert ran.returncode != 0
    assert "fake nvml: " in ran.stderr
    assert ":1: no a number of GPUs: gpus" in ran.stderr
    assert "NVMLError_Unknown" in ran.stderr


# ---- whatever bytes ----------------------------------------------------------------------------

WORDS = [
    "gpu", "gpus", "field", "mig", "at", "for", "every", "times", "throttle", "hw_thermal", "power",
    "ramp", "rate", "add", "wave", "square", "from", "absent", "wrap", "saturate", "jitter",
    "refresh_ms", "link", "state", "process", "self", "permission", "error", "ecc", "lost", "gone",
    "xid", "event", "recovery", "uuid", "pci", "cpus", "without", "nvmlDeviceGetName", "latency_us",
    "clock", "manual", "real", "samples", "*", "0", "1", "0..1", "0:0", "3s", "50ms", "1e9", "-1",
    "1e-9", "0x10", "80GiB", "7%", "nan", "inf", '"', '"a b"', "#", "270:4294967295", "1,1,0",
]  # fmt: skip


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(fake: Fake, text: bytes) -> None:
    problem = ""
    try:
        fake.load_text(text.replace(b"\0", b" "))
    except ValueError as error:
        problem = str(error)
    assert problem == "" or re.match(r"scenario:\d+: ", problem)


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), max_size=8))
def test_any_words_are_read_or_refused(fake: Fake, lines: list[str]) -> None:
    text = "\n".join(["gpus 2", *lines])
    try:
        fake.load_text(text)
    except ValueError as error:
        found = re.match(r"scenario:(\d+): (?s:.*): (.*)$", str(error))
        assert found is not None
        # The line that it names is the line that it shows.
        assert text.split("\n")[int(found[1]) - 1].endswith(found[2])


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from(["", "add "]), st.integers(0, 999)),
        max_size=8,
    ),
    st.integers(0, 40),
)
def test_levels_and_their_integral_agree_with_a_plain_sum(
    fake: Fake, steps: list[tuple[int, str, int]], until: int
) -> None:
    lines = [f"gpu 0 at {at}s power {how}{watts}" for at, how, watts in steps]
    fake.load_text("\n".join(["clock manual", "gpu 0 energy_before 0", *lines]))
    expected, level = 0, 350
    plan = sorted(enumerate(steps), key=lambda pair: (pair[1][0], pair[0]))
    for second in range(until):
        for _, (at, how, watts) in plan:
            if at == second:
                level = level + watts if how else watts
        expected += level
    gpu, energy = ctypes.c_void_p(), ctypes.c_ulonglong()
    assert fake.dll.nvmlInit_v2() == 0
    try:
        fake.advance(until)
        assert fake.dll.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(gpu)) == 0
        assert fake.dll.nvmlDeviceGetTotalEnergyConsumption(gpu, ctypes.byref(energy)) == 0
    finally:
        fake.dll.nvmlShutdown()
    assert energy.value == expected * 1000


# ---- as the vendor has it ----------------------------------------------------------------------


def vendor_header() -> Path:
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    headers = [header for place in places for header in place.glob("cu*/include/nvml.h")]
    if not headers:
        pytest.skip("nvidia-nvml-dev is not installed")
    return headers[0]


def test_sizes_places_and_numbers_are_the_vendors() -> None:
    compiler = shutil.which("c++") or pytest.skip("no C++ compiler")
    command = [compiler, "-std=c++20", "-fsyntax-only", "-I", str(vendor_header().parent)]
    ran = subprocess.run(
        [*command, str(fake_nvml.SOURCES / "layout_check.cpp")], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


def test_every_name_that_pynvml_looks_up_is_there(fake: Fake) -> None:
    pynvml = pytest.importorskip("pynvml")
    sys.path.insert(0, str(fake_nvml.SOURCES))
    try:
        import stub_names
    finally:
        sys.path.remove(str(fake_nvml.SOURCES))
    names = stub_names.looked_up(Path(pynvml.__file__)) | stub_names.declared(vendor_header())
    assert len(names) > 400
    assert names <= stub_names.implemented() | stub_names.stubs()
    assert not stub_names.implemented() & stub_names.stubs()
    assert all(hasattr(fake.dll, name) for name in names)


def test_what_has_no_body_is_not_supported(fake: Fake) -> None:
    fake.load_text("")
    fake.dll.nvmlInit_v2()
    assert fake.dll.nvmlDeviceGetVgpuMetadata(None, None, None) == 3
    fake.dll.nvmlShutdown()
    assert fake.dll.nvmlDeviceGetVgpuMetadata(None, None, None) == 1


# ---- under the sanitizers ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("sanitize", ["address,undefined", "thread"])
def test_threads_and_damaged_scenarios_under_sanitizers(tmp_path: Path, sanitize: str) -> None:
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("cmake and ninja are needed")
    configure = ["cmake", "-S", str(fake_nvml.SOURCES), "-B", str(tmp_path), "-G", "Ninja"]
    configure += [f"-DINLAY_SANITIZE={sanitize}", "-DINLAY_BUILD_TESTS=ON"]
    for command in (
        configure,
        ["ninja", "-C", str(tmp_path)],
        ["ctest", "--test-dir", str(tmp_path)],
    ):
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
