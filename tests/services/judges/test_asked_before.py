"""What an experiment asked first stays, and a plan reads no launch to know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.schema import ModelJudge
from tests.builders.file_reads import files_opened
from tests.builders.home import write_launch
from tests.builders.judged import asked, panel
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.judges.asked_before import AskedBefore, keep_asked
from wgen_tui.services.judges.pins import Pins
from wgen_tui.services.runs import process

JUDGE = ModelJudge(name="old", model="m", prompt="{answer}", labels={"old": ("OLD",)})
HUB = ModelRef(name="org/m", location="org/m", revision="main", commit="c1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def launched(home: Home, name: str, *judges: AskedJudge, experiment: str = "x") -> None:
    stage = JudgeStage(judges=(), panel=panel(*judges) if judges else None)
    write_launch(home, name, "judge", [], experiment=experiment, judge=stage)


def hub(commit: str, precision: str = "fp32") -> AskedJudge:
    return asked(JUDGE, HUB.model_copy(update={"commit": commit}), precision=precision)


def test_launches_that_were_noted_are_not_read_again(home: Home) -> None:
    for number in range(30):
        launched(home, f"0-judge-{number:02d}", *([hub("c1")] if number % 2 else []))
    keep_asked(home)
    launched(home, "1-judge", hub("c1"))
    with files_opened() as opened:
        before = AskedBefore(home)
    specs = [path for path in opened if path.name == "launch.json"]
    assert [path.parent.name for path in specs] == ["1-judge"]
    assert len(before.launches) == 31
    assert [item.launch_id for item in before.by([hub("c1").asker])][:2] == [
        "1-judge",
        "0-judge-29",
    ]


def test_the_file_may_go_and_is_made_again(home: Home) -> None:
    launched(home, "0-judge", hub("c1"))
    launched(home, "1-judge", hub("c2"))
    keep_asked(home)
    kept = home.judge_launches.read_bytes()
    whole = AskedBefore(home).launches
    home.judge_launches.write_bytes(kept[:-30])  # the last line is torn
    assert AskedBefore(home).launches == whole
    home.judge_launches.unlink()
    assert AskedBefore(home).launches == whole
    keep_asked(home)
    assert home.judge_launches.read_bytes() == kept


def test_a_hub_model_stays_at_its_first_commit(home: Home) -> None:
    launched(home, "0-judge", hub("other"), experiment="y")
    launched(home, "1-judge", hub("c1"))
    launched(home, "2-judge", hub("c2"))
    pins = Pins(home, "x", None)
    assert pins.commit(HUB.model_copy(update={"commit": None})).commit == "c1"
    folder = ModelRef(name="m", location="/m")
    assert pins.commit(folder) == folder


@pytest.mark.parametrize(
    ("slurm", "gpu", "precision", "why"),
    [
        (None, False, "fp32", "no GPU here"),
        (None, True, "bf16", "there is a GPU"),
        (SlurmSettings(gres="gpu:a100:1"), False, "bf16", "gres gpu:a100:1"),
        (SlurmSettings(), True, "fp32", "there is no gres"),
    ],
)
def test_the_precision_is_of_the_device_that_will_load_it(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    slurm: SlurmSettings | None,
    gpu: bool,
    precision: str,
    why: str,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "all" if gpu else "")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert process.has_gpu() is gpu
    item = asked(JUDGE, HUB, precision=None)
    pins = Pins(home, "x", slurm)
    assert pins.precision(item).precision == precision
    assert why in pins.loaded(pins.precision(item))

    launched(home, "0-judge", hub("c1", "fp16"))
    pins = Pins(home, "x", slurm)
    assert pins.loaded(pins.precision(item)) == "fp16 (as this experiment asked it first)"
    assert Pins(home, "y", slurm).precision(item).precision == precision
