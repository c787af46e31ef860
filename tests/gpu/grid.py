"""Adapter-steps per second of a stack beside TRL's SFTTrainer, which trains one run at a time.

Measures, for each shape, stacks of several sizes at batch 1 on rows like the bird names' and on
long ones; the long ones with gradient checkpointing on both sides (without it few adapters of an 8B
fit), and on a GPU the short ones with CUDA graphs as well. The peer runs in the same process on
the same rows; where TRL is not installed it is a plain loop around PEFT's model. What matters most
comes first, so that it is there when time runs short.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from unittest.mock import patch

from tests.gpu import shapes, stacks
from tests.gpu.session import Session
from tests.gpu.stacks import Clock
from wgen_tui.workers.device.graphs import SWITCH
from wgen_tui.workers.models import Base

PART = "grid"
MAIN = 16  # adapters: the stack that the target is for
CAPTURE_WARM = 4  # times as many steps before the clock starts, where graphs are captured
TARGET = 8  # times the peer's rate


@dataclass(frozen=True)
class Case:
    """One measurement: `stack` adapters, or None for the peer, on rows of `tokens` tokens.

    `graphs` says whether the engine is asked for CUDA graphs.
    """

    shape: str
    stack: int | None
    tokens: int
    graphs: bool = False


@dataclass
class Grid:
    """The measurements of one day.

    Attributes:
        session: Of the day.
        no_trl: Why TRL is not the peer; None where it is.
        clocks: What was measured so far.
    """

    session: Session
    no_trl: str | None
    clocks: dict[Case, Clock] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)
    _base: Base | None = None
    _shape: str = ""

    def measure(self, case: Case) -> None:
        """Measure one case and report it, or say why it is left out."""
        peer = self.peer if case.stack is None else f"K={case.stack}"
        graphs = ", CUDA graphs" if case.graphs else ""
        what = f"{case.shape}, rows of {case.tokens}, {peer}{graphs}"
        do = self._peer if case.stack is None else self._stack
        try:
            clock = self.session.attempt(PART, what, self._expected(case), partial(do, case))
        except stacks.NotMeasuredError as error:
            self.session.report.left_out(PART, what, str(error)[:300])
            return
        if clock is None:
            self._drop()  # a trainer that ran out of memory may have left something in it
            return
        self.clocks[case] = clock
        self._report(case, what, clock)

    @property
    def peer(self) -> str:
        return "TRL's SFTTrainer" if self.no_trl is None else "plain PEFT loop"

    def _expected(self, case: Case) -> float:
        """Seconds that a case may take: the model, what comes before the steps, the steps."""
        if not self.session.on_gpu:
            return 1.0
        billions = shapes.billions(self.session.sizes.models[case.shape])
        model = 0.0 if case.shape == self._shape else 1 + 0.4 * billions
        trainer = 4.0 if case.stack is None else 1.5
        graphs = 3.0 if case.graphs else 0.0
        return model + trainer + 0.3 * billions + 1.3 * stacks.TIMED + graphs

    def _stack(self, case: Case) -> Clock:
        assert case.stack is not None
        base = self._loaded(case.shape)
        made = self._runs(base, case, case.stack)
        clock = self._clock()
        if case.graphs:  # each length is captured when it comes for the second time
            clock.warm *= CAPTURE_WARM
        with patch.dict(os.environ, {SWITCH: "1" if case.graphs else "0"}):
            stacks.train_stack(base, made, clock)
        self._notes = [note for note in made.field.notes(made.worker) if "graphs" in note]
        return clock

    def _peer(self, case: Case) -> Clock:
        base = self._loaded(case.shape)
        made = self._runs(base, case, 1)
        clock = self._clock()
        if self.no_trl is None:
            self._drop()  # TRL and PEFT leave their own in it
            stacks.train_trl(base, made, clock)
        else:
            stacks.train_plain(base, made, clock)
        return clock

    def _runs(self, base: Base, case: Case, count: int) -> stacks.Runs:
        return stacks.make_runs(
            self.session,
            base,
            self.session.folder,
            count,
            case.tokens,
            checkpointing=is_long(self.session, case.tokens),
        )

    def _clock(self) -> Clock:
        return Clock(self.session, self.session.sizes.warm, self.session.sizes.steps)

    def _loaded(self, shape: str) -> Base:
        if self._base is None or self._shape != shape:
            self._drop()
            self.session.free()
            self._base, self._shape = shapes.build(self.session, shape), shape
        return self._base

    def _drop(self) -> None:
        self._base, self._shape = None, ""

    def _report(self, case: Case, what: str, clock: Clock) -> None:
        unit = "steps/s" if case.stack is None else "adapter-steps/s"
        notes = list(self._notes) if case.graphs else []
        if case.stack is not None and clock.together < case.stack:
            notes.append(f"{clock.together:.0f} of {case.stack} fitted together")
        if case.stack is None and self.no_trl is not None:
            notes.append(f"no TRL: {self.no_trl}")
        if is_long(self.session, case.tokens):
            notes.append("gradient checkpointing")
        theirs, ours = self._pair(case)
        ratio = ours / theirs if ours and theirs else None
        self.session.report.figure(
            PART,
            what,
            f"{clock.rate:.1f} {unit}",
            "" if ratio is None else self._ratio(case, ratio),
            "; ".join(notes),
            numbers={
                "shape": case.shape,
                "tokens": case.tokens,
                "stack": case.stack,
                "graphs": case.graphs,
                "peer": self.peer,
                "rate": clock.rate,
                "peer_rate": theirs,
                "ratio": ratio,
                "together": clock.together,
                "steps": clock.timed,
                "seconds": clock.seconds,
                "step_seconds": clock.lasts,
                "peak_mb": self.session.peak_mb(),
            },
        )

    def _pair(self, case: Case) -> tuple[float | None, float | None]:
        """The peer's rate, and that of the stack that this case is about (the main one's)."""
        own = case if case.stack else replace(case, stack=main_stack(self.session))
        theirs = self.clocks.get(replace(case, stack=None, graphs=False))
        ours = self.clocks.get(own)
        return theirs.rate if theirs else None, ours.rate if ours else None

    def _ratio(self, case: Case, ratio: float) -> str:
        stack = case.stack or main_stack(self.session)
        if case.stack is None:
            text = f"K={stack} does {ratio:.2f} times as many"
        else:
            text = f"{ratio:.2f} times {self.peer}"
        plain = self.clocks.get(replace(case, graphs=False))
        if case.graphs and plain:  # by most steps: those that capture are few in a whole training
            faster = plain.median / self.clocks[case].median
            text += f", most steps {faster:.2f} times as fast as without graphs"
        return f"{text} (target: {TARGET})" if stack == MAIN else text


def is_long(session: Session, tokens: int) -> bool:
    """Whether rows are the longest of the day: those train with gradient checkpointing."""
    return tokens == max(session.sizes.row_tokens)


def main_stack(session: Session) -> int:
    """The stack that is measured first."""
    return MAIN if MAIN in session.sizes.stacks else max(session.sizes.stacks)


def cases(session: Session) -> Iterator[Case]:
    """Every case, those that matter most first."""
    main = main_stack(session)
    rest = [stack for stack in session.sizes.stacks if stack not in (1, main)]
    bird, *longer = session.sizes.row_tokens

    rounds: list[Callable[[str], list[Case]]] = [
        lambda shape: [Case(shape, main, bird), Case(shape, None, bird)],
        lambda shape: [
            Case(shape, stack, bird, graphs=True) for stack in (main, 1) if session.on_gpu
        ],
        lambda shape: [Case(shape, stack, bird) for stack in (1, *rest)],
        lambda shape: [Case(shape, stack, tokens) for tokens in longer for stack in (main, None)],
        lambda shape: [Case(shape, stack, tokens) for tokens in longer for stack in (1, *rest)],
    ]
    for one_round in rounds:
        for shape in session.sizes.models:
            yield from one_round(shape)


def run(session: Session) -> None:
    """Measure as much as there is time for."""
    grid = Grid(session, stacks.why_no_trl())
    for case in cases(session):
        grid.measure(case)
