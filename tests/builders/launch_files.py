"""Runs and launches the way a commit and a worker leave them, for tests of what is read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.schema import TrainingConfig
from tests.builders.home import write_done, write_event, write_launch, write_run, write_start
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import Outcome, RunOutcome, Stage
from wgen_tui.protocol.queue import QueueRecord
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import ModelRef


class LaunchFiles:
    """Writes runs of one experiment, `x`, and launches of them."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def run(
        self,
        name: str = "x-a-s0-1",
        arm: str = "a",
        seed: int = 0,
        model: Path = Path("/nowhere"),
    ) -> str:
        training = None if arm == "base" else TrainingConfig(max_steps=10)
        ref = ModelRef(name="m", location=str(model))
        write_run(self.home, name, arm=arm, seed=seed, model=ref, training=training)
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
        more = {"accelerate": accelerate or {}}
        write_launch(self.home, name, stage, runs, after=after, **more)
        return name

    def chain(self, runs: list[str]) -> tuple[str, str, str]:
        """Three queued launches, one after the other."""
        train = self.launch("train", runs, number=0)
        sample = self.launch("sample", runs, (train,), number=1)
        return train, sample, self.launch("judge", runs, (sample,), number=2)

    def started(self, launch: str, pid: int | None = None) -> None:
        write_start(self.home.launch(launch), pid=pid)

    def lost(self, launch: str) -> None:
        """Its worker has died, and there is no other attempt."""
        write_record(self.home.launch(launch).queue, QueueRecord(failures=1))
        self.started(launch)

    def told(self, launch: str, word: str) -> None:
        """What people say to a worker: `cancel`, `cancel-RUN`, `pause-RUN`."""
        (self.home.launch(launch).control / word).touch()

    def event(self, launch: str, kind: str, **fields: Any) -> None:
        write_event(self.home.launch(launch), kind, **fields)

    def done(self, launch: str, runs: dict[str, Outcome], outcome: Outcome = "finished") -> None:
        ends = {
            name: RunOutcome(outcome=end, title="" if end == "finished" else "Why")
            for name, end in runs.items()
        }
        write_done(self.home.launch(launch), ends, outcome)
