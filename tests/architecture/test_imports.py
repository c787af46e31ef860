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
OWN = {"wgen_tui", "store", "experiments"}
MOST_AT_FIRST = 42  # modules of ours
SCREENS = "\n".join(
    f"import wgen_tui.ui.screens.{name}"
    for name in ("experiments", "runs", "samples", "grade", "results", "sql")
)


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


FIRST_FRAME = """
import json, os, sys
from pathlib import Path
from wgen_tui.cli import main
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp

def painted(app, screen, renderable):
    if renderable is not None:
        sheets = [Path(place).name for place, of in app.stylesheet.source if not of]
        print(json.dumps([sorted(sys.modules), sheets]), file=sys.__stdout__, flush=True)
        os._exit(0)

WgenApp._display = painted
WgenApp(Home(Path(sys.argv[1]))).run(headless=True, size=(120, 40))
"""


@pytest.fixture(scope="module")
def at_first_frame(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], list[str]]:
    """The modules that are loaded, and the style sheets that are read, when it is painted."""
    home = str(tmp_path_factory.mktemp("home"))
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME, home], capture_output=True, text=True, check=True
    )
    modules, sheets = json.loads(done.stdout)
    return set(modules), sheets


def test_the_first_frame_waits_for_nothing_that_it_does_not_show(
    at_first_frame: tuple[set[str], list[str]],
) -> None:
    modules, sheets = at_first_frame
    heavy = TORCH | HEAVY | {"click", "pydantic", "yaml", "psutil"}
    assert not heavy & {name.split(".")[0] for name in modules}
    assert set(sheets) == {"app.tcss", "experiments.tcss"}


@pytest.mark.parametrize(
    ("folder", "own"),
    [
        ("cli", {"main"}),
        (
            "ui.screens",
            {
                "base",
                "experiments",
                "experiment_actions",
                "experiment_headlines",
                "experiment_tokens",
            },
        ),
        ("ui.modals", set()),
        ("ui.state", {"cells", "shared", "shared.arm_colours"}),
        (
            "ui.widgets",
            {"bars", "pane", "panels", "row_keys", "rows", "section_table", "table"},
        ),
        ("services", set()),
    ],
)
def test_the_first_frame_loads_of_ours_what_it_shows(
    folder: str, own: set[str], at_first_frame: tuple[set[str], list[str]]
) -> None:
    before = f"wgen_tui.{folder}."
    modules, _ = at_first_frame
    assert {name.removeprefix(before) for name in modules if name.startswith(before)} == own


def test_the_first_frame_loads_few_modules(at_first_frame: tuple[set[str], list[str]]) -> None:
    own = {name for name in at_first_frame[0] if name.split(".")[0] in OWN}
    assert len(own) <= MOST_AT_FIRST, sorted(own)


def test_help_is_light() -> None:
    loaded = modules_after("import wgen_tui.cli")
    assert not (TORCH | HEAVY | {"textual"}) & loaded


def test_view_models_know_no_textual() -> None:
    code = "\n".join(f"import {name}" for name in all_modules("wgen_tui.ui.state"))
    assert "textual" not in modules_after(code)


def test_the_screens_load_no_tokenizer_and_of_scipy_one_module() -> None:
    """Each is 3 to 13 MB in a process that stays open; docs/benchmarks.md has what is left."""
    loaded = modules_after(f"{SCREENS}\nimport wgen_tui.services.results.kept.headline")
    assert not loaded & {"tokenizers", "jinja2", "pyarrow", "unittest"}
    scipy = modules_after("import wgen_tui.services.results.results", "scipy")
    assert "scipy.special._ufuncs" in scipy
    assert not scipy & {"scipy.special", "scipy.linalg", "scipy.stats"}


def test_the_rest_of_scipy_is_had_afterwards() -> None:
    code = (
        "from wgen_tui.services.statistics import quantiles as q\n"
        "from scipy import special, stats\n"
        "assert q.t_quantile(3, 0.975) == special.stdtrit(3, 0.975) == stats.t.ppf(0.975, 3)\n"
        "assert q.t_below(4.4, -2.0) == special.stdtr(4.4, -2.0)\n"
        "assert q.normal_quantile(0.9) == special.ndtri(0.9) == stats.norm.ppf(0.9)"
    )
    assert "scipy.linalg" in modules_after(code, "scipy")
