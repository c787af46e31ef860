"""What a run's spec says of its arm beyond rows: what holds it near its base, how rows are made."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from experiments.schema import JudgeSpec, SamplingConfig
from wgen_tui.protocol.record import SCHEMA, Record


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
