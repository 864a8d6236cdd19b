"""What ``python -m inlay.selftest`` finds."""

import pytest

from inlay import _core, selftest


def test_it_tells_how_the_library_was_built(capsys):
    assert selftest.main() == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "ok"
    assert any(line.startswith("build_id: ") for line in told)


def test_an_extension_older_than_the_python_files_is_named(monkeypatch):
    monkeypatch.delattr(_core, "GpuPoller")
    monkeypatch.delattr(_core, "canonical_json")
    with pytest.raises(
        SystemExit, match=r"build it again \(it lacks .*GpuPoller.*\): .*_core"
    ) as e:
        selftest.main()
    assert "canonical_json" in str(e.value)
