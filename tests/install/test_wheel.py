"""What is in the wheel, and that it works where nothing of the source tree is."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pytest

from stranger import ROOT, Installed


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_wheel_holds_one_copy_of_the_library(wheel: Path) -> None:
    assert [name for name in names(wheel) if "libinlay" in name] == ["inlay/libinlay.so.0"]


def extensions(wheel: Path) -> list[str]:
    modules = [name for name in names(wheel) if re.search(r"/_\w+\..*\.so$", name)]
    return sorted(name.split(".")[0] for name in modules)


def test_wheel_holds_the_extensions_beside_it(wheel: Path) -> None:
    assert extensions(wheel) == [
        "inlay/_core",
        *(["inlay/_cuda"] if shutil.which("nvcc") else []),
        "inlay/_guard",
    ]


def test_wheel_holds_every_public_header(wheel: Path) -> None:
    include = ROOT / "cpp" / "include"
    headers = {
        f"inlay/include/{path.relative_to(include)}"
        for pattern in ("*.h", "*.hpp")
        for path in include.rglob(pattern)
    } | {"inlay/include/inlay/version.h"}
    assert {name for name in names(wheel) if name.startswith("inlay/include/")} == headers


def test_wheel_holds_every_python_file_and_the_typing_marker(wheel: Path) -> None:
    package = ROOT / "python"
    sources = {
        str(path.relative_to(package))
        for pattern in ("*.py", "*.pyi", "py.typed")
        for path in package.rglob(pattern)
    }
    assert sources <= set(names(wheel))


def test_wheel_holds_licence_cmake_and_pkg_config(wheel: Path) -> None:
    held = set(names(wheel))
    assert {
        "inlay/lib/cmake/inlay/inlayConfig.cmake",
        "inlay/lib/cmake/inlay/inlayConfigVersion.cmake",
        "inlay/lib/pkgconfig/inlay.pc",
    } <= held
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


def test_wheel_holds_nothing_of_the_workshop(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"inlay"}
    assert not [name for name in names(wheel) if name.endswith((".cpp", ".in", ".a"))]


def test_no_path_of_the_build_machine_is_in_the_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((".so", ".so.0", ".cmake", ".pc")):
                assert str(ROOT).encode() not in archive.read(name), name


@pytest.fixture
def with_kernels(wheel: Path) -> None:
    if "inlay/_cuda" not in extensions(wheel):
        pytest.skip("the wheel was built without a CUDA toolkit")


@pytest.mark.usefixtures("with_kernels")
def test_wheel_with_kernels_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 6_000_000


@pytest.mark.usefixtures("with_kernels")
def test_kernels_import_without_a_driver_and_open_none(installed: Installed) -> None:
    code = (
        "import inlay._cuda, pathlib;"
        "print('libcuda.so' in pathlib.Path('/proc/self/maps').read_text())"
    )
    assert installed("-c", code) == "False"


@pytest.mark.usefixtures("with_kernels")
def test_kernels_are_for_all_architectures(installed: Installed) -> None:
    found = installed("-c", "import inlay; print(*inlay.build_info()['cuda']['architectures'])")
    assert found == "75-real 80-real 90-real 100"


@pytest.mark.usefixtures("with_kernels")
def test_kernels_of_another_build_are_refused(installed: Installed) -> None:
    directory = Path(installed("-c", "import inlay._cuda as m; print(m.__file__)")).parent
    (kernels,) = directory.glob("_cuda.*.so")
    right = kernels.read_bytes()
    own = installed("-c", "import inlay; print(inlay.build_info()['build_id'])").encode()
    assert right.count(own) >= 1
    kernels.write_bytes(right.replace(own, own[::-1]))
    try:
        said = installed(
            "-c",
            "try: import inlay._cuda\nexcept ImportError as error: print(error)",
        )
    finally:
        kernels.write_bytes(right)
    assert "inlay._cuda and libinlay.so.0 come from different builds" in said


def test_selftest_passes_outside_the_tree(installed: Installed) -> None:
    assert installed("-m", "inlay.selftest").endswith("ok")
