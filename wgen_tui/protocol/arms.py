"""What a run's spec says of its arm beyond rows: where its adapter begins, how rows are made."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from experiments.schema import JudgeSpec, SamplingConfig, Threshold
from wgen_tui.protocol.judging import AskedJudge
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


class UpsampleSpec(Record):
    """Which rows of a run stand twice, by what another run makes of them.

    Attributes:
        by: useful: those that are learned slowly; random: as many, by the seed's choice.
        first: The run of the first training.
        given: Rows of data.jsonl that were there before, and stay in front.
        sha256: Of these.
        seed: Of the clusters' starts and of the choice.
        class_field: The rows' field whose values are parted by themselves; None: all are one.
        classes_sha256: Of classes.jsonl.
    """

    by: Literal["useful", "random"]
    first: Parent
    given: int
    sha256: str
    seed: int
    class_field: str | None = None
    classes_sha256: str | None = None

    @property
    def key(self) -> list[Any]:
        """What of it is in the id of a run."""
        of = [self.class_field, self.classes_sha256]
        return ["upsample", self.by, self.first.run_id, self.seed, *of]

    @property
    def most(self) -> int:
        """How many rows there will be, at most."""
        return 2 * self.given


class RowCluster(Record):
    """The rows of one class (or all) in two clusters, by what a first training makes of them.

    Attributes:
        name: The class; empty where all rows are one.
        rows: How many there are.
        slow: How many of them are in the cluster of the higher mean loss; 0 where they do not part.
        slow_loss: That cluster's mean loss of a row; of all rows where they do not part.
        fast_loss: The other's; None where they do not part.
    """

    name: str
    rows: int
    slow: int
    slow_loss: float
    fast_loss: float | None


class UpsampledRows(Record):
    """runs/<id>/upsampled.json: which rows stand twice; written behind data.jsonl.

    Attributes:
        sha256: Of data.jsonl.
        rows: How many it has.
        twice: Lines of data.jsonl, from 1, that stand there again.
        step: Of the first training's checkpoint.
        adapter_sha256: Of its weights.
    """

    schema_version: int = SCHEMA
    run_id: str
    sha256: str
    rows: int
    twice: tuple[int, ...]
    clusters: tuple[RowCluster, ...]
    step: int
    adapter_sha256: str | None
    created_at: datetime


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
        keep: The rule that keeps answers; None: a model does, or all are kept.
        label: What the rule, or the model, must give; None: all are kept, or a number decides.
        kept_by: The model that keeps answers, loaded in the precision of the device.
        bound: Within which a number must lie to be kept.
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
    kept_by: AskedJudge | None = Field(default=None, exclude_if=lambda judge: judge is None)
    bound: Threshold | None = Field(default=None, exclude_if=lambda bound: bound is None)

    @property
    def key(self) -> list[Any]:
        """What of it is in the id of a run: of a model that keeps answers its name, not its place.

        Nor in which precision it computes, which is the machine's as that of the teacher is.
        """
        said = self.model_dump(mode="json", exclude={"kept_by"})
        return ["derived", said, *([] if self.kept_by is None else [self.kept_by.rubric])]

    def keeps(self, label: str | None, number: float | None) -> bool:
        """Whether what a judge says of an answer makes it a row."""
        if self.bound is not None:
            return number is not None and self.bound.holds(number)
        return label == self.label

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
        kept: Of the others, what the rule or the model kept.
        unjudged: Of the others, those of which the model's reply said nothing.
        taken: Of those kept, what became rows.
        teacher_adapter: The SHA-256 of the teacher's weights; None: the base.
        kept_by: The model that kept them, and in which precision it was loaded.
        judged_sha256: Of judged.jsonl, which has each answer with what that said of it.
    """

    schema_version: int = SCHEMA
    run_id: str
    sha256: str
    rows: int
    drawn: int
    cut: int
    empty: int
    kept: int
    unjudged: int = Field(default=0, exclude_if=lambda number: not number)
    taken: int
    teacher_adapter: str | None = None
    kept_by: str | None = Field(default=None, exclude_if=lambda told: told is None)
    judged_sha256: str | None = Field(default=None, exclude_if=lambda told: told is None)
    engine: str = ""
    created_at: datetime
