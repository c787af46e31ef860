"""Stacks of adapters, and the trainers that users would otherwise run, trained for some steps.

Promises: the worker's own code does each step, with what it writes after each; a step's time is
wall time between two steps, with the device waited for at the first and the last of them only.
Nothing is trained to its end: checkpoints are not measured. One adapter is made, by PEFT, and every
run of a stack begins with it, since PEFT needs a second for each of an 8B's.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from accelerate import Accelerator

from tests.builders.training_home import TrainingHome
from tests.gpu import shapes
from tests.gpu.session import Session
from wgen_tui.paths import Home
from wgen_tui.workers.adapters import new_adapter
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Cancelled, Worker
from wgen_tui.workers.train import stage
from wgen_tui.workers.train.run import TrainingRun
from wgen_tui.workers.train.single import train_single
from wgen_tui.workers.verify import trl as stock

TIMED = 3.0  # seconds after which no further step is begun, on a slow model
LEAST_STEPS = 3  # that are timed however long they take
MOST_STEPS = 1000  # the clock ends a training long before
FIRST = "r0"

OnStep = Callable[[int], None]


@dataclass
class Clock:
    """Times the steps from the first that counts to the last, then ends the training.

    Attributes:
        session: Its device is waited for.
        warm: Steps before the first that counts.
        steps: Most steps that are timed.
        limit: Seconds after which no further one is begun.
        on_step: Told of the leading run's steps as they are done, from 1.
        done: Steps that the leading run has done.
        timed: Those of them that were timed.
        adapter_steps: Steps of all runs in that time.
        seconds: That time; 0 while it has not ended.
        lasts: Of each timed step, as the host sees it.
    """

    session: Session
    warm: int
    steps: int
    limit: float = TIMED
    on_step: OnStep | None = None
    done: int = 0
    timed: int = 0
    adapter_steps: int = 0
    seconds: float = 0.0
    lasts: list[float] = field(default_factory=list)
    _began: float | None = None
    _before: float = 0.0

    def tick(self, *, leads: bool) -> None:
        """A run has done a step.

        Raises:
            Cancelled: All that were wanted are done.
        """
        if self.seconds:
            raise Cancelled
        if self._began is not None:
            self.adapter_steps += 1
        if not leads:
            return
        self.done += 1
        if self.on_step is not None:
            self.on_step(self.done)
        if self._began is None:
            if self.done >= self.warm:
                self.session.synchronize()
                self._began = self._before = time.perf_counter()
            return
        self.timed += 1
        at = time.perf_counter()
        self.lasts.append(at - self._before)
        self._before = at
        late = at - self._began > self.limit and self.timed >= LEAST_STEPS
        if self.timed == self.steps or late:
            self.session.synchronize()
            self.seconds = time.perf_counter() - self._began
            raise Cancelled

    @property
    def rate(self) -> float:
        """Adapter-steps per second."""
        return self.adapter_steps / self.seconds

    @property
    def median(self) -> float:
        """Seconds of a step, as the host sees most of them."""
        return median(self.lasts)

    @property
    def together(self) -> float:
        """Adapters that were in the stack, on average."""
        return self.adapter_steps / self.timed


class NotMeasuredError(Exception):
    """A training ended before its steps were timed; says why."""


@dataclass
class Runs:
    """Runs that differ in their seeds, in files of their own, ready to be trained.

    Attributes:
        worker: Of their launch.
        field: Their home.
        runs: One for each adapter.
    """

    worker: Worker
    field: TrainingHome
    runs: list[TrainingRun]


def make_runs(
    session: Session, base: Base, model: Path, count: int, tokens: int, *, checkpointing: bool
) -> Runs:
    """Write runs on rows of about `tokens` tokens, and read them as a worker does.

    Args:
        session: Gives the folder and the number of rows.
        base: Its tokenizer makes the rows.
        model: What the runs name as their model.
        count: How many runs.
        tokens: Of a row.
        checkpointing: Whether gradients are checkpointed.
    """
    root = Path(tempfile.mkdtemp(dir=session.folder))
    home = TrainingHome(Home(root / "home").ensure(), model)
    chats = shapes.rows(base.tokenizer, tokens, session.sizes.rows)
    data = shapes.as_lines(chats)
    for seed in range(count):
        paths = home.add(
            f"r{seed}",
            seed=seed,
            rows=session.sizes.rows,
            lora=shapes.LORA,
            max_steps=MOST_STEPS,
            learning_rate=2e-4,
            gradient_checkpointing=checkpointing,
        )
        paths.data.write_text(data)
    worker = home.launch(stack=count)
    specs = [worker.run_spec(run_id) for run_id in home.runs]
    assert specs[0].training is not None
    dataset = load_examples(worker.run_paths(FIRST).data, base.tokenizer, specs[0].training)
    runs = [
        TrainingRun(worker, spec, spec.training, dataset, MOST_STEPS, None)
        for spec in specs
        if spec.training is not None
    ]
    return Runs(worker, home, runs)


def train_stack(base: Base, made: Runs, clock: Clock) -> None:
    """Train the runs in one stack, as many as the worker thinks fit, until the clock ends it.

    Raises:
        NotMeasuredError: They ended before.
    """
    with _ticking(made.worker, clock), _one_adapter(), redirect_stdout(io.StringIO()):
        alone = stage.train_group(made.worker, base, made.runs, None)
    if alone or not clock.seconds:
        outcomes = {one.message for one in made.worker.outcomes.values()}
        raise NotMeasuredError("; ".join([*(why for _, why in alone), *sorted(outcomes)]))


def train_plain(base: Base, made: Runs, clock: Clock) -> None:
    """Train one run with PEFT's adapter in a plain loop, until the clock ends it."""
    with _ticking(made.worker, clock), suppress(Cancelled), redirect_stdout(io.StringIO()):
        train_single(made.worker, base, Accelerator(), made.runs[0])


def train_trl(base: Base, made: Runs, clock: Clock) -> None:
    """Train one run with TRL's SFTTrainer, until the clock ends it; the base is spent then."""
    run = made.runs[0]
    with suppress(Cancelled), redirect_stdout(io.StringIO()):
        stock.train(
            base,
            run.dataset,
            run.training,
            run.spec.seeds,
            run.steps,
            lambda _: clock.tick(leads=True),
        )


def why_no_trl() -> str | None:
    """Why TRL cannot be measured here; None if it can."""
    try:
        import datasets  # noqa: F401  an extra
        from trl import SFTTrainer  # noqa: F401  an extra
    except (ImportError, RuntimeError) as error:  # trl imports lazily, and says so in its own way
        return str(error).strip().splitlines()[-1][:200]
    return None


@contextmanager
def _ticking(worker: Worker, clock: Clock) -> Iterator[None]:
    """Let a worker's progress move the clock; once the time is taken, nothing new is begun."""
    progress = worker.progress

    def tick(run_id: str, *rest: Any, **values: Any) -> None:
        progress(run_id, *rest, **values)
        try:
            clock.tick(leads=run_id == FIRST)
        except Cancelled:
            worker.stop(0, None)
            raise

    with patch.object(worker, "progress", tick):
        yield


@contextmanager
def _one_adapter() -> Iterator[None]:
    """Make the first adapter on the device, and give it to every run."""
    made: list[Any] = []

    def same(model: Any, config: Any, seed: int) -> Any:
        if not made:
            with model.device:
                made.append(new_adapter(model, config, seed))
        return made[0]

    with patch.object(stage, "new_adapter", same):
        yield
