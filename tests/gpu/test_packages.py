"""What run.sh installs: what the machine lacks and no more, and what is missing is named."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.gpu import packages
from tests.gpu.packages import Package, follow, project, wheels


def _wheel(
    folder: Path, name: str, version: str, *requires: str, tag: str = "py3-none-any"
) -> None:
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
        archive.writestr(f"{name}-{version}.dist-info/METADATA", "\n".join(lines) + "\n\n")


def test_only_what_the_machine_lacks_is_installed(tmp_path: Path) -> None:
    _wheel(tmp_path, "store", "2.0", "old>=3", "fine", "nowhere>1", 'other; python_version < "3"')
    _wheel(tmp_path, "old", "3.1")
    _wheel(tmp_path, "fine", "9.0")
    _wheel(tmp_path, "torch", "9.0")
    here = {
        "old": Package("2.0", ()),
        "fine": Package("1.0", ("what-the-machine-has-is-whole",)),
        "torch": Package("2.11.0+cu130", ()),
    }
    roots = [(Requirement(line), "us") for line in ("store", "fine[more]", "torch>=2.6")]
    needs = follow(roots, here.get, wheels(tmp_path, fit=True))
    assert {name: package.version for name, package in needs.wheels.items()} == {
        "store": "2.0",
        "old": "3.1",
    }
    assert needs.missing == {"nowhere>1": "store 2.0 needs it"}


def test_a_large_package_is_never_brought_and_named_when_it_is_too_old(tmp_path: Path) -> None:
    _wheel(tmp_path, "torch", "9.0")
    roots = [(Requirement("torch>=2.6"), "us")]
    old = follow(roots, {"torch": Package("2.5", ())}.get, wheels(tmp_path, fit=True))
    assert (old.wheels, old.missing) == ({}, {"torch>=2.6": "us needs it, here is 2.5"})
    assert not follow(roots, None, {}).missing  # it is not downloaded either


def test_wheels_of_another_python_do_not_fit(tmp_path: Path) -> None:
    _wheel(tmp_path, "store", "2.0", tag="cp27-cp27m-manylinux1_x86_64")
    assert wheels(tmp_path, fit=False) and not wheels(tmp_path, fit=True)


def test_the_projects_own_requirements_are_followed() -> None:
    missing = follow(project("verify"), None, {}).missing
    assert any(line.startswith("duckdb") for line in missing)
    assert any(line.startswith("trl") for line in missing)
    assert not any(line.startswith(("torch", "transformers", "numpy")) for line in missing)


@pytest.mark.parametrize(("lacking", "code"), [("trl", 0), ("duckdb", 1)])
def test_only_trl_may_be_missing(
    lacking: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = {name: None if name == lacking else Package("9999", ()) for name in _names()}
    monkeypatch.setattr(packages, "installed", here.get)
    assert packages.main(["install", str(tmp_path)]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"Missing: {lacking}>=")
    assert ("without TRL" in err) == (code == 0)


def _names() -> list[str]:
    return [canonicalize_name(requirement.name) for requirement, _ in project("verify")]
