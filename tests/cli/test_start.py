"""`wgen-tui run start`: bad input is one clear message, exit 2, and nothing written."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from wgen_tui.cli.group import group
from wgen_tui.cli.shapes.base import example
from wgen_tui.cli.shapes.catalogue import SHAPES
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import read_start
from wgen_tui.services.control.watch import watch
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.runs import runs

Program = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = Path(sys.executable).with_name("wgen-tui")
Change = Callable[[Path], None]


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*")) if root.exists() else []


def replaced(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / "experiment.yaml").read_text()
        assert old in text
        (folder / "experiment.yaml").write_text(text.replace(old, new))

    return change


def data(text: str) -> Change:
    def change(folder: Path) -> None:
        (folder / "data" / "old.jsonl").write_text(text)

    return change


def without_weights(folder: Path) -> None:
    (folder.parent / "model" / "model.safetensors").unlink()


def without_template(folder: Path) -> None:
    (folder.parent / "model" / "chat_template.jinja").unlink()


GOOD = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
BAD_DEFINITIONS: dict[str, tuple[Change, list[str]]] = {
    "unknown key": (replaced("max_steps:", "max_step:"), ["max_step", "max_steps"]),
    "yaml": (replaced("title: Names", "title: [Names"), ["experiment.yaml:2", "column"]),
    "missing dataset": (lambda f: (f / "data" / "old.jsonl").unlink(), ["old.jsonl"]),
    "empty dataset": (data(""), ["old.jsonl", "empty"]),
    "broken line": (data(GOOD + '{"messages": [\n' + GOOD), ["old.jsonl:2"]),
    "no assistant turn": (
        data(GOOD + '{"messages": [{"role": "user", "content": "a"}]}\n'),
        ["old.jsonl:2", "assistant"],
    ),
    "too long": (replaced("max_length: 64", "max_length: 6"), ["4 of 4", "max_length 6", "error"]),
    "no weights": (without_weights, ["model", "weights"]),
    "no template": (without_template, ["chat_template"]),
    "seeds backwards": (replaced("seeds: 0-1", "seeds: 3-1"), ["3-1"]),
    "n = 0": (replaced("n: 3", "n: 0"), ["sampling.n"]),
}


@pytest.mark.parametrize("name", BAD_DEFINITIONS)
def test_a_bad_definition(command: Program, home: Home, definition: Path, name: str) -> None:
    change, needles = BAD_DEFINITIONS[name]
    change(definition)
    shown = command("run", "start", definition, code=2).stderr
    assert all(needle in shown for needle in needles), shown
    assert not home.root.exists()


@pytest.mark.parametrize(
    ("words", "needles"),
    [
        (["--arms", "old,nwe"], ["nwe", "Did you mean new"]),
        (["--seeds", "3-1"], ["3-1"]),
        (["--n", "0"], ["--n 0"]),
        (["--n", "many"], ["many"]),
        (["--checkpoints", "first"], ["first"]),
        (["--model", "/no/model/there"], ["/no/model/there"]),
        (["--model", "nobody/nothing"], ["nobody/nothing"]),
    ],
)
def test_a_bad_option(
    program: Program, home: Home, definition: Path, words: list[str], needles: list[str]
) -> None:
    done = program("run", "start", definition, *words, code=2, HF_HUB_OFFLINE="1")
    assert all(needle in done.stderr for needle in needles), done.stderr
    assert not home.root.exists()


def test_a_hub_that_does_not_answer(
    program: Program, home: Home, definition: Path, tmp_path: Path
) -> None:
    words = ("run", "start", definition, "--model", "nobody/nothing")
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")}
    shown = program(*words, code=2, HF_HUB_OFFLINE="0", **nowhere).stderr
    assert "cannot be reached" in shown
    assert not home.root.exists()


def test_an_unknown_experiment_names_the_nearest(command: Program, home: Home) -> None:
    assert "tiny-old-bird-names" in command("run", "start", "tiny-old-birds", code=2).stderr
    assert not home.root.exists()


def test_two_models_that_are_one(command: Program, home: Home, definition: Path) -> None:
    one = definition.parent / "model"
    two = shutil.copytree(one, definition.parent / "copy")
    shown = command("run", "start", definition, "--model", one, "--model", two, code=2).stderr
    assert "same weights" in shown
    assert not home.root.exists()


def test_a_dry_run_writes_nothing(program: Program, home: Home, definition: Path) -> None:
    shown = program("run", "start", definition, "--dry-run").stdout
    assert "train, sample, judge" in shown
    plan = json.loads(program("run", "start", definition, "--dry-run", "--json").stdout)
    assert plan["schema"] == 1
    assert plan["dry_run"] is True
    assert plan["runs"][0]["todo"] == ["sample", "judge"]
    assert {run["samples_missing"] for run in plan["runs"]} == {8}
    assert not home.root.exists()


def test_the_plan_is_what_another_scheduler_needs(
    command: Program, home: Home, definition: Path
) -> None:
    plan = json.loads(command("run", "start", definition, "--dry-run", "--json").stdout)
    assert_shape(example(SHAPES["run start --dry-run"]), plan)
    assert plan["backend"] == {"name": "local", "slurm": None}
    assert plan["versions"]["python"]
    assert (plan["samples_total"], plan["samples_missing"]) == (40, 40)
    launches = plan["launches"]
    assert [(item["id"], item["stage"], item["after"]) for item in launches] == [
        ("planned-0", "train", []),
        ("planned-1", "sample", ["planned-0"]),
        ("planned-2", "judge", ["planned-1"]),
    ]
    assert [item["loads_model"] for item in launches] == [True, True, False]
    assert [item["samples"] for item in launches] == [0, 40, 0]
    assert [len(item["runs"]) for item in launches] == [4, 5, 5]
    for item in launches:
        words = item["argv"]
        assert words[words.index("--home") + 1] == str(home.root)
        assert words[words.index("--launch") + 1] == item["id"]
        assert f"wgen_tui.workers.{item['stage']}" in words
    # What `run start` then writes is that plan.
    files = commit(home, make_plan(home, str(definition)))
    assert [(item.stage, list(item.run_ids)) for item in files] == [
        (item["stage"], item["runs"]) for item in launches
    ]
    again = json.loads(command("run", "start", definition, "--dry-run", "--json").stdout)
    assert again["launches"] == [], "all of it is under way"


def test_readonly_starts_nothing(command: Program, home: Home, definition: Path) -> None:
    assert "--readonly" in command("--readonly", "run", "start", definition, code=2).stderr
    command("--readonly", "run", "start", definition, "--dry-run")
    assert not home.root.exists()


def test_a_home_that_cannot_be_made(command: Program, home: Home, definition: Path) -> None:
    home.root.write_text("a file")
    shown = command("run", "start", definition, code=2).stderr
    assert "--home" in shown
    assert home.root.read_text() == "a file"


JSON_COMMANDS: dict[str, list[str]] = {
    "experiment list": [],
    "experiment show": ["tiny-old-bird-names"],
    "experiment preview": ["tiny-robot"],
    "experiment validate": ["tiny-old-bird-names"],
    "run list": [],
    "run show": ["RUN"],
    "sample list": ["--experiment", "names"],
    "sample search": ["a"],
    "sample show": ["SAMPLE"],
    "grade export": ["names"],
    "grade agreement": ["tiny-old-bird-names"],
    "results": ["names", "--judge", "lark", "--label", "lark"],
    "sql": ["select 'old' as arm"],
    "sql --schema": [],
    "store info": [],
    "store verify": [],
    "store rebuild": [],
    "doctor": [],
}
ELSEWHERE = {
    "run start",
    "grade judge",
    "grade plan",
    "run start --dry-run",
    "run verify",
    "sample top-up",
    "store merge",
}


def json_commands(item: click.Command, *names: str) -> Iterator[str]:
    """Every command that has --json."""
    if isinstance(item, click.Group):
        context = click.Context(item)
        for name in item.list_commands(context):
            child = item.get_command(context, name)
            assert child is not None
            yield from json_commands(child, *names, name)
    elif any("--json" in parameter.opts for parameter in item.params):
        yield " ".join(names)


# A rule's or a person's grade has none; made on demand; a mean has no numerator, and so on; no
# other run than a failed one has failed anywhere.
NULLABLE = {"transcript", "details", "counted", "bounds", "failed_at"}


OPTIONAL = {"against_task", "by_context", "published"}  # left out of results where there is none


def assert_shape(shape: object, found: object, where: str = "") -> None:
    """The same keys everywhere, and the same kinds of values where neither is null."""
    if found is None and where.rpartition(".")[2] in NULLABLE:
        return
    if isinstance(shape, dict) and any(key.startswith("<") for key in shape):
        assert isinstance(found, dict), where
        (other,) = (value for key, value in shape.items() if key.startswith("<"))
        assert set(found) >= {key for key in shape if not key.startswith("<")}, where
        for key, value in found.items():
            assert_shape(shape.get(key, other), value, f"{where}.{key}")
    elif isinstance(shape, dict):
        assert isinstance(found, dict), where
        assert set(found) == set(shape) - (OPTIONAL - set(found)), where
        for key in found:
            assert_shape(shape[key], found[key], f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(found, list), where
        for item in found:
            assert_shape(shape[0], item, f"{where}[]")
    elif shape is not None and found is not None:
        number = isinstance(shape, int | float) and not isinstance(shape, bool)
        assert isinstance(found, int | float if number else type(shape)), f"{where}: {found!r}"


def test_every_shape_is_checked() -> None:
    assert set(SHAPES) == {*JSON_COMMANDS, *ELSEWHERE}


def test_every_command_with_json_has_a_shape() -> None:
    assert set(SHAPES) >= set(json_commands(group))


@pytest.mark.slow
def test_to_the_end_and_again(
    program: Program, command: Program, home: Home, definition: Path
) -> None:
    """The real thing on a small model: supervisor, accelerate, workers, ingest."""
    done = program("run", "start", definition, "--json")
    result = json.loads(done.stdout)
    assert {run["state"] for run in result["runs"]} == {"finished"}
    assert [launch["stage"] for launch in result["launches"]] == ["train", "sample", "judge"]
    assert "old, seed 1: finished" in done.stderr
    before = [name for name in tree(home.root) if name.startswith(("runs", "launches"))]
    assert_shape(example(SHAPES["run start"]), result)
    listed = json.loads(program("sample", "list", "--json").stdout)
    ids = {"RUN": result["runs"][0]["id"], "SAMPLE": str(listed["samples"][0]["sample_id"])}
    for name, given in JSON_COMMANDS.items():
        words = [ids.get(word, word) for word in given]
        found = json.loads(command(*name.split(), *words, "--json").stdout)
        assert_shape(example(SHAPES[name]), found, name)

    again = program("run", "start", definition, "--json")
    assert json.loads(again.stdout)["launches"] == []
    assert "nothing to do" in again.stderr
    after = [name for name in tree(home.root) if name.startswith(("runs", "launches"))]
    assert after == before

    topped = json.loads(program("run", "start", definition, "--n", 5, "--json").stdout)
    assert [launch["stage"] for launch in topped["launches"]] == ["sample", "judge"]
    rows = json.loads(
        command("sql", "select run_id, count(*) from samples group by all", "--json").stdout
    )["rows"]
    assert len(rows) == 5
    # Three prompts: five draws each, now that --n asks the same of every question.
    assert {count for _, count in rows} == {15}


@pytest.mark.slow
def test_cancelling_a_run_at_work_and_taking_it_up_again(
    program: Program, home: Home, definition: Path
) -> None:
    replaced("max_steps: 2", "max_steps: 1000000")(definition)
    words = ("run", "start", definition, "--arms", "old", "--seeds", "0")
    program(*words, "--detach")
    for snapshot in watch(home, runs.run_names(home)):
        if any(run.state == "running" and (run.step or 0) > 1 for run in snapshot.runs):
            break
    started = read_start(home.launch(snapshot.runs[-1].launch_id or "").started)
    assert started is not None
    assert started.pid is not None
    assert os.getsid(started.pid) == started.pid
    assert Path(f"/proc/{started.pid}/fd/0").readlink() == Path("/dev/null")
    program("run", "cancel", "--experiment", "names")
    *_, last = watch(home, runs.run_names(home))
    assert {run.state for run in last.runs} == {"cancelled"}
    for launch in home.launches.glob("*/worker.log"):
        with launch.open("rb") as log:  # the kernel lets us on when the last process has gone
            fcntl.flock(log, fcntl.LOCK_SH)

    plan = json.loads(program(*words, "--dry-run", "--json").stdout)
    assert {run["arm"]: run["todo"] for run in plan["runs"]} == {
        "base": ["sample", "judge"],
        "old": ["train", "sample", "judge"],
    }


@pytest.mark.slow
def test_ctrl_c_stops_watching_and_not_the_work(home: Home, definition: Path) -> None:
    watching = subprocess.Popen(
        [PROGRAM, "--home", home.root, "run", "start", definition, "--arms", "old", "--seeds", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert watching.stderr is not None
    assert any("to do" in line for line in iter(watching.stderr.readline, ""))
    watching.send_signal(signal.SIGINT)
    shown = watching.stderr.read()
    assert watching.wait() == 128 + signal.SIGINT
    assert "the work goes on" in shown
    *_, last = watch(home, runs.run_names(home))
    assert {run.state for run in last.runs} == {"finished"}
