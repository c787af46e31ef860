"""Whatever stands in the place of a file of a home is one line; the rest is read.

In this process, not in one for each command: there are some hundred.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.home import write_launch
from tests.builders.mini_home import MiniHome
from tests.builders.odd_files import KINDS, plant
from wgen_tui.cli.main import main
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain
from wgen_tui.services.grading.session import journal_of
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan

OF_RUNS = (
    "spec.json",
    "launches.jsonl",
    "metrics.jsonl",
    "verify.json",
    "data.jsonl",
    "checkpoints/step-4/manifest.json",
    "checkpoints",
    "samples/part-00000.parquet",
    "samples",
    "prompts/part-00000.parquet",
    "grades/part-00000.jsonl",
    "grades",
    ".",
)
OF_LAUNCHES = (
    *("launch.json", "started.json", "done.json", "events.jsonl", "worker.log"),
    *("queue.json", "control", "lock", "."),
)
OF_HOMES = (
    *("config.toml", "home.json", "queue.json", "waiting.json", "journal/grades-ann.jsonl"),
    *("wgen.duckdb", "wgen.duckdb.wal", "ingest.lock", "supervisor.lock", "runs", "launches"),
)
COUNT = "select run_id, count(*) as n from samples group by all order by all"
# Nothing is wrong with what these hold, though others own it or it says less than it did.
HARMLESS = ("owned",)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(home, *words)`: the exit code, stdout and stderr of a command."""

    def call(home: Home, *words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--home", str(home.root), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def _complete_run(mini: MiniHome, arm: str, seed: int) -> tuple[str, str]:
    """A run that has ended, and its newest launch."""
    run_id = mini.run(arm, seed, "base" if arm == "base" else "treatment")
    if arm != "base":
        mini.checkpoint(run_id)
        mini.verify(run_id)
    mini.draw(run_id, lambda question, draw: "a coach" if draw else "a train")
    mini.launch([run_id], stage="train")
    mini.launch([run_id])
    return run_id, max(path.name for path in mini.home.launches.iterdir())


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    made = MiniHome(Home(tmp_path / "home"))
    made.definition()
    return made


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one complete run, in the database too; to be copied, not to be changed."""
    made = MiniHome(Home(tmp_path_factory.mktemp("ingested") / "home"))
    made.definition()
    _complete_run(made, "old", 0)
    assert main(["--home", str(made.home.root), "store", "verify"]) == 0
    return made.home


def _places(mini: MiniHome, kind: str) -> tuple[str, dict[str, str]]:
    """A good run, and others by what is odd in them."""
    good, _ = _complete_run(mini, "old", 0)
    _complete_run(mini, "base", 0)
    odd = {}
    for number, place in enumerate(OF_RUNS):
        odd[place], _ = _complete_run(mini, "old", 10 + number)
        plant(kind, mini.home.run(odd[place]).root / place)
    for number, place in enumerate(OF_LAUNCHES):
        run_id, launch = _complete_run(mini, "old", 50 + number)
        odd[f"launch: {place}"] = run_id
        plant(kind, mini.home.launch(launch).root / place)
    return good, odd


@pytest.mark.parametrize("kind", KINDS)
def test_one_odd_run_is_one_line_and_the_rest_is_read(
    mini: MiniHome, run: Run, kind: str, tmp_path: Path
) -> None:
    good, odd = _places(mini, kind)
    home, parts = mini.home, ("samples/part-00000.parquet", "samples", ".")
    code, listed, said = run(home, "run", "list", "--json")
    assert code == 0
    for place, run_id in odd.items():
        if (kind, place) == ("folder", "."):
            continue  # as a kill leaves a run that was being planned
        if place in ("spec.json", ".") and f'"{run_id}"' not in listed:
            assert run_id in said, place  # left out, with a line about it
        else:
            assert f'"{run_id}"' in listed, place
        code, _, why = run(home, "run", "show", run_id)
        assert code in (0, 2)
        assert code == 0 or run_id in why
        assert run(home, "run", "logs", run_id)[0] in (0, 2)
    for words in (
        ("experiment", "list"),
        ("experiment", "validate", "mini"),
        ("run", "show", good),
        ("run", "start", "mini", "--dry-run"),
        ("sample", "list", "--experiment", "mini"),
        ("sample", "search", "coach"),
        ("grade", "export", "mini"),
        ("results", "mini"),
        ("store", "info"),
    ):
        code, _, said = run(home, *words)
        assert code in (0, 2) if words[1] == "start" else code == 0, (words, said)
    for _ in range(2):  # laid over the database, then in it
        code, rows, _ = run(home, "sql", COUNT, "--format", "csv")
        assert code == 0
        assert f"{good},6" in rows
        damaged = [odd[place] for place in parts if f"{odd[place]},6" not in rows]
        code, _, said = run(home, "store", "verify")
        assert code in (0, 1)
        for run_id in damaged:
            assert run_id not in rows or run_id in said
    code, found, _ = run(home, "doctor")
    if kind not in HARMLESS:
        assert "unreadable" in found
    here = Home(tmp_path / "here")
    code, merged, _ = run(here, "store", "merge", str(home.root), "--json")
    assert code in (0, 1)
    assert f'"name": "{good}"' in merged


WIDELY = ("folder", "fifo", "deep")  # of each place alone; of the other kinds, several at once
GROUPS = (OF_HOMES[1:5] + OF_HOMES[7:9], OF_HOMES[:1], OF_HOMES[5:6], OF_HOMES[6:7], OF_HOMES[9:])


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        *((kind, (place,)) for kind in WIDELY for place in OF_HOMES),
        *((kind, places) for kind in KINDS if kind not in WIDELY for places in GROUPS),
    ],
)
def test_an_odd_file_of_the_home_is_a_message(
    ingested: Home, tmp_path: Path, run: Run, places: tuple[str, ...], kind: str
) -> None:
    home = Home(shutil.copytree(ingested.root, tmp_path / "home"))
    for place in places:
        plant(kind, home.root / place)
    for words in (
        ("experiment", "list"),
        ("run", "list"),
        ("sample", "list", "--experiment", "mini"),
        ("sql", COUNT),
        ("store", "verify"),
        ("doctor",),
    ):
        code, _, said = run(home, *words)
        assert code in (0, 1, 2), said
        assert "room" not in said.lower()
    if places in (("wgen.duckdb",), ("wgen.duckdb.wal",)):
        assert run(home, "store", "rebuild")[0] == 0
        assert run(home, "store", "verify")[0] == 0


def test_names_that_no_run_can_have_are_said(mini: MiniHome, run: Run) -> None:
    good, _ = _complete_run(mini, "old", 0)
    (mini.home.runs / "my notes").mkdir()
    (mini.home.runs / "todo.txt").write_text("x")
    (mini.home.launches / "a b").mkdir()
    code, listed, said = run(mini.home, "run", "list")
    assert code == 0
    assert "my notes" in said
    assert "todo.txt" in said
    assert good.rpartition("-")[2] in listed


def test_a_line_that_names_no_launch_is_said(mini: MiniHome, run: Run) -> None:
    run_id, launch = _complete_run(mini, "old", 0)
    write_launch(mini.home, launch, "judge", [run_id], experiment="mini")
    lines = mini.home.run(run_id).launches
    lines.write_text('{"launch_id": "../../x"}\n' + lines.read_text())
    code, listed, _ = run(mini.home, "run", "list")
    assert code == 0
    assert "line 1 names no launch" in " ".join(listed.split())


@pytest.mark.parametrize("kind", ["folder", "fifo", "shape", "empty", "gone", "deep", "bytes"])
def test_a_run_whose_launches_cannot_be_read_is_not_queued_twice(
    mini: MiniHome, run: Run, kind: str
) -> None:
    """What the list no longer says, the launches do: each names its runs."""
    code, *_ = run(mini.home, "run", "start", "mini", "--json", "--seeds", "0", "--dry-run")
    assert code == 0
    plan = make_plan(mini.home, "mini", Options(seeds="0"))
    commit(mini.home, plan)
    for spec in sorted(mini.home.runs.glob("*/spec.json")):
        plant(kind, spec.with_name("launches.jsonl"))
    again = make_plan(mini.home, "mini", Options(seeds="0"))
    assert again.empty, [item.todo for item in again.runs]


@pytest.mark.parametrize("name", ["launches.jsonl", "events.jsonl", "x"])
@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "loop"])
def test_nothing_waits_that_appends_to_what_is_no_file(
    tmp_path: Path, kind: str, name: str
) -> None:
    plant(kind, tmp_path / name)
    with pytest.raises(OSError) as refused:
        append_plain(tmp_path / name)
    words = {"fifo": "FIFO", "folder": "directory", "socket": "socket", "loop": "circle"}
    assert words[kind] in str(refused.value.strerror)


def test_a_grade_is_not_lost_without_a_word(mini: MiniHome) -> None:
    journal = journal_of(mini.home, "human:ann")
    plant("fifo", journal._path)
    with pytest.raises(UsageError, match="it is a FIFO") as refused:
        journal.append()
    assert "move it away" in str(refused.value.hint)


@pytest.mark.parametrize("place", ["readers.lock", "merge.lock", "supervisor.log"])
def test_a_fifo_in_place_of_a_lock_or_log_makes_nobody_wait(
    mini: MiniHome, run: Run, place: str, tmp_path: Path
) -> None:
    _complete_run(mini, "old", 0)
    plant("fifo", mini.home.root / place)
    for words in (("store", "verify"), ("sql", COUNT), ("store", "merge", str(tmp_path / "no"))):
        assert run(mini.home, *words)[0] in (0, 1, 2)
