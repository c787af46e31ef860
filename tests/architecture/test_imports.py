"""The layers hold in the source (import-linter) and at run time (sys.modules in subprocesses)."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TORCH = {"torch", "transformers", "peft", "accelerate"}
HEAVY = {"duckdb", "pyarrow", "numpy", "scipy"}


def modules_after(code: str, of: str = "") -> set[str]:
    """The top-level modules in sys.modules of a fresh interpreter after `code`.

    With `of`, all modules of that package instead.
    """
    names = f"{{m for m in sys.modules if m.split('.')[0] == {of!r}}}"
    if not of:
        names = "{m.split('.')[0] for m in sys.modules}"
    script = f"{code}\nimport sys, json\nprint(json.dumps(sorted({names})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def all_modules(package: str) -> list[str]:
    """Every importable module below a package folder, dotted."""
    folder = ROOT / package.replace(".", "/")
    names = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if not name.endswith("__main__")]


@pytest.mark.parametrize(
    "package", ["wgen_tui.cli", "wgen_tui.ui", "wgen_tui.services", "store", "experiments"]
)
def test_only_workers_load_torch(package: str) -> None:
    code = "\n".join(f"import {name}" for name in all_modules(package))
    assert not TORCH & modules_after(code)


def test_workers_load_no_screen_and_no_database() -> None:
    code = "\n".join(f"import {name}" for name in all_modules("wgen_tui.workers"))
    loaded = modules_after(code)
    assert "torch" in loaded, "the test looks at the wrong modules"
    # Some versions of what workers import load rich themselves.
    theirs = modules_after("import accelerate, peft, transformers")
    assert not {"textual", "rich", "duckdb"} & (loaded - theirs)
    assert modules_after(code, of="store") == {"store", "store.schema"}


def test_the_contract_of_workers_names_every_module_of_the_store_but_its_schema() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (forbidden,) = [
        set(contract["forbidden_modules"])
        for contract in contracts["contracts"]
        if contract["name"].startswith("Workers never reach")
    ]
    own = {name for name in forbidden if name.split(".")[0] == "store"}
    # A folder stands for all that is in it (`as_packages`).
    direct = {name for name in all_modules("store") if name.count(".") == 1}
    assert own == direct - {"store.schema"}


def test_judging_needs_no_torch() -> None:
    assert not TORCH & modules_after("import wgen_tui.workers.judge.stage")


def test_asking_a_server_needs_no_torch() -> None:
    assert not TORCH & modules_after("import wgen_tui.workers.sample.served")
    assert not TORCH & modules_after("import wgen_tui.workers.model_judge.served")


FIRST = "import wgen_tui.cli\nfrom wgen_tui.ui.app import load_screen\nload_screen('experiments')"


def test_the_first_frame_waits_for_no_heavy_import() -> None:
    loaded = modules_after(FIRST)
    assert "textual" in loaded
    assert not (TORCH | HEAVY | {"click", "pydantic", "yaml", "psutil"}) & loaded


FIRST_STATE = (
    *("cells", "experiment_card", "experiments", "format", "run_states"),
    *("headlines", "figures", "axis"),
)


def test_the_first_frame_waits_for_no_dialog_and_no_other_screen() -> None:
    loaded = modules_after(FIRST, of="wgen_tui")
    assert {name for name in loaded if name.startswith("wgen_tui.cli.")} == {"wgen_tui.cli.main"}
    screens = {name for name in loaded if name.startswith("wgen_tui.ui.screens.")}
    own = {"base", "experiments", "experiment_actions", "experiment_headlines"}
    assert screens == {f"wgen_tui.ui.screens.{name}" for name in own}
    assert not {name for name in loaded if name.startswith("wgen_tui.ui.modals.")}
    state = {name.rpartition(".")[2] for name in loaded if name.startswith("wgen_tui.ui.state.")}
    shared = {"shared", "app_bar", "arm_colours"}
    assert state == {*FIRST_STATE, *shared}


def test_help_is_light() -> None:
    loaded = modules_after("import wgen_tui.cli")
    assert not (TORCH | HEAVY | {"textual"}) & loaded


def test_view_models_know_no_textual() -> None:
    code = "\n".join(f"import {name}" for name in all_modules("wgen_tui.ui.state"))
    assert "textual" not in modules_after(code)
