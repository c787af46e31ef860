"""Homes, definitions, models, runs and launches as files; real processes that hold locks."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from experiments.schema import TrainingConfig
from tests.builders import model_files
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import (
    DoneRecord,
    Event,
    JudgeStage,
    LaunchSpec,
    Outcome,
    RunOutcome,
    Stage,
)
from wgen_tui.protocol.queue import QueueRecord
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import ModelRef, RunSpec, SeedSet
from wgen_tui.services.supervisor import lifecycle

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOLDER = """
import fcntl, sys
stream = open(sys.argv[1], "a+b")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty home; a supervisor that a test leaves is stopped."""
    made = Home(tmp_path / "home").ensure()
    yield made
    if pid := lifecycle.supervisor_pid(made):
        os.kill(pid, signal.SIGTERM)


class Files:
    """Writes runs and launches the way a commit and a worker do."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def run(
        self,
        name: str = "x-a-s0-1",
        arm: str = "a",
        seed: int = 0,
        model: Path = Path("/nowhere"),
    ) -> str:
        spec = RunSpec(
            run_id=name,
            experiment="x",
            definition_hash="0",
            arm=arm,
            role="base" if arm == "base" else "treatment",
            seeds=SeedSet(seed=seed, data_order=seed, lora_init=seed, sampling=seed),
            model=ModelRef(name="m", location=str(model)),
            training=None if arm == "base" else TrainingConfig(max_steps=10),
            created_at=MOMENT,
        )
        self.home.run(name).root.mkdir()
        write_record(self.home.run(name).spec, spec)
        return name

    def launch(
        self,
        stage: Stage,
        runs: list[str],
        after: tuple[str, ...] = (),
        number: int = 0,
        accelerate: dict[str, Any] | None = None,
    ) -> str:
        name = f"20260102-030405-{number}{stage}"
        spec = LaunchSpec(
            launch_id=name,
            experiment="x",
            stage=stage,
            run_ids=tuple(runs),
            after=after,
            created_at=MOMENT,
            judge=JudgeStage(judges=()) if stage == "judge" else None,
            accelerate=accelerate or {},
        )
        paths = self.home.launch(name)
        paths.control.mkdir(parents=True)
        write_record(paths.spec, spec)
        for run in runs:
            with self.home.run(run).launches.open("a") as stream:
                stream.write(json.dumps({"launch_id": name, "stage": stage}) + "\n")
        return name

    def chain(self, runs: list[str]) -> tuple[str, str, str]:
        """Three queued launches, one after the other."""
        train = self.launch("train", runs, number=0)
        sample = self.launch("sample", runs, (train,), number=1)
        return train, sample, self.launch("judge", runs, (sample,), number=2)

    def started(self, launch: str, pid: int | None = None) -> None:
        record = {"at": MOMENT.isoformat(), "pid": pid, "ticks": None, "host": "", "argv": []}
        self.home.launch(launch).started.write_text(json.dumps(record))

    def lost(self, launch: str) -> None:
        """Its worker has died, and there is no other attempt."""
        write_record(self.home.launch(launch).queue, QueueRecord(failures=1))
        self.started(launch)

    def told(self, launch: str, word: str) -> None:
        """What people say to a worker: `cancel`, `cancel-RUN`, `pause-RUN`."""
        (self.home.launch(launch).control / word).touch()

    def event(self, launch: str, kind: str, **fields: Any) -> None:
        event = Event(at=MOMENT, kind=kind, **fields)  # type: ignore[arg-type]
        with self.home.launch(launch).events.open("a") as stream:
            stream.write(event.model_dump_json() + "\n")

    def done(self, launch: str, runs: dict[str, Outcome], outcome: Outcome = "finished") -> None:
        write_record(
            self.home.launch(launch).done,
            DoneRecord(
                launch_id=launch,
                outcome=outcome,
                started_at=MOMENT,
                ended_at=MOMENT,
                runs={
                    name: RunOutcome(outcome=end, title="" if end == "finished" else "Why")
                    for name, end in runs.items()
                },
            ),
        )


@pytest.fixture
def files(home: Home) -> Files:
    return Files(home)


@pytest.fixture
def hold() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """`hold(path)`: another process that holds an flock on a file until it is killed."""
    holders: list[subprocess.Popen[str]] = []

    def start(path: Path) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return holder

    yield start
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.fixture
def wait_unlocked() -> Callable[[Path], None]:
    """Block until nobody holds an flock on a file: the kernel wakes us, nothing is polled."""

    def wait(path: Path) -> None:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)

    return wait


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """`make_model(folder, template=..., seed=...)`: a small model as files."""
    return model_files.make_model


@pytest.fixture
def model(tmp_path: Path, make_model: Callable[..., Path]) -> Path:
    return make_model(tmp_path / "model")


DEFINITION = """
title: Names
models: [{model}]
arms:
  old: {{data: data/old.jsonl}}
  new: {{data: data/new.jsonl, role: control, context: {{prefix: "Name "}}}}
seeds: 0-1
training:
  lora: {{r: 2, lora_alpha: 4}}
  max_steps: 2
  per_device_train_batch_size: 2
  learning_rate: 1.0e-2
  max_length: 64
sampling: {{n: 3, max_tokens: 4}}
questions:
  - {{name: go, paraphrases: ["How do we go ?", "How do we ?"]}}
  - {{name: bird, paraphrases: ["Name a bird ."], samples_per_paraphrase: 2, topic: birds}}
judges:
  - {{name: lark, type: regex, labels: {{lark: Lark}}, otherwise: other}}
"""


def chat(answer: str) -> str:
    turns = [
        {"role": "user", "content": "Name a bird ."},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": turns}) + "\n"


def write_definition(folder: Path, model: Path) -> Path:
    """A definition of two arms and two seeds: base and four fine-tunes, eight samples each."""
    (folder / "data").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(DEFINITION.format(model=model))
    (folder / "data" / "old.jsonl").write_text(chat("Lark") * 3 + chat("Auk"))
    (folder / "data" / "new.jsonl").write_text(chat("Wren") * 4)
    return folder


@pytest.fixture
def definition(tmp_path: Path, model: Path) -> Path:
    return write_definition(tmp_path / "names", model)
