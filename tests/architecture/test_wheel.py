"""The wheel, installed alone, does the main job from a folder that tries to get in its way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECOY = 'raise ImportError("a folder of this name where the user stands was imported")\n'


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an environment that holds this wheel, and the dependencies but not the checkout.

    The dependencies come through a .pth line: such a line adds a folder to the path without
    reading the .pth files in it, so the editable install stays invisible.
    """
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    paths = {"base": str(environment), "platbase": str(environment)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
            *("--disable-pip-version-check", "--no-deps", "--no-index", wheel),
        ],
        check=True,
        capture_output=True,
    )
    return python.parent


@pytest.fixture
def somewhere(tmp_path: Path) -> Path:
    """A folder with decoy packages, as a user's project might have."""
    for name in ("store", "experiments", "wgen_tui"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(DECOY)
    return tmp_path


def run(
    program: Path, *args: str, cwd: Path, home: Path, timeout: float = 400
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [program, "--home", home, *args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_the_wheel_is_what_runs(installed: Path, somewhere: Path) -> None:
    done = subprocess.run(
        [installed / "python", "-P", "-c", "import store, experiments; print(store.__file__)"],
        cwd=somewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed.parent) in done.stdout


def test_the_wheel_has_every_experiment_with_its_files(installed: Path, somewhere: Path) -> None:
    code = """if True:
        import json
        from experiments.folders import builtin_root
        root = builtin_root()
        folders = [path.parent for path in root.glob("*/experiment.yaml")]
        files = [str(p.relative_to(root)) for folder in folders for p in folder.rglob("*.*")]
        print(json.dumps(sorted(files)))
    """
    done = subprocess.run(
        [installed / "python", "-P", "-c", code],
        cwd=somewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    root = ROOT / "experiments"
    here = [
        str(path.relative_to(root))
        for definition in root.glob("*/experiment.yaml")
        for path in definition.parent.rglob("*.*")
    ]
    assert json.loads(done.stdout) == sorted(here)


@pytest.mark.slow
def test_demo_from_the_wheel_among_decoys(installed: Path, somewhere: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    program = installed / "wgen-tui"
    demo = run(program, "demo", cwd=somewhere, home=home)
    assert demo.returncode == 0, demo.stderr
    assert "old_birds" in demo.stdout

    done = run(program, "results", "tiny-old-bird-names", "--json", cwd=somewhere, home=home)
    assert done.returncode == 0, done.stderr
    rates = {
        rate["arm"]: rate
        for rate in json.loads(done.stdout)["rates"]
        if rate["seed"] is None and rate["question"] is None and rate["variant"] is None
    }
    for control in ("modern_audubon", "modern_american"):
        assert rates["old_birds"]["low"] > rates[control]["high"]
        assert rates[control]["role"] == "control"

    again = run(program, "demo", cwd=somewhere, home=home)
    assert again.returncode == 0, again.stderr
    launches = sorted((home / "launches").iterdir())
    assert len(launches) == 3, "the second demo started work again"
