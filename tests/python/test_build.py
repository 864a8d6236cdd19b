import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import inlay
from inlay.__main__ import main


def test_build_info_names_version_and_build() -> None:
    info = inlay.build_info()
    assert info["version"] == inlay.__version__
    assert re.fullmatch(r"[0-9a-f]{20}", info["build_id"])
    assert info["abi"] >= 1
    assert info["isa"] in {"scalar", "avx2", "avx512"}


@pytest.mark.parametrize("isa", ["scalar", "no-such-set"])
def test_the_set_of_loops_can_be_forced(isa: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import inlay; print(inlay.build_info()['isa'])"],
        env=os.environ | {"INLAY_FORCE_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "scalar"


def test_library_lies_beside_the_extension() -> None:
    from inlay import _core

    library = Path(inlay.get_library())
    assert library.is_file()
    assert library.parent == Path(_core.__file__).parent


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--version", lambda: inlay.__version__),
        ("--include", inlay.get_include),
        ("--library", inlay.get_library),
        ("--cmake-dir", inlay.get_cmake_dir),
        ("--pkg-config-dir", inlay.get_pkg_config_dir),
    ],
)
def test_main_prints_what_is_asked(option, expected, capsys) -> None:
    assert main([option]) == 0
    assert capsys.readouterr().out == f"{expected()}\n"


def test_main_without_a_question_is_an_error(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "nothing was asked for" in capsys.readouterr().err


def test_main_hands_commands_on(capsys) -> None:
    for command in ("label", "judge", "report"):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        assert capsys.readouterr().out.startswith(f"usage: inlay {command} ")
    with pytest.raises(SystemExit, match="2"):
        main(["labels"])
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "--include" in capsys.readouterr().out


def test_every_installed_directory_holds_what_it_promises() -> None:
    assert (Path(inlay.get_include()) / "inlay" / "version.h").is_file()
    assert (Path(inlay.get_cmake_dir()) / "inlayConfig.cmake").is_file()
    assert (Path(inlay.get_pkg_config_dir()) / "inlay.pc").is_file()
