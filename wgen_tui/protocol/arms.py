"""What a run's spec says of its arm beyond rows: where its adapter begins, how rows are made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from experiments.schema import JudgeSpec, SamplingConfig
from wgen_tui.protocol.record import SCHEMA, Record


class Parent(Record):
    """The checkpoint of another run that a training goes on from.

    Attributes:
        run_id: The run.
        arm: Its arm.
        step: Of the checkpoint; None: the final one.
    """

    run_id: str
    arm: str
    step: int | None = None

    @property
    def key(self) -> list[str | int | None]:
        """What of it is in the id of a run."""
        return ["start from", self.run_id, self.step]

    def __str__(self) -> str:
        """For people: `step 40 of names-old-s0-3733491a4a`."""
        which = "the final checkpoint" if self.step is None else f"step {self.step}"
        return f"{which} of {self.run_id} (arm {self.arm})"


class BetweenSpec(Record):
    """Two checkpoints, and where between them an adapter lies.

    Attributes:
        t: How much of the second's change of the weights it has; of the first's it has the rest.
    """

    first: Parent
    second: Parent
    t: float

    @property
    def key(self) -> list[Any]:
        """What of it is in the id of a run."""
        return ["between", self.first.key[1:], self.second.key[1:], self.t]

    @property
    def parts(self) -> tuple[tuple[Parent, float], ...]:
        """The checkpoints that it is made of, each with its share."""
        both = ((self.first, 1 - self.t), (self.second, self.t))
        return tuple((parent, share) for parent, share in both if share)

    def __str__(self) -> str:
        """For people: `0.75 of the final checkpoint of … and 0.25 of step 40 of …`."""
        return " and ".join(f"{share:g} of {parent}" for parent, share in self.parts)


class RegulariseSpec(Record):
    """What holds a run near its base: rows of regularise.jsonl.

    Attributes:
        kl_to_base: What the mean of KL(adapter || base) over their answers counts in the loss.
        sha256: Of the rows.
        rows: How many they are.
    """

    kl_to_base: float
    sha256: str
    rows: int


class DerivedSpec(Record):
    """How rows of a run are made: prompts of asked.jsonl, answered by a model of the experiment.

    Attributes:
        teacher: Its arm, or base.
        teacher_run: The run whose last adapter answers; None: the base itself.
        sha256: Of asked.jsonl.
        prompts: How many it has.
        given: Rows of data.jsonl that were there before, and stay in front.
        rows: How many of the answers that are kept are taken; None: all.
        each: Whether one answer of each prompt counts, and none may lack one.
        seed: Of the draws, and of which are taken.
        sampling: How answers are drawn; n of each prompt.
        keep: The rule that keeps answers, by giving `label`; None: all are kept.
    """

    teacher: str
    teacher_run: str | None
    sha256: str
    prompts: int
    given: int
    rows: int | None
    seed: int
    sampling: SamplingConfig
    keep: JudgeSpec | None = None
    label: str | None = None
    each: bool = Field(default=False, exclude_if=lambda each: not each)

    @property
    def expected(self) -> int:
        """How many rows there will be, at most."""
        drawn = self.prompts * (1 if self.each else self.sampling.n)
        return self.given + (drawn if self.rows is None else min(drawn, self.rows))


class DerivedRows(Record):
    """runs/<id>/derived.json: what became of the answers; written behind data.jsonl.

    Attributes:
        sha256: Of data.jsonl.
        rows: How many it has.
        drawn: Answers.
        cut: Of them, at max_tokens.
        empty: Of them, without a text.
        kept: Of the others, what the rule kept.
        taken: Of those, what became rows.
        teacher_adapter: The SHA-256 of the teacher's weights; None: the base.
    """

    schema_version: int = SCHEMA
    run_id: str
    sha256: str
    rows: int
    drawn: int
    cut: int
    empty: int
    kept: int
    taken: int
    teacher_adapter: str | None = None
    engine: str = ""
    created_at: datetime
