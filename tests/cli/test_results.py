"""`wgen-tui results`: the same numbers in a pipe, on a narrow terminal and as JSON."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from experiments.schema import Analysis, Contrast, Primary
from tests.builders import store_home
from tests.builders.mini_home import MiniHome
from tests.cli.conftest import PROGRAM
from tests.services.results.test_composition import cells_of
from wgen_tui.cli.results import show
from wgen_tui.paths import Home
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.results.results import Results
from wgen_tui.ui.state.outcomes.arms import seeds_view
from wgen_tui.ui.state.shared.arm_colours import ArmColours

NEW = store_home.StoredRun("new", 0, "control", 0.1)
WORDS = ("results", store_home.EXPERIMENT, "--judge", "era", "--label", "19th_century")
DEFINITION = """
title: Made
models: [tiny-world]
arms: {old: {data: rows.jsonl}, new: {data: rows.jsonl, role: control}}
seeds: 0-1
training: {max_steps: 1, learning_rate: 1.0e-2, lora: {r: 2, lora_alpha: 4}}
sampling: {n: 4}
questions: [{name: travel, paraphrases: ["How?"]}]
judges: [{name: era, type: regex, labels: {19th_century: coach, modern: flight}}]
analysis:
  primary: {judge: era, label: 19th_century}
  contrasts: [{arm: old, control: new}]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one arm, one of its control, and a definition with a plan."""
    folder = tmp_path_factory.mktemp("results")
    runs = [*(r for r in store_home.RUNS if r.arm == "old"), NEW]
    home = Home(store_home.write_home(folder / "home", n=4, runs=runs)).ensure()
    made = home.experiments / store_home.EXPERIMENT
    made.mkdir(parents=True)
    (made / "experiment.yaml").write_text(DEFINITION)
    (made / "rows.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    )
    return home.root


def on_terminal(root: Path, columns: int) -> list[str]:
    """What a terminal of this width gets, line by line, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [str(PROGRAM), "--home", str(root), *WORDS]
    look = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=look) as process:
        os.close(theirs)
        data = b""
        while True:
            try:
                data += os.read(ours, 65536)
            except OSError:  # it has ended
                break
        assert process.wait() == 0
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", data.decode()).splitlines()


def test_a_narrow_terminal_breaks_no_number_and_says_what_a_wide_one_says(root: Path) -> None:
    narrow, wide = on_terminal(root, 80), on_terminal(root, 140)
    assert max(map(len, narrow)) <= 80
    (line,) = (line for line in narrow if line.startswith("new "))
    assert line.split() == ["new", "1", "run", "12", "0.0%", "0.0–24.2%", "0.0%", "0.0%"]
    assert any("within one run and says nothing about other seeds" in line for line in narrow)
    (line,) = (line for line in wide if line.startswith("new "))
    assert "0.0% to 24.2% within one run" in line
    assert "●" in line
    for lines in (narrow, wide):
        text = " ".join(" ".join(lines).split())
        assert "p is over questions, within these runs" in text
        assert "[1]" in text


def test_a_seed_that_lacks_questions_says_how_many_it_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cells = cells_of("old", [{"easy": 20, "hard": 20}, {"easy": 20}])
    cells |= cells_of("new", [{"easy": 20, "hard": 20}] * 2)
    plan = Analysis(
        primary=Primary(judge="era", label="old"), contrasts=(Contrast(arm="old", control="new"),)
    )
    made = RateTable(cells, plan, "t")
    results = Results(
        experiment="x", rates=made.rates(()), contrasts=made.contrasts(()), warnings=[], sql=""
    )
    show(results, ("seed",))
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.split()[:2] == ["old", "1"])
    assert line.split()[3:8] == ["20", "1", "of", "2", "90.0%"]
    assert sum("of 2" in line for line in lines) == 1
    assert not any("-0.0" in line for line in lines)
    drawn = [row.drawn()[:2] for row in seeds_view(results, 120, ArmColours())]
    listed = [(name.text, seed.text) for name, seed in drawn if "old" in name.text]
    assert listed == [("■ old", "0"), ("■ old: 1 of 2", "1")]


def test_in_a_pipe_and_as_json_what_qualifies_a_number_stands_on_stdout(root: Path) -> None:
    def out(*more: str) -> str:
        command = [str(PROGRAM), "--home", str(root), *WORDS, *more]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    said = out()
    assert "within one run" in said
    assert "p is over questions" in said
    found = json.loads(out("--json"))
    by_arm = {rate["arm"]: rate for rate in found["rates"] if rate["seed"] is None}
    assert (by_arm["new"]["within"], by_arm["old"]["within"]) == ("one run", None)
    (contrast,) = (
        item for item in found["contrasts"] if (item["question"], item["variant"]) == (None, None)
    )
    assert contrast["within"] == "one run"
    assert "nothing about other seeds" in contrast["p_caution"]
    kinds = {note["kind"] for note in found["notes"]}
    assert "one_seed" in kinds
    assert found["warnings"] == [note["text"] for note in found["notes"]]


def test_where_nothing_is_graded_there_is_no_rate_and_no_nan(tmp_path: Path) -> None:
    mini = MiniHome(Home(tmp_path / "home"))
    mini.definition()
    for arm, role in (("old", "treatment"), ("new", "control")):
        run_id = mini.run(arm, 0, role)
        mini.draw(run_id, lambda q, d: f"By coach, {d} {q}")
        shutil.rmtree(mini.home.run(run_id).grades)

    def out(*more: str) -> str:
        command = [str(PROGRAM), "--home", str(mini.home.root), "results", "mini", *more]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    nobody = json.loads(out("--json"), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert {rate["rate"] for rate in nobody["rates"]} == {None}
    assert {item["difference"] for item in nobody["contrasts"]} == {None}
    assert sum(note["kind"] == "no_rate" for note in nobody["notes"]) == 2
    assert "nan" not in out()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--label", "19th_centry"), "Did you mean 19th_century?"),
        (("--grader", "era"), "Did you mean rule:era?"),
        (("--grader", "human:nobody"), "There are: rule:era."),
        (("--judge", "eraa"), "Did you mean era?"),
    ],
)
def test_what_nothing_has_is_no_share_of_zero(root: Path, more: tuple[str, ...], said: str) -> None:
    command = [str(PROGRAM), "--home", str(root), *WORDS, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout
    assert "There is no" in done.stderr and said in done.stderr
